"""What a module's hand-over works on: the key blocks that are ready, in order, until they are let go.

The module runtime offers a `BlockSource`; `Etsi014Server` and `TcpPusher` empty it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Block:
    """One key block, the same at both ends of the link.

    Attributes:
        sequence: position in the stream of the module and its present peer, from 0, without gaps.
        block_id: 16 octets, the same at both ends, never used twice.
        octets: the key; all blocks of a source have the same length.
        time_s: when it was made, seconds of the plant's time.
    """

    sequence: int
    block_id: bytes
    octets: bytes = field(repr=False)
    time_s: float


class BlockSource(Protocol):
    """The finished key blocks of one end of a link. Its calls belong to one event loop."""

    @property
    def first_sequence(self) -> int:
        """Sequence number of the oldest block still kept; that of the next one to come when none is."""
        ...

    def blocks(self, first_sequence: int) -> AsyncIterator[Block]:
        """The kept blocks from a sequence number on, in order; waits for more, without end.

        Blocks below `first_sequence` of the source, and those that were taken, are passed over.
        """
        ...

    def release(self, next_sequence: int) -> None:
        """The receiver has stored all blocks below `next_sequence`: they are destroyed and count as handed over."""
        ...

    def ready(self) -> Sequence[Block]:
        """The blocks that are kept now, in order."""
        ...

    def take(self, block_id: bytes) -> Block | None:
        """Removes one block, which counts as handed over; None when it is not kept (any more)."""
        ...

    def destroy(self, block_id: bytes) -> bool:
        """Removes one block, which counts as destroyed; False when it is not kept (any more)."""
        ...


class MemorySource:
    """A `BlockSource` in memory, for tests and trials: blocks come by `add`.

    Attributes:
        handed_over: how many blocks were taken or released.
        destroyed: how many blocks were destroyed.
    """

    def __init__(self) -> None:
        self.handed_over = 0
        self.destroyed = 0
        self._kept: dict[bytes, Block] = {}
        self._next = 0
        self._changed = asyncio.Event()

    @property
    def first_sequence(self) -> int:
        """See `BlockSource`."""
        return next((block.sequence for block in self._kept.values()), self._next)

    def add(self, block_id: bytes, octets: bytes, time_s: float = 0.0) -> Block:
        """A block has become ready; it gets the next sequence number."""
        block = Block(self._next, block_id, octets, time_s)
        self._next += 1
        self._kept[block_id] = block
        self._changed.set()
        self._changed = asyncio.Event()
        return block

    async def blocks(self, first_sequence: int) -> AsyncIterator[Block]:
        """See `BlockSource`."""
        following = first_sequence
        while True:
            block = next((kept for kept in self._kept.values() if kept.sequence >= following), None)
            if block is None:
                await self._changed.wait()
            else:
                following = block.sequence + 1
                yield block

    def release(self, next_sequence: int) -> None:
        """See `BlockSource`."""
        for block in self.ready():
            if block.sequence < next_sequence:
                self.take(block.block_id)

    def ready(self) -> Sequence[Block]:
        """See `BlockSource`."""
        return tuple(self._kept.values())

    def take(self, block_id: bytes) -> Block | None:
        """See `BlockSource`."""
        block = self._kept.pop(block_id, None)
        if block is not None:
            self.handed_over += 1
        return block

    def destroy(self, block_id: bytes) -> bool:
        """See `BlockSource`."""
        found = self._kept.pop(block_id, None) is not None
        self.destroyed += found
        return found
