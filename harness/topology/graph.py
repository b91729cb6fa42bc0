"""The network as a graph: who has keys with whom, and the ways that keys are carried. networkx is met here only."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import Any

import networkx as nx  # type: ignore[import-untyped]
from networkx.algorithms.connectivity import build_auxiliary_node_connectivity  # type: ignore[import-untyped]
from networkx.algorithms.flow import build_residual_network  # type: ignore[import-untyped]

from harness.topology.network import Topology

Point = tuple[float, float]
Path = tuple[str, ...]


def key_graph(topology: Topology) -> Any:
    """A `networkx.Graph` of site ids; edges join sites that make keys with each other while all active systems run.

    Each edge has ``systems`` (ids), ``combining``, and ``bypassed``: whether only by-passed systems join the two.
    """
    graph = nx.Graph()
    graph.add_nodes_from(sorted(site.id for site in topology.sites if site.kme))
    for system in topology.active_systems:
        one, other = system.ends
        if not graph.has_edge(one, other):
            combining = topology.combining_between(one, other)
            graph.add_edge(one, other, systems=(), combining=combining, bypassed=True)
        edge = graph.edges[one, other]
        edge["systems"] += (system.id,)
        edge["bypassed"] = edge["bypassed"] and system.bypassed
    return graph


def islands(topology: Topology) -> list[set[str]]:
    """Sites that have keys with each other, directly or over others; the largest first, then by name."""
    found = [set(part) for part in nx.connected_components(key_graph(topology))]
    return sorted(found, key=lambda part: (-len(part), min(part)))


def routes(topology: Topology, k: int = 1) -> dict[tuple[str, str], list[Path]]:
    """The ways from every site to every other that it has keys with, directly or over others.

    Both ways of a pair are each other's reverse. The first path is the shortest by hops, then by name; the others
    share no site between the ends with any before, each the shortest that is left so. Where that leaves fewer than
    the network has room for, they are chosen together (`networkx.node_disjoint_paths`). Where a policy of the pair
    asks for more paths than ``k``, its number holds.

    A by-passed system is set up for the two sites that it joins: other pairs go over it only where nothing else
    leads. So what crosses a border goes over the border link, whose keys have two sources.

    Args:
        topology: the network.
        k: most paths for a pair.

    Returns:
        by (origin, destination): paths of site ids, both ends among them, at least one.

    Raises:
        ValueError: ``k`` is less than 1.
    """
    if k < 1:
        raise ValueError(f"at least one path is wanted, not {k}")
    graph = key_graph(topology)
    trunk = nx.Graph(graph)
    trunk.remove_edges_from([(one, other) for one, other, alone in graph.edges(data="bypassed") if alone])
    open_ways, all_ways = _Ways(trunk), _Ways(graph)
    policies = {frozenset(policy.ends): policy.paths for policy in topology.policies}
    found: dict[tuple[str, str], list[Path]] = {}
    for part in nx.connected_components(graph):
        names = sorted(part)
        for number, one in enumerate(names):
            first = _first_paths(trunk, one)
            for other in names[number + 1 :]:
                most = max(k, policies.get(frozenset((one, other)), 1))
                ways: list[Path]
                if graph.has_edge(one, other) and most == 1:
                    ways = [(one, other)]
                elif most == 1 and other in first:
                    ways = [first[other]]
                else:
                    ways = _open_to(open_ways, all_ways, one, other).disjoint(one, other, most)
                found[one, other] = ways
                found[other, one] = [way[::-1] for way in ways]
    return dict(sorted(found.items()))


def _open_to(trunk: _Ways, everything: _Ways, one: str, other: str) -> _Ways:
    """What a pair may use: the trunk and its own by-pass; everything where that does not join them."""
    own = trunk
    if everything.graph.has_edge(one, other) and not trunk.graph.has_edge(one, other):
        own = _Ways(nx.Graph(trunk.graph))
        own.graph.add_edge(one, other)
    return own if nx.has_path(own.graph, one, other) else everything


def disjoint_paths(graph: Any, one: str, other: str, most: int) -> list[Path]:
    """Up to ``most`` paths that share no node between their ends, shortest first, then by name."""
    return _Ways(graph).disjoint(one, other, most)


class _Ways:
    """Disjoint paths of one graph; what the search for them needs is made once."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph

    @cached_property
    def _flow(self) -> tuple[Any, Any]:
        auxiliary = build_auxiliary_node_connectivity(self.graph)
        return auxiliary, build_residual_network(auxiliary, "capacity")

    def disjoint(self, one: str, other: str, most: int) -> list[Path]:
        chosen: list[Path] = []
        used: set[str] = set()
        while len(chosen) < most:
            direct = (one, other) in chosen
            way = _first_paths(self.graph, one, other, used, direct=not direct).get(other)
            if way is None:
                break
            chosen.append(way)
            used.update(way[1:-1])
        if len(chosen) == min(most, self.graph.degree(one), self.graph.degree(other)):
            return chosen
        # the shortest can stand in the way of two that are longer
        auxiliary, residual = self._flow
        ways = nx.node_disjoint_paths(self.graph, one, other, cutoff=most, auxiliary=auxiliary, residual=residual)
        together = sorted((tuple(way) for way in ways), key=lambda way: (len(way), way))
        return together if len(together) > len(chosen) else chosen


def _first_paths(
    graph: Any, start: str, goal: str = "", closed: AbstractSet[str] = frozenset(), *, direct: bool = True
) -> dict[str, Path]:
    """To every site within reach (or up to ``goal``), of the shortest paths the first by name.

    None leads through ``closed``; without ``direct`` none goes from start to goal in one step.
    """
    best: dict[str, Path] = {start: (start,)}
    edge = [start]
    while edge and goal not in best:
        fresh: dict[str, Path] = {}
        for site in edge:
            for near in graph.adj[site]:
                if near in best or near in closed or (site == start and near == goal and not direct):
                    continue
                way = (*best[site], near)
                fresh[near] = min(fresh.get(near, way), way)
        best |= fresh
        edge = sorted(fresh)
    return best


def layout(topology: Topology) -> Mapping[str, Point]:
    """A place for every site: that of the file, or where a drawing of the links puts it (the same each time)."""
    graph = nx.Graph()
    graph.add_nodes_from(site.id for site in topology.sites)
    graph.add_weighted_edges_from((*link.ends, link.length_km) for link in topology.links)
    drawn = nx.kamada_kawai_layout(graph, weight=None)
    return {site.id: site.at or (float(drawn[site.id][0]), float(drawn[site.id][1])) for site in topology.sites}
