"""Blocks on their way to the KME of the site."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RelayedBlock:
    """A block that this KME shares with a distant one.

    Attributes:
        block_id: 16 octets, the same at both ends.
        octets: the block.
        relays: KME IDs of the nodes that have seen it or a share of it, in the order of the paths.
    """

    block_id: bytes
    octets: bytes = field(repr=False)
    relays: tuple[str, ...]


class Reader:
    """One who reads an `Outlet`."""


@dataclass(slots=True)
class Relation:
    """What was carried between this KME and a distant one; `lost` counts blocks that were given up."""

    peer_kme_id: str
    origin: bool
    blocks: int = 0
    bits: int = 0
    lost: int = 0

    def carried(self, block: RelayedBlock) -> None:
        """Counts a block that is for the KME."""
        self.blocks += 1
        self.bits += 8 * len(block.octets)


class Outlet:
    """Blocks of one relation that wait to be read. Who comes last reads; an earlier reader is sent away.

    Args:
        room: how many may wait.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._blocks: deque[RelayedBlock] = deque()
        self._reader: Reader | None = None
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._blocks)

    @property
    def read(self) -> bool:
        """Whether somebody reads."""
        return self._reader is not None

    def enter(self) -> Reader:
        """A new reader."""
        self._reader = Reader()
        self.changed()
        return self._reader

    def leave(self, reader: Reader) -> None:
        """This reader reads no more."""
        if self._reader is reader:
            self._reader = None
            self.changed()

    async def next(self, reader: Reader) -> RelayedBlock | None:
        """The next block, once there is one; None when another reader came or this one left."""
        await self.until(lambda: self._reader is not reader or bool(self._blocks))
        if self._reader is not reader:
            return None
        block = self._blocks.popleft()
        self.changed()
        return block

    async def put(self, block: RelayedBlock) -> None:
        """Adds a block, once there is room."""
        await self.until(lambda: len(self._blocks) < self._room)
        self.add(block)

    def add(self, block: RelayedBlock) -> None:
        """Adds a block; whoever calls has seen to it that there is room."""
        self._blocks.append(block)
        self.changed()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Returns when `holds()`, which is looked at whenever something has changed."""
        while not holds():
            self._changed.clear()
            await self._changed.wait()

    def changed(self) -> None:
        """Whoever waits in `until` looks again."""
        self._changed.set()
