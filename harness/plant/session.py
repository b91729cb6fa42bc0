"""A module that is plugged into a port: what it is set to, its present train, and what waits to be sent to it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field

import grpc

from harness.contract import ContractError
from qkd.optical.v1 import plant_pb2

_log = logging.getLogger(__name__)

# Wall seconds that a module may leave its full queue unread before it is unplugged.
UNREAD_BOUND_S = 10.0
# Where senders to it begin to wait, and where it is unplugged at once.
_FULL_MESSAGES = 1024
_FULL_OCTETS = 32 * 1024 * 1024
_MOST_MESSAGES = 8 * _FULL_MESSAGES


@dataclass(slots=True, eq=False)
class Train:
    """The signals of one tick.

    Attributes:
        to: port that it was sent to, once it has arrived or waits in a hub.
        over: nothing more is to be said of it: dark, or its sender is done with the tick.
        dark: it reached no receiver, or was lost with it.
    """

    tick: int
    seed: bytes = field(repr=False)
    to: str = ""
    over: bool = False
    dark: bool = False


class Session:
    """One plugged port.

    Args:
        plug: what the module said.

    Attributes:
        channel: what it is tuned to; empty = not yet.
        train: the last that it emitted.
        done: last tick that it was done with; -1 = none.
        messages: service messages that it sent, counted.
        error: why it was unplugged, when that was not its own will.
    """

    def __init__(self, plug: plant_pb2.Plug) -> None:
        self.port_id = plug.port_id
        self.module_id = plug.module_id
        self.direction = plug.direction
        self.channel = ""
        self.train: Train | None = None
        self.done = -1
        self.messages = 0
        self.error: ContractError | None = None
        self.ended = asyncio.Event()
        self._waiting: deque[plant_pb2.AttachResponse] = deque()
        self._octets = 0
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def __str__(self) -> str:
        return f"{self.port_id} ({self.module_id})"

    def send(self, response: plant_pb2.AttachResponse) -> None:
        """Puts a message into its queue; unplugs it when it has left far too many unread."""
        if self.ended.is_set():
            return
        self._waiting.append(response)
        self._octets += response.ByteSize()
        self._filled.set()
        if len(self._waiting) >= _FULL_MESSAGES or self._octets >= _FULL_OCTETS:
            self._room.clear()
        if len(self._waiting) > _MOST_MESSAGES:
            self._unread()

    async def room(self) -> None:
        """Returns once its queue is not full, or it was unplugged for that."""
        if self._room.is_set():
            return
        try:
            async with asyncio.timeout(UNREAD_BOUND_S):
                await self._room.wait()
        except TimeoutError:
            self._unread()

    async def next(self) -> plant_pb2.AttachResponse | None:
        """The next message for it; None = it was unplugged."""
        while not self._waiting and not self.ended.is_set():
            self._filled.clear()
            await self._filled.wait()
        if self.ended.is_set():
            return None
        response = self._waiting.popleft()
        self._octets -= response.ByteSize()
        if not self._room.is_set() and len(self._waiting) < _FULL_MESSAGES // 2 and self._octets < _FULL_OCTETS // 2:
            self._room.set()
        return response

    def end(self, error: ContractError | None = None) -> None:
        """Unplugs it; the first reason stands."""
        if not self.ended.is_set():
            self.error = error
            self.ended.set()
            self._room.set()
            self._filled.set()

    def _unread(self) -> None:
        if self.ended.is_set():
            return
        _log.warning(
            "port %s does not read: %d messages (%d octets) wait; unplugged", self, len(self._waiting), self._octets
        )
        text = f"port {self.port_id} does not read what the plant sends; plug in again and read all the time"
        self.end(ContractError(grpc.StatusCode.RESOURCE_EXHAUSTED, "PORT_DOES_NOT_READ", message=text))
