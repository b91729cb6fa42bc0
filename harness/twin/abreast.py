"""Much work at the same time, a little at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from harness.testbed.bed import together

# More would only wait for each other, and run into the bounds of calls.
_ABREAST = 16


async def abreast(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Does all of it, a few at a time; the first failure cancels the rest and is raised as it is."""
    places = asyncio.Semaphore(_ABREAST)

    async def one(coroutine: Coroutine[Any, Any, None]) -> None:
        async with places:
            await coroutine

    await together(one(coroutine) for coroutine in work)
