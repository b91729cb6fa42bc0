"""One node's notifications to any number of readers; a reader that falls behind is cut off."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable

from qkd.node.v1.agent_pb2 import WatchNotificationsResponse

from .live import LiveNode

_log = logging.getLogger(__name__)


class TooManyReadersError(Exception):
    """No further reader is taken."""


class Reader:
    """One reader's queue: an asynchronous iterator that ends when the hub closes, or the reader is too slow.

    Attributes:
        cut: it was too slow.
        on_cut: called when that happens; whoever writes to a peer that does not read would otherwise wait for ever.
    """

    def __init__(self, backlog: int) -> None:
        self._waiting: deque[WatchNotificationsResponse] = deque()
        self._backlog = backlog
        self._some = asyncio.Event()
        self._ended = False
        self.cut = False
        self.on_cut: Callable[[], object] = lambda: None

    def put(self, one: WatchNotificationsResponse) -> None:
        """Queues one, or ends."""
        if self._ended:
            return
        if len(self._waiting) >= self._backlog:
            self.cut = True
            self._waiting.clear()
            self.end()
            self.on_cut()
            return
        self._waiting.append(one)
        self._some.set()

    def end(self) -> None:
        """Nothing comes after what is queued."""
        self._ended = True
        self._some.set()

    async def next(self) -> WatchNotificationsResponse | None:
        """The next one; None = the end."""
        while not self._waiting:
            if self._ended:
                return None
            self._some.clear()
            await self._some.wait()
        return self._waiting.popleft()

    async def __aiter__(self) -> AsyncIterator[WatchNotificationsResponse]:
        while (one := await self.next()) is not None:
            yield one


class Hub:
    """Fans out the notifications of whichever node is attached.

    Args:
        most: readers at a time.
        backlog: notifications that a reader may be behind.
    """

    def __init__(self, most: int, backlog: int) -> None:
        self._most = most
        self._backlog = backlog
        self._readers: set[Reader] = set()
        self._pump: asyncio.Task[None] | None = None

    def open(self) -> Reader:
        """A new reader, of what happens from now on; `close` it.

        Raises:
            TooManyReadersError: there are as many as may be.
        """
        if len(self._readers) >= self._most:
            raise TooManyReadersError(f"{self._most} streams are open already; close one")
        reader = Reader(self._backlog)
        self._readers.add(reader)
        return reader

    def close(self, reader: Reader) -> None:
        """Forgets a reader."""
        reader.end()
        self._readers.discard(reader)

    async def attach(self, live: LiveNode) -> None:
        """Reads from this node, and no longer from the one before. Returns when it reads."""
        await self._stop()
        begun = asyncio.Event()
        self._pump = asyncio.create_task(self._run(live, begun))
        await begun.wait()

    async def end(self) -> None:
        """Ends all streams."""
        await self._stop()
        for reader in list(self._readers):
            self.close(reader)

    async def _stop(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
            self._pump = None

    async def _run(self, live: LiveNode, begun: asyncio.Event) -> None:
        source = live.notifications()
        asyncio.get_running_loop().call_soon(begun.set)
        try:
            async for one in source:
                for reader in list(self._readers):
                    reader.put(one)
        except Exception:  # noqa: BLE001 - a node's fault must not take its agent down
            _log.exception("the node's notifications ended")
