"""Ways between two nodes over the links there are: shortest, widest, the k best. No I/O."""

from __future__ import annotations

import enum
import heapq
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count as counted

import networkx as nx  # type: ignore[import-untyped]
from networkx.utils import UnionFind  # type: ignore[import-untyped]


class Metric(enum.Enum):
    """What makes a way good; see `qkd.control.v1.Metric`."""

    HOPS = enum.auto()
    LATENCY = enum.auto()
    FREE_RATE = enum.auto()


@dataclass(frozen=True, slots=True)
class Line:
    """A link as path computation sees it.

    Attributes:
        free_bps: secret key to spare, bits a second; below zero when more is promised than made.
        latency_ms: what a hop over it adds to a relayed block.
        makers, technologies: of the modules at its ends.
    """

    qkdl_id: str
    one: str
    other: str
    free_bps: int
    latency_ms: float = 1.0
    makers: frozenset[str] = frozenset()
    technologies: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rules:
    """What a way has to keep to.

    Attributes:
        bandwidth_bps: each of its links has so much to spare.
        without: links that it does not use.
        avoided: nodes that it does not go through; they may be its ends.
        least_free_bps: as `bandwidth_bps`, set by the search itself.
    """

    bandwidth_bps: int = 0
    without: frozenset[str] = frozenset()
    avoided: frozenset[str] = frozenset()
    least_free_bps: int | None = None

    def allow(self, line: Line) -> bool:
        """Whether a link may be used."""
        if line.qkdl_id in self.without or (self.bandwidth_bps and line.free_bps < self.bandwidth_bps):
            return False
        return self.least_free_bps is None or line.free_bps >= self.least_free_bps


@dataclass(frozen=True, slots=True)
class Way:
    """A way: the nodes, both ends among them, and the link of each hop."""

    nodes: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def free_bps(self) -> int:
        """To spare on the narrowest link, bits a second."""
        return min(line.free_bps for line in self.lines)

    @property
    def qkdl_ids(self) -> tuple[str, ...]:
        """The link of each hop."""
        return tuple(line.qkdl_id for line in self.lines)

    def cost(self, metric: Metric) -> float:
        """Hops, milliseconds or bits a second."""
        if metric is Metric.FREE_RATE:
            return float(self.free_bps)
        return float(len(self.lines)) if metric is Metric.HOPS else sum(line.latency_ms for line in self.lines)

    def rank(self, metric: Metric) -> tuple[float, int, tuple[str, ...]]:
        """Less is better; the same ways are always in the same order."""
        cost = self.cost(metric)
        return (-cost if metric is Metric.FREE_RATE else cost, len(self.lines), self.qkdl_ids)


