"""Who runs at once, and who takes turns."""

from __future__ import annotations

from itertools import combinations

import pytest

from harness.topology import load
from harness.twin.load import Tally, longest_gap
from harness.twin.turns import rounds
from harness.twin.world import plant_of


def test_three_senders_of_one_hub_take_three_turns() -> None:
    topology = load("mdi-madrid")
    turns = rounds(topology.active_systems)
    assert [len(turn) for turn in turns] == [1, 1, 1]
    assert {system.id for turn in turns for system in turn} == {system.id for system in topology.active_systems}
    assert len(plant_of(topology).paths) == 3, "each sender has one fibre to the hub, whomever it makes keys with"


@pytest.mark.parametrize("name", ["madqci", "iberianqci", "barcelona-ring"])
def test_nobody_waits_where_all_can_run(name: str) -> None:
    systems = load(name).active_systems
    assert rounds(systems) == []
    assert all(not set(one.modules) & set(other.modules) for one, other in combinations(systems, 2))


def test_the_longest_gap_counts_from_start_to_end() -> None:
    assert longest_gap([], 10.0, 14.0) == 4.0
    assert longest_gap([9.0, 11.0, 12.0, 99.0], 10.0, 20.0) == 8.0


def test_tallies_are_compared() -> None:
    assert Tally(5, 1, 2).since(Tally(3, 0, 2)) == Tally(2, 1, 0)
