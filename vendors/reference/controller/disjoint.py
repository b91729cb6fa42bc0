"""Ways that share nothing with each other: no node, no maker, no technology. No I/O."""

from __future__ import annotations

import enum
import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations

from .paths import Line, Map, Metric, Rules, Way

MOST_LABELS = 6


@dataclass(frozen=True, slots=True)
class Search:
    """What ways are looked for.

    Attributes:
        start, end: two nodes.
        count: how many at most.
        metric, rules: as for one way.
    """

    start: str
    end: str
    count: int
    metric: Metric = Metric.HOPS
    rules: Rules = field(default_factory=Rules)


_Vertex = tuple[str, bool]  # a node, and whether it is left (True) or entered
_Arc = tuple[_Vertex, _Vertex, Line | None]  # None: through the node


class Diversity(enum.Enum):
    """What ways may not share; see `qkd.control.v1.Diversity`."""

    NODES = enum.auto()
    MAKERS = enum.auto()
    TECHNOLOGIES = enum.auto()


def disjoint(area: Map, search: Search, diversity: Diversity) -> list[Way]:
    """As many ways as there are, `count` at most, that share nothing; their costs together are the least.

    For FREE_RATE the narrowest of them is as wide as can be, and then they have the fewest hops together. Makers and
    technologies: exact up to six of them in the network; beyond that each way is the best that is left.
    """
    if search.start == search.end or search.start not in area.graph or search.end not in area.graph:
        return []
    if diversity is Diversity.NODES:
        found = _node_disjoint(area, search)
    else:
        found = _label_disjoint(area, search, _label_of(diversity))
    return sorted(found, key=lambda way: way.rank(search.metric))


def _label_of(diversity: Diversity) -> Callable[[Line], frozenset[str]]:
    return lambda line: line.makers if diversity is Diversity.MAKERS else line.technologies


# -- nodes: a flow of least cost ------------------------------------------------------------------------


def _node_disjoint(area: Map, search: Search) -> list[Way]:
    found = _flow(area, search)
    if search.metric is not Metric.FREE_RATE or not found:
        return found
    widths = sorted({line.free_bps for line in area.lines if search.rules.allow(line)})
    low, high = 0, len(widths) - 1  # as many ways exist at widths[low]; find the last index where they do
    while low < high:
        middle = (low + high + 1) // 2
        rules = replace(search.rules, least_free_bps=widths[middle])
        wider = _flow(area, replace(search, count=len(found), rules=rules))
        if len(wider) == len(found):
            low, found = middle, wider
        else:
            high = middle - 1
    return found


def _flow(area: Map, search: Search) -> list[Way]:
    """Successive shortest paths over nodes split in two, so that each is gone through once."""
    used: set[_Arc] = set()
    heights: dict[_Vertex, float] = defaultdict(float)
    start, end = search.start, search.end
    for _ in range(search.count):
        step = _augmented(area, search, used, heights)
        if not step:
            break
        for arc, forwards in step:
            (used.add if forwards else used.remove)(arc)
    return [_followed(start, end, used) for _ in range(sum(arc[0] == (start, True) for arc in used))]


def _augmented(area: Map, search: Search, used: set[_Arc], heights: dict[_Vertex, float]) -> list[tuple[_Arc, bool]]:
    """The cheapest way to one more path: arcs to take, and arcs to give back. Updates the heights (potentials)."""
    source, target = (search.start, True), (search.end, False)
    far: dict[_Vertex, float] = {source: 0.0}
    came: dict[_Vertex, tuple[_Arc, bool]] = {}
    done: set[_Vertex] = set()
    heap: list[tuple[float, _Vertex]] = [(0.0, source)]
    back = {arc[1]: [other for other in used if other[1] == arc[1]] for arc in used}
    while heap:
        at, vertex = heapq.heappop(heap)
        if vertex in done:
            continue
        done.add(vertex)
        if vertex == target:
            break
        steps = [(arc, True) for arc in _leaving(area, vertex, search) if arc not in used]
        steps += [(arc, False) for arc in back.get(vertex, ())]
        for arc, forwards in steps:
            to = arc[1] if forwards else arc[0]
            cost = _arc_cost(arc, search.metric) * (1 if forwards else -1) + heights[vertex] - heights[to]
            if to not in done and at + cost < far.get(to, float("inf")) - 1e-12:
                far[to] = at + max(cost, 0.0)  # never below zero but for rounding
                came[to] = (arc, forwards)
                heapq.heappush(heap, (far[to], to))
    if target not in done:
        return []
    for vertex in done:
        heights[vertex] += min(far[vertex], far[target]) - far[target]
    way: list[tuple[_Arc, bool]] = []
    vertex = target
    while vertex != source:
        arc, forwards = came[vertex]
        way.append((arc, forwards))
        vertex = arc[0] if forwards else arc[1]
    return way