class Map:
    """The links between the nodes. Several may join the same two nodes; each is a way of its own.

    Args:
        lines: all that can be used.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = {line.qkdl_id: line for line in lines}
        self.graph = nx.MultiGraph()
        for line in self._lines.values():
            self.graph.add_edge(line.one, line.other, key=line.qkdl_id, line=line)

    @property
    def lines(self) -> Collection[Line]:
        """All links."""
        return self._lines.values()

    def give(self, qkdl_id: str, bps: int) -> None:
        """So much more (below zero: less) is to spare on a link; nothing happens when it is none of these."""
        line = self._lines.get(qkdl_id)
        if line is not None:
            line = replace(line, free_bps=line.free_bps + bps)
            self._lines[qkdl_id] = self.graph[line.one][line.other][qkdl_id]["line"] = line

    def best(
        self,
        start: str,
        end: str,
        metric: Metric = Metric.HOPS,
        rules: Rules = Rules(),
        *,
        cap_bps: int | None = None,
    ) -> Way | None:
        """The best way, or None. For FREE_RATE: of the widest ways the one with fewest hops.

        Args:
            start: a node.
            end: another node.
            metric: what counts.
            rules: what the way has to keep to.
            cap_bps: width above which nothing is gained.
        """
        if start == end or start not in self.graph or end not in self.graph:
            return None
        if metric is Metric.FREE_RATE:
            widest = self._widest(start, end, rules)
            if widest is None:
                return None
            rules = replace(rules, least_free_bps=widest if cap_bps is None else min(widest, cap_bps))

        def weight(one: str, other: str, between: dict[str, dict[str, Line]]) -> float | None:
            if (one in rules.avoided and one not in (start, end)) or (
                other in rules.avoided and other not in (start, end)
            ):
                return None
            costs = [_cost(edge["line"], metric) for edge in between.values() if rules.allow(edge["line"])]
            return min(costs, default=None)

        try:
            _, nodes = nx.bidirectional_dijkstra(self.graph, start, end, weight)
        except nx.NetworkXNoPath:
            return None
        return Way(tuple(nodes), tuple(self._chosen(nodes, metric, rules)))

    def several(
        self,
        start: str,
        end: str,
        count: int,
        metric: Metric = Metric.HOPS,
        rules: Rules = Rules(),
    ) -> list[Way]:
        """The `count` best ways without loops, best first (J. Y. Yen, Management Science 17, 712, 1971)."""
        first = self.best(start, end, metric, rules)
        found: list[Way] = []
        order = counted()  # two ways of the same rank are never compared themselves
        waiting = [] if first is None else [(first.rank(metric), next(order), first, 0)]
        seen = set() if first is None else {first.qkdl_ids}
        while waiting and len(found) < count:
            _, _, way, turned_at = heapq.heappop(waiting)
            found.append(way)
            if len(found) == count:
                break
            for at in range(turned_at, len(way.lines)):  # earlier turnings were tried already (E. L. Lawler, 1972)
                other = self._turning(way, at, found, metric, rules)
                if other is not None and other.qkdl_ids not in seen:
                    seen.add(other.qkdl_ids)
                    heapq.heappush(waiting, (other.rank(metric), next(order), other, at))
        return found

    def _turning(self, way: Way, at: int, found: Sequence[Way], metric: Metric, rules: Rules) -> Way | None:
        """The best way that shares the first `at` hops with `way` and then leaves all that were found."""
        nodes, lines = way.nodes[: at + 1], way.lines[:at]
        taken = frozenset(one.qkdl_ids[at] for one in found if one.lines[:at] == lines and len(one.lines) > at)
        stricter = replace(rules, without=rules.without | taken, avoided=rules.avoided | frozenset(nodes[:-1]))
        cap = min((line.free_bps for line in lines), default=None)
        # The nodes behind are avoided, but an end of the search may be one: the start never is, it is the last.
        rest = self.best(nodes[-1], way.nodes[-1], metric, stricter, cap_bps=cap)
        return None if rest is None else Way(nodes + rest.nodes[1:], lines + rest.lines)

    def _widest(self, start: str, end: str, rules: Rules) -> int | None:
        """The largest width at which the two nodes are connected, bits a second."""
        joined = UnionFind([start, end])
        for line in self._allowed_by_width(rules):
            if {line.one, line.other} & (rules.avoided - {start, end}):
                continue
            joined.union(line.one, line.other)
            if joined[start] == joined[end]:
                return line.free_bps
        return None

    def _allowed_by_width(self, rules: Rules) -> list[Line]:
        return sorted((line for line in self.lines if rules.allow(line)), key=lambda line: -line.free_bps)

    def _chosen(self, nodes: Sequence[str], metric: Metric, rules: Rules) -> Iterator[Line]:
        """Of the links between two nodes the best; among equals the one with most to spare."""
        for i in range(len(nodes) - 1):
            between = [edge["line"] for edge in self.graph[nodes[i]][nodes[i + 1]].values()]
            yield min(
                filter(rules.allow, between), key=lambda line: (_cost(line, metric), -line.free_bps, line.qkdl_id)
            )

    def restricted(self, lines: Iterable[Line]) -> Map:
        """The same with only these links."""
        return Map(lines)


def _cost(line: Line, metric: Metric) -> float:
    return line.latency_ms if metric is Metric.LATENCY else 1.0
