"""Notifications of the node to any number of readers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from qkd.node.v1.agent_pb2 import WatchNotificationsResponse

_MOST_WAITING = 1024
_BACKLOG = 64


class Notices:
    """Gives each reader what happens from its beginning on. A reader that is too far behind is ended.

    What happens while nobody reads is kept for the first reader, as far as it is not too much: the node comes up
    before those who listen to it.

    Args:
        now: seconds since 1970.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._backlog: deque[WatchNotificationsResponse] = deque(maxlen=_BACKLOG)
        self._readers: set[asyncio.Queue[WatchNotificationsResponse | None]] = set()

    def say(self, notice: WatchNotificationsResponse) -> None:
        """Something has happened, now."""
        notice.event_time.FromMicroseconds(round(self._now() * 1e6))
        if not self._readers:
            self._backlog.append(notice)
        for reader in list(self._readers):
            if reader.qsize() >= _MOST_WAITING:
                self._readers.discard(reader)
                reader.put_nowait(None)
            else:
                reader.put_nowait(notice)

    def read(self) -> AsyncIterator[WatchNotificationsResponse]:
        """See `LiveNode.notifications`; from this call on."""
        queue: asyncio.Queue[WatchNotificationsResponse | None] = asyncio.Queue()
        while self._backlog:
            queue.put_nowait(self._backlog.popleft())
        self._readers.add(queue)
        return self._read(queue)

    async def _read(
        self, queue: asyncio.Queue[WatchNotificationsResponse | None]
    ) -> AsyncIterator[WatchNotificationsResponse]:
        try:
            while (notice := await queue.get()) is not None:
                yield notice
        finally:
            self._readers.discard(queue)
