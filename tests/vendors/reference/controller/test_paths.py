"""Path computation against a search through everything, and on the shapes that mislead."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from vendors.reference.controller.disjoint import Diversity, Search, disjoint
from vendors.reference.controller.paths import Line, Map, Metric, Rules, Way

METRICS = list(Metric)


def random_map(seed: int, nodes: int = 7, lines: int = 13) -> Map:
    chance = random.Random(seed)

    def line(number: int) -> Line:
        one, other = chance.sample(range(nodes), 2)
        return Line(
            f"L{number}",
            f"n{one}",
            f"n{other}",
            free_bps=chance.choice([0, 100, 200, 300, 400]),
            latency_ms=chance.choice([1.0, 2.5, 7.0]),
            makers=frozenset({chance.choice("abc")}),
        )

    return Map(line(number) for number in range(lines))


def every_way(area: Map, start: str, end: str, rules: Rules) -> list[Way]:
    found = []

    def go(nodes: tuple[str, ...], lines: tuple[Line, ...]) -> None:
        if nodes[-1] == end:
            found.append(Way(nodes, lines))
            return
        if len(nodes) > 1 and nodes[-1] in rules.avoided:
            return
        for line in area.lines:
            if nodes[-1] in (line.one, line.other) and rules.allow(line):
                other = line.other if line.one == nodes[-1] else line.one
                if other not in nodes:
                    go((*nodes, other), (*lines, line))

    go((start,), ())
    return found


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(12))
def test_the_k_best_are_those_that_a_search_through_everything_finds(seed: int, metric: Metric) -> None:
    area, rules = random_map(seed), Rules(bandwidth_bps=100, without=frozenset({"L3"}), avoided=frozenset({"n4"}))
    wanted = sorted(every_way(area, "n0", "n6", rules), key=lambda way: way.rank(metric))
    found = area.several("n0", "n6", 6, metric, rules)
    assert [way.rank(metric)[:2] for way in found] == [way.rank(metric)[:2] for way in wanted[:6]]
    assert len({way.qkdl_ids for way in found}) == len(found)
    assert {way.qkdl_ids for way in found} <= {way.qkdl_ids for way in wanted}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(12))
def test_disjoint_ways_are_as_many_and_as_good_as_can_be(seed: int, metric: Metric) -> None:
    area, rules = random_map(seed), Rules(bandwidth_bps=100)
    all_ways = every_way(area, "n0", "n6", rules)

    def apart(some: tuple[Way, ...]) -> bool:
        between = [node for way in some for node in way.nodes[1:-1]]
        lines = [one for way in some for one in way.qkdl_ids]
        return len(set(between)) == len(between) and len(set(lines)) == len(lines)

    pairs = [pair for pair in combinations(all_ways, 2) if apart(pair)]
    found = disjoint(area, Search("n0", "n6", 2, metric, rules), Diversity.NODES)
    if not pairs:
        assert len(found) == min(1, len(all_ways))
        return
    assert len(found) == 2
    assert apart(tuple(found))
    if metric is Metric.FREE_RATE:
        assert min(way.free_bps for way in found) == max(min(way.free_bps for way in pair) for pair in pairs)
    else:
        best = min(sum(way.cost(metric) for way in pair) for pair in pairs)
        assert sum(way.cost(metric) for way in found) == pytest.approx(best)


@pytest.mark.parametrize("seed", range(12))
def test_ways_of_different_makers_share_none(seed: int) -> None:
    area, rules = random_map(seed), Rules(bandwidth_bps=100)
    all_ways = every_way(area, "n0", "n6", rules)

    def makers(way: Way) -> frozenset[str]:
        return frozenset[str]().union(*(line.makers for line in way.lines))

    pairs = [pair for pair in combinations(all_ways, 2) if not makers(pair[0]) & makers(pair[1])]
    found = disjoint(area, Search("n0", "n6", 2, rules=rules), Diversity.MAKERS)
    assert len(found) == (2 if pairs else min(1, len(all_ways)))
    if pairs:
        assert not makers(found[0]) & makers(found[1])
        assert sum(len(way.lines) for way in found) == min(sum(len(way.lines) for way in pair) for pair in pairs)


def test_the_shortest_way_may_stand_in_the_way_of_a_disjoint_pair() -> None:
    # a - b - c - d is shortest and uses up both b and c; the pair is a - b - d' ... and a - c' - ... - d
    lines = ["ab", "bc", "cd", "ae", "ec", "bf", "fd"]
    area = Map(tuple(Line(name, name[0], name[1], 1000) for name in lines))
    assert area.best("a", "d") is not None
    found = disjoint(area, Search("a", "d", 2), Diversity.NODES)
    assert {way.nodes for way in found} == {("a", "b", "f", "d"), ("a", "e", "c", "d")}


def test_two_links_between_the_same_nodes_are_two_ways() -> None:
    area = Map((Line("x", "a", "b", 10), Line("y", "a", "b", 20)))
    assert [way.qkdl_ids for way in area.several("a", "b", 5)] == [("y",), ("x",)] or [
        way.qkdl_ids for way in area.several("a", "b", 5)
    ] == [("x",), ("y",)]
    assert area.best("a", "b", Metric.FREE_RATE) == Way(("a", "b"), (list(area.lines)[1],))
    assert len(disjoint(area, Search("a", "b", 2), Diversity.NODES)) == 2


def test_no_way_to_a_stranger_or_to_oneself() -> None:
    area = Map((Line("x", "a", "b", 10),))
    for start, end in (("a", "a"), ("a", "z"), ("z", "a")):
        assert area.best(start, end) is None
        assert area.several(start, end, 3) == []
        assert disjoint(area, Search(start, end, 2), Diversity.NODES) == []
