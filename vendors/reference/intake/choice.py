"""What the leader proposes: which octets of which sources make the next block, by the policy of the link."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from enum import IntEnum

from .composition import Composition, Slice, Strand
from .parts import Part


class Combining(IntEnum):
    """What becomes of several sources; the numbers are those of `qkd.vendor.v1.Combining`."""

    UNSPECIFIED = 0
    ANY = 1
    ALL = 2
    ALL_ELSE_REMAINING = 3


class Shelf:
    """The parts of one source that both ends have, as far as they are not given to a block yet."""

    def __init__(self, source_id: str, parts: Iterable[Part]) -> None:
        self.source_id = source_id
        self._parts = deque((part.name, part.used, part.octets) for part in parts)
        self.left = sum(octets - used for _, used, octets in self._parts)

    def strand(self, octets: int) -> Strand:
        """The next so many octets, of which there are enough."""
        slices = []
        missing = octets
        while missing:
            name, used, end = self._parts.popleft()
            taken = min(missing, end - used)
            slices.append(Slice(name, used, taken))
            if used + taken < end:
                self._parts.appendleft((name, used + taken, end))
            missing -= taken
        self.left -= octets
        return Strand(self.source_id, tuple(slices))


def choose(
    combining: Combining, shelves: Mapping[str, Shelf], octets: int, silent: Collection[str]
) -> Composition | None:
    """The next block, taken from the shelves; None = it has to wait.

    Args:
        combining: ANY takes the fullest source; ALL one strand of each; ALL_ELSE_REMAINING likewise, but of
            those that are left when every other one is silent.
        shelves: of all sources of the link.
        octets: length of the block.
        silent: sources of which nothing has come for too long.
    """
    ready = [shelf for shelf in shelves.values() if shelf.left >= octets]
    if not ready:
        return None
    if combining in {Combining.ALL, Combining.ALL_ELSE_REMAINING}:
        waited_for = {shelf.source_id for shelf in shelves.values() if shelf.left < octets}
        if combining == Combining.ALL_ELSE_REMAINING:
            waited_for -= set(silent)
        if waited_for:
            return None
    else:
        ready = [max(ready, key=lambda shelf: shelf.left)]
    return Composition(tuple(shelf.strand(octets) for shelf in ready))


def breach(
    combining: Combining, sources: Collection[str], composition: Composition, retired: Collection[str] = ()
) -> str:
    """Why the policy of the link does not allow a block to be made like this; empty = it does.

    Args:
        sources: of the link; those that are `retired` may be used up, and need not be.
    """
    used = [strand.source_id for strand in composition.strands]
    if not used or len(set(used)) < len(used) or not set(used) <= set(sources):
        return "its sources are not those of the link"
    if combining == Combining.ALL and not set(sources) - set(retired) <= set(used):
        return "the policy of the link asks for every source"
    if combining not in {Combining.ALL, Combining.ALL_ELSE_REMAINING} and len(used) > 1:
        return "the policy of the link asks for one source"
    return ""
