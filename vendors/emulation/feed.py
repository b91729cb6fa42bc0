"""Streams to any number of watchers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Generic, TypeVar

import grpc

from harness.sdk import ContractError

T = TypeVar("T")
_LONGEST = 4096


class Feed(Generic[T]):
    """What is published reaches everybody who watches, in order."""

    def __init__(self) -> None:
        self._watchers: set[asyncio.Queue[T]] = set()

    def publish(self, item: T) -> None:
        """Gives `item` to all watchers; one that is `_LONGEST` behind is dropped (its queue stays full)."""
        for queue in self._watchers:
            if not queue.full():
                queue.put_nowait(item)

    async def watch(self, first: Iterable[T] = ()) -> AsyncIterator[T]:
        """`first`, then everything published from the call on, without end.

        Raises:
            ContractError: RESOURCE_EXHAUSTED, when the watcher reads too slowly.
        """
        queue: asyncio.Queue[T] = asyncio.Queue(_LONGEST)
        self._watchers.add(queue)
        try:
            for item in first:
                yield item
            while not queue.full():
                yield await queue.get()
        finally:
            self._watchers.discard(queue)
        raise ContractError(grpc.StatusCode.RESOURCE_EXHAUSTED, "WATCHER_SLOW", message="watch anew, and read faster")
