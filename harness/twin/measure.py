"""What a raised network costs: processes and memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import psutil

_EVERY_S = 0.25
_MIB = 1024 * 1024


@dataclass
class Cost:
    """Of this process and all that it has started, so far.

    Attributes:
        peak_rss_mib: largest sum of resident memory seen, MiB; pages that processes share count in each.
        processes: most processes seen at once.
    """

    peak_rss_mib: float = 0.0
    processes: int = 0

    def look(self) -> None:
        """Takes note of what there is now."""
        this = psutil.Process(os.getpid())
        resident, count = 0, 0
        for process in (this, *this.children(recursive=True)):
            with suppress(psutil.Error):  # it has ended meanwhile
                resident += process.memory_info().rss
                count += 1
        self.peak_rss_mib = max(self.peak_rss_mib, resident / _MIB)
        self.processes = max(self.processes, count)


@asynccontextmanager
async def watched_cost() -> AsyncIterator[Cost]:
    """Looks four times a second while the body runs, and once at its end."""
    cost = Cost()
    task = asyncio.create_task(_keep_looking(cost))
    try:
        yield cost
    finally:
        task.cancel()
        cost.look()


async def _keep_looking(cost: Cost) -> None:
    while True:
        cost.look()
        await asyncio.sleep(_EVERY_S)
