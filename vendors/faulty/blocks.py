"""The key source as a KME reads it, open to changes. Both KMEs of a link make the same change."""

from __future__ import annotations

from collections.abc import AsyncIterator

from vendors.reference.source import SourceAddress, stream_of


class Blocks:
    """Passes the blocks of a link on as they come; takes the place of `Parts.stream`.

    Attributes:
        source: the link.
    """

    def __init__(self, source: SourceAddress) -> None:
        self.source = source

    async def __call__(self, first_index: int) -> AsyncIterator[tuple[int, bytes]]:
        """Index and block, in order, from an index on."""
        async for index, block in stream_of(self.source)(first_index):
            yield index, self.altered(index, block)

    def altered(self, index: int, block: bytes) -> bytes:
        """What the KME takes for the block: as many octets, the same at both ends."""
        return block

    async def original(self, index: int) -> bytes:
        """One block as the source has it."""
        async for _, block in stream_of(self.source)(index):
            return block
        raise EOFError(f"link {self.source.link_id} has no block {index}")