def _leaving(area: Map, vertex: _Vertex, search: Search) -> Iterator[_Arc]:
    (node, left), end, rules = vertex, search.end, search.rules
    if not left:
        if node not in (search.start, end) and node not in rules.avoided:
            yield (vertex, (node, True), None)
        return
    for other, between in area.graph[node].items():
        if other == search.start or (other in rules.avoided and other != end):
            continue
        for edge in between.values():
            if rules.allow(edge["line"]):
                yield (vertex, (other, False), edge["line"])


def _arc_cost(arc: _Arc, metric: Metric) -> float:
    line = arc[2]
    if line is None:
        return 0.0
    return line.latency_ms if metric is Metric.LATENCY else 1.0


def _followed(start: str, end: str, used: set[_Arc]) -> Way:
    """Takes one path out of the flow."""
    nodes, lines = [start], list[Line]()
    while nodes[-1] != end:
        arc = min(
            (arc for arc in used if arc[0] == (nodes[-1], True)), key=lambda arc: arc[2].qkdl_id if arc[2] else ""
        )
        used.remove(arc)
        nodes.append(arc[1][0])
        if arc[2] is not None:
            lines.append(arc[2])
    return Way(tuple(nodes), tuple(lines))


# -- makers and technologies: which of them each way may use --------------------------------------------


def _label_disjoint(area: Map, search: Search, label_of: Callable[[Line], frozenset[str]]) -> list[Way]:
    start, end, count, metric = search.start, search.end, search.count, search.metric
    labels = sorted({label for line in area.lines for label in label_of(line)})

    def best(allowed: frozenset[str]) -> Way | None:
        some = area.restricted(line for line in area.lines if label_of(line) <= allowed)
        return some.best(start, end, metric, search.rules)

    if len(labels) > MOST_LABELS:
        return _one_after_another(frozenset(labels), count, best, label_of)
    subsets = [frozenset(some) for size in range(len(labels) + 1) for some in combinations(labels, size)]
    ways: dict[frozenset[str], Way] = {}  # the best way of each set of labels that it really uses
    for subset in subsets:
        way = best(subset)
        if way is not None:
            own = frozenset[str]().union(*(label_of(line) for line in way.lines))
            if own not in ways or way.rank(metric) < ways[own].rank(metric):
                ways[own] = way
    choices = (
        chosen
        for size in range(min(count, max(len(labels), 1)), 0, -1)
        for chosen in [_cheapest(ways, size, metric)]
        if chosen
    )
    return next(choices, [])


def _cheapest(ways: dict[frozenset[str], Way], size: int, metric: Metric) -> list[Way]:
    best: tuple[tuple[float, int], list[Way]] | None = None
    for sets in combinations(ways, size):
        if sum(map(len, sets)) != len(frozenset[str]().union(*sets)):
            continue
        some = [ways[one] for one in sets]
        costs = [way.cost(metric) for way in some]
        together = -min(costs) if metric is Metric.FREE_RATE else sum(costs)
        rank = (together, sum(len(way.lines) for way in some))
        if best is None or rank < best[0]:
            best = (rank, some)
    return best[1] if best else []


def _one_after_another(
    labels: frozenset[str],
    count: int,
    best: Callable[[frozenset[str]], Way | None],
    label_of: Callable[[Line], frozenset[str]],
) -> list[Way]:
    found: list[Way] = []
    while len(found) < count and (way := best(labels)) is not None:
        found.append(way)
        labels -= frozenset[str]().union(*(label_of(line) for line in way.lines))
    return found
