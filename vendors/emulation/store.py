"""The finished key blocks of one module, until the local KMS has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from .handover.source import Block


@dataclass(frozen=True, slots=True)
class Account:
    """Key bits of a store since it was made: ``distilled = handed_over + in_store + destroyed``."""

    distilled: int
    handed_over: int
    in_store: int
    destroyed: int


class KeyBlockStore:
    """A bounded `BlockSource`. In memory only: what is not handed over ends with the process.

    Args:
        capacity_octets: how much key it keeps at most.
    """

    def __init__(self, capacity_octets: int) -> None:
        self._capacity = capacity_octets
        self._blocks: dict[int, Block] = {}  # by sequence number, which only grows
        self._sequences: dict[bytes, int] = {}  # by block ID
        self._next = 0
        self._pairing = 0
        self._octets = self._distilled = self._handed_over = self._destroyed = 0
        self._changed = asyncio.Event()

    @property
    def first_sequence(self) -> int:
        """Sequence number of the oldest block still kept; that of the next one to come when none is."""
        return next(iter(self._blocks), self._next)

    @property
    def next_sequence(self) -> int:
        """Sequence number of the next block to come."""
        return self._next

    @property
    def account(self) -> Account:
        """The bits that came, went and are here."""
        return Account(8 * self._distilled, 8 * self._handed_over, 8 * self._octets, 8 * self._destroyed)

    def room(self, block_octets: int) -> int:
        """How many blocks of that length can still be added."""
        return max(0, self._capacity - self._octets) // block_octets

    def add(self, block_id: bytes, octets: bytes, time_s: float) -> Block:
        """Keeps a block that both ends have agreed on.

        Raises:
            ValueError: the block is kept already, or there is no room for it.
        """
        if block_id in self._sequences or self._octets + len(octets) > self._capacity:
            raise ValueError("the block is kept already, or the store is full")
        block = Block(self._next, block_id, octets, time_s)
        self._next += 1
        self._blocks[block.sequence] = block
        self._sequences[block_id] = block.sequence
        self._octets += len(octets)
        self._distilled += len(octets)
        self._notify()
        return block

    async def blocks(self, first_sequence: int) -> AsyncIterator[Block]:
        """The kept blocks from a sequence number on, in order; waits for more, without end.

        Goes on from 0 after a new pairing.
        """
        following, pairing = first_sequence, self._pairing
        while True:
            if pairing != self._pairing:
                following, pairing = 0, self._pairing
            following = max(following, self.first_sequence)
            if following >= self._next:
                await self._changed.wait()
                continue
            block = self._blocks.get(following)
            following += 1
            if block is not None:
                yield block

    def ready(self) -> Sequence[Block]:
        """The blocks that are kept now, in order."""
        return tuple(self._blocks.values())

    def release(self, next_sequence: int) -> None:
        """All blocks below `next_sequence` are stored elsewhere: they go, and count as handed over."""
        for sequence in [one for one in self._blocks if one < next_sequence]:
            self._handed_over += self._drop(sequence)

    def take(self, block_id: bytes) -> Block | None:
        """Removes one block, which counts as handed over; None when it is not kept (any more)."""
        sequence = self._sequences.get(block_id)
        if sequence is None:
            return None
        block = self._blocks[sequence]
        self._handed_over += self._drop(sequence)
        return block

    def destroy(self, block_id: bytes) -> bool:
        """Removes one block that nobody shall have; says whether it was kept."""
        sequence = self._sequences.get(block_id)
        if sequence is None:
            return False
        self._destroyed += self._drop(sequence)
        return True

    def begin_pairing(self) -> None:
        """Another peer: what is left of the last one is destroyed, sequence numbers begin at 0."""
        for sequence in list(self._blocks):
            self._destroyed += self._drop(sequence)
        self._next = 0
        self._pairing += 1
        self._notify()

    def _drop(self, sequence: int) -> int:
        block = self._blocks.pop(sequence)
        del self._sequences[block.block_id]
        self._octets -= len(block.octets)
        return len(block.octets)

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
