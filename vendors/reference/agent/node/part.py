"""A part of the node that the agent works with: it is told what is wished, watched, and told again when it is back."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence

import grpc

from vendors.reference.forwarding.pauses import growing

from .settings import NodeSettings

_log = logging.getLogger(__name__)
_FIRST_PAUSE_S = 0.05
# Loopback knows no proxy, and a part that is back is found soon.
CHANNEL_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class Part(ABC):
    """One part. Subclasses say how it is told (`tell`) and what is followed.

    Args:
        name: for people.
        settings: of the node.
        changed: called when anything that is known of the part has changed.

    Attributes:
        reachable: whether it answered last.
        refusal: why it refuses what is wished; empty = it does not.
    """

    def __init__(self, name: str, settings: NodeSettings, changed: Callable[[], None]) -> None:
        self.name = name
        self.settings = settings
        self.changed = changed
        self.reachable = False
        self.refusal = ""
        self._finds = 0
        self._due = asyncio.Event()
        self._told = asyncio.Event()

    async def run(self) -> None:
        """Never returns; cancel it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._obey())
            for follow in self.follows():
                group.create_task(self._keep(follow))

    @abstractmethod
    def follows(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """What is followed for ever; each raises `AioRpcError` when it breaks."""

    @abstractmethod
    async def tell(self) -> None:
        """Tells it what is wished; raises `AioRpcError`."""

    def wish(self) -> None:
        """What is wished has changed, or has to be told again."""
        self._told.clear()
        self._due.set()

    async def told(self) -> None:
        """Returns when it has been told, has refused, or cannot be reached within `told_s`."""
        try:
            async with asyncio.timeout(self.settings.told_s):
                await self._told.wait()
        except TimeoutError:
            _log.warning("%s could not be told in time; it will be when it answers", self.name)

    def found(self) -> None:
        """It answers; if it did not before, it is told everything again."""
        self._finds += 1
        if not self.reachable:
            self.reachable = True
            self.wish()
            self.changed()

    def lost(self) -> None:
        """It does not answer."""
        if self.reachable:
            self.reachable = False
            _log.warning("%s does not answer", self.name)
            self.changed()

    async def _obey(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self.tell()
                self.refusal = ""
            except grpc.aio.AioRpcError as error:
                self._failed(error)
            if not self._due.is_set():
                self._told.set()

    def _failed(self, error: grpc.aio.AioRpcError) -> None:
        if error.code() == grpc.StatusCode.INVALID_ARGUMENT:
            self.refusal = error.details() or "it says no more"
        else:  # it may do it later
            asyncio.get_running_loop().call_later(self.settings.longest_pause_s, self._due.set)
        _log.warning("%s does not do what is wished: %s %s", self.name, error.code().name, error.details())

    async def _keep(self, follow: Callable[[], Awaitable[None]]) -> None:
        while True:
            for pause in growing(_FIRST_PAUSE_S, self.settings.longest_pause_s):
                before = self._finds
                try:
                    await follow()
                except grpc.aio.AioRpcError as error:
                    _log.debug("%s: %s", self.name, error.code().name)
                    if error.code() != grpc.StatusCode.UNIMPLEMENTED:
                        self.lost()
                await asyncio.sleep(pause)
                if self._finds > before:
                    break  # it had answered: begin with short pauses again
