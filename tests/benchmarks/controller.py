"""How the reference controller grows with its network: paths, discovery, reroute.

    python -m tests.benchmarks.controller [--nodes 10 100 1000] [--applications 100] [--only paths|network]

Synthetic networks: a ring, and as many chords as nodes. `paths`: median and largest time of one path computation over
20 pairs of nodes, by metric; of the three best, and of two that share no node. `network`: agents that are nothing but
their tree, over HTTPS with mutual TLS, in this process too, so that their work counts as well: full discovery of all
nodes (W1); making known all links (from the store, every node written); and the reroute of so many applications whose
ways share a link, from the cut to the last node told. Beside each figure stands the growth of its time from the
network before, as an exponent: 1 = as the nodes.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import uvloop

from tests.vendors.reference.controller.agents import Agents, node_id, served
from tests.vendors.reference.controller.rig import AUTHORITY, SETTINGS, Rig, controlled, link_id, mesh
from vendors.reference.controller.disjoint import Diversity, Search, disjoint
from vendors.reference.controller.model import Admission, Application, PhysicalLink, Stage, VirtualLink
from vendors.reference.controller.paths import Line, Map, Metric, Rules

PAIRS = 20


def pairs_of(nodes: int, seed: int = 1) -> list[tuple[int, int]]:
    """A ring, and as many chords."""
    chance = random.Random(seed)
    found = {tuple(sorted((i, (i + 1) % nodes))) for i in range(nodes)}
    chords = (tuple(sorted(chance.sample(range(nodes), 2))) for _ in range(nodes))
    return sorted({(one, other) for one, other in (*found, *chords)})


class Table:
    """Prints rows, each with its growth."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, float]] = {}
        print(f"{'nodes':>6} {'what':<44} {'time':>12} {'growth':>7}")

    def row(self, nodes: int, what: str, seconds: float, note: str = "") -> None:
        before = self._last.get(what)
        growth = ""
        if before is not None and before[1] > 0 and seconds > 0:
            growth = f"{math.log(seconds / before[1]) / math.log(nodes / before[0]):.2f}"
        self._last[what] = nodes, seconds
        print(f"{nodes:>6} {what:<44} {1e3 * seconds:>9.1f} ms {growth:>7} {note}", flush=True)


def paths(nodes: int, table: Table) -> None:
    """Path computation alone."""
    chance = random.Random(2)
    area = Map(
        Line(link_id(*ends), node_id(ends[0]), node_id(ends[1]), chance.randrange(1000, 9000), chance.random() + 1)
        for ends in pairs_of(nodes)
    )
    ends = [[node_id(i) for i in chance.sample(range(nodes), 2)] for _ in range(PAIRS)]
    works: dict[str, Callable[[str, str], object]] = {
        "path, fewest hops": area.best,
        "path, least latency": lambda one, other: area.best(one, other, Metric.LATENCY),
        "path, widest": lambda one, other: area.best(one, other, Metric.FREE_RATE),
        "path, 4000 bit/s free": lambda one, other: area.best(one, other, Metric.HOPS, Rules(4000)),
        "three best paths": lambda one, other: area.several(one, other, 3),
        "two paths without a common node": lambda one, other: disjoint(area, Search(one, other, 2), Diversity.NODES),
    }
    for what, work in works.items():
        times = list(_times(work, ends))
        table.row(nodes, what, statistics.median(times), f"largest {1e3 * max(times):.1f} ms")


def _times(work: Callable[[str, str], object], ends: list[list[str]]) -> Iterator[float]:
    for one, other in ends:
        start = time.perf_counter()
        work(one, other)
        yield time.perf_counter() - start


