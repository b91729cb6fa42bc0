"""A stock that is small and grows slowly, so that it runs empty."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from .blocks import Blocks

_PIECE = 512  # octets: 16 keys of 256 bits
_AT_ONCE = 24  # pieces that are there from the beginning, for both halves
_EVERY_S = 0.15  # for one half or the other
SETTINGS = {"high_water_octets": 8192}
"""The KME does not read far ahead."""


class SlowStock(Blocks):
    """Hands blocks on in small pieces: some at once, the others by and by."""

    async def __call__(self, first_index: int) -> AsyncIterator[tuple[int, bytes]]:
        """Pieces by index; a block holds whole pieces."""
        size = len(await self.original(0))
        pieces = size // _PIECE
        async for index, block in super().__call__(first_index // pieces):
            for place in range(pieces):
                number = index * pieces + place
                if number < first_index:
                    continue
                if number >= _AT_ONCE:
                    await asyncio.sleep(_EVERY_S)
                yield number, block[place * _PIECE : (place + 1) * _PIECE]
