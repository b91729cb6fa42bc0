"""Systems that share modules: those that can run at once do, the others wait for their turn.

A module has one peer at a time (a hub two senders). Where three senders share a hub, as in MDI networks, one pair
makes keys while the third sender is off the plant; then another pair does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.topology import System


def at_once(systems: Iterable[System]) -> list[System]:
    """The first systems of which no two share a module."""
    chosen: list[System] = []
    taken: set[str] = set()
    for system in systems:
        if taken.isdisjoint(system.modules):
            chosen.append(system)
            taken.update(system.modules)
    return chosen


def shared(systems: Sequence[System]) -> list[System]:
    """Systems that share a module with another one."""
    return [one for one in systems if any(set(one.modules) & set(other.modules) for other in systems if other != one)]


def rounds(systems: Sequence[System]) -> list[list[System]]:
    """The shared systems in turns: each is in one, and those of a turn can run at once. Empty = none share."""
    left = shared(systems)
    found = []
    while left:
        found.append(at_once(left))
        left = [system for system in left if system not in found[-1]]
    return found