async def network(nodes: int, applications: int, table: Table) -> None:
    """Discovery, links and reroute, on the wire."""
    pairs = pairs_of(nodes)
    agents_ = mesh(pairs)
    for agent in agents_:
        agent.skr = 1_000_000_000
    settings = replace(SETTINGS, poll_s=3600.0, request_s=120.0)
    with tempfile.TemporaryDirectory() as folder:
        async with served(AUTHORITY, agents_) as agents, controlled(Path(folder), agents, settings) as rig:
            start = time.perf_counter()
            await rig.add_all()
            table.row(nodes, "discovery of all nodes", time.perf_counter() - start)
            start = time.perf_counter()
            await _make_links(rig, pairs)
            table.row(nodes, "all links at all nodes", time.perf_counter() - start, f"{len(pairs)} links")
            cut = _apply(rig, pairs, applications)
            if cut is None:
                return
            await rig.controller.engine.settle([agent.id for agent in agents.agents.values()])
            await rig.until(lambda: all(agent.readers for agent in agents_), "the controller listens")
            seconds = await _rerouted(rig, agents, cut)
            table.row(nodes, f"reroute of {applications} applications", seconds)


async def _make_links(rig: Rig, pairs: list[tuple[int, int]]) -> None:
    engine = rig.controller.engine
    with engine.plan.change() as change:
        for one, other in pairs:
            change.put(PhysicalLink(link_id(one, other), node_id(one), other, node_id(other), one))
    await engine.settle([agent.id for agent in rig.agents.agents.values()])
    assert all(link.stage is Stage.UP for link in engine.plan.physical.values())


def _apply(rig: Rig, pairs: list[tuple[int, int]], applications: int) -> tuple[int, int] | None:
    """Applications whose ways all go over one link; gives it."""
    engine, (one, other) = rig.controller.engine, pairs[len(pairs) // 2]
    area, chance = engine.network.map(), random.Random(3)
    made = 0
    with engine.plan.change() as change:
        for _ in range(100 * applications):
            if made == applications:
                break
            start, end = chance.sample(sorted(rig.agents.agents), 2)
            left = area.best(node_id(start), node_id(one)) if start != one else None
            right = area.best(node_id(other), node_id(end)) if end != other else None
            path = [*(left.nodes if left else [node_id(start)]), *(right.nodes if right else [node_id(end)])]
            if (start != one and left is None) or (end != other and right is None) or len(set(path)) < len(path):
                continue
            hops = [*(left.qkdl_ids if left else ()), link_id(one, other), *(right.qkdl_ids if right else ())]
            app = Application(
                f"0000000b-0000-0000-0000-{made:012x}", f"sae:s{made}", [f"sae:c{made}"], path[0], path[-1]
            )
            link = VirtualLink(f"0000000c-0000-0000-0000-{made:012x}", path, hops, 1000, app.app_id, Stage.UP)
            app.qos, app.backing, app.admission = {"min_bandwidth": 1000}, [link.qkdl_id], Admission.ADMITTED
            change.put(app, link)
            made += 1
    return (one, other) if made == applications else None


async def _rerouted(rig: Rig, agents: Agents, cut: tuple[int, int]) -> float:
    engine, gone = rig.controller.engine, link_id(*cut)
    start = time.perf_counter()
    agents[cut[0]].cut(gone)
    async with asyncio.timeout(120):
        while any(gone in link.hops or link.left or link.left_hops for link in engine.plan.virtual.values()):  # noqa: ASYNC110 - bounded
            await asyncio.sleep(0.005)
    seconds = time.perf_counter() - start
    assert all(app.admission is Admission.ADMITTED for app in engine.plan.applications.values())
    for link in engine.plan.virtual.values():
        places = [agent.number for agent in agents.agents.values() if link.qkdl_id in agent.links]
        assert {node_id(number) for number in places} == set(link.path)
    return seconds


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--applications", type=int, default=100)
    parser.add_argument("--only", choices=["paths", "network"])
    given = parser.parse_args()
    table = Table()
    for nodes in given.nodes:
        if given.only != "network":
            paths(nodes, table)
        if given.only != "paths":
            uvloop.run(network(nodes, given.applications, table))


if __name__ == "__main__":
    main()
