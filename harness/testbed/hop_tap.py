"""Somebody on the wire between two forwarding modules: records what passes, and may change it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError

from qkd.node.v1.hop_pb2 import Header, HopMessage

LENGTH_OCTETS = 4
Rule = Callable[["Frame"], Sequence[bytes]]
"""From a frame to those that arrive in its place."""


@dataclass(frozen=True)
class Frame:
    """One message as it was sent.

    Attributes:
        octets: without the length before them.
        message: parsed; empty where that is not possible.
        header: likewise.
    """

    octets: bytes = field(repr=False)
    message: HopMessage = field(repr=False)
    header: Header

    @classmethod
    def of(cls, octets: bytes) -> Frame:
        """From what stood behind the length."""
        message, header = HopMessage(), Header()
        with suppress(DecodeError):
            message.ParseFromString(octets)
            header.ParseFromString(message.header)
        return cls(octets, message, header)

    @property
    def is_share(self) -> bool:
        """Whether it carries a share (else a confirmation, or nothing that can be read)."""
        return self.header.WhichOneof("kind") == "share"

    @property
    def block_id(self) -> bytes:
        """Of the block that it is about."""
        return self.header.share.block_id or self.header.confirmation.block_id


class HopTap:
    """Stands between a forwarding module and one neighbour, in this direction only.

    Args:
        sender, receiver: their KME IDs.
        address: where the receiver listens, host:port.

    Attributes:
        sender, receiver: as above.
        address: where the tap listens, once started.
        frames: all that was sent, in order, whatever became of it.
        rule: what becomes of it; None = it passes. Called in the event loop.
        to: where the receiver listens; may change.
    """

    def __init__(self, sender: str, receiver: str, address: str) -> None:
        self.sender = sender
        self.receiver = receiver
        self.address = ""
        self.to = address
        self.frames: list[Frame] = []
        self.rule: Rule | None = None
        self._cut = False
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Begins to listen."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Ends."""
        if self._server is not None:
            self._server.close()
        await self._hang_up()

    async def cut(self, *, on: bool) -> None:
        """Breaks the wire, or mends it."""
        self._cut = on
        if on:
            await self._hang_up()

    async def inject(self, frames: Sequence[bytes]) -> None:
        """Sends frames over a connection of its own; returns when the receiver has had them, or hung up."""
        with suppress(OSError):
            _, writer = await self._dial()
            for octets in frames:
                writer.write(framed(octets))
            await writer.drain()
            writer.close()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, _, port = self.to.rpartition(":")
        return await asyncio.open_connection(host.strip("[]"), int(port))

    async def _hang_up(self) -> None:
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self._cut:
            writer.close()
            return
        self._open.add(task)
        try:
            back, onward = await self._dial()
            gone = asyncio.create_task(back.read(1))  # the receiver says nothing: it has hung up
            gone.add_done_callback(lambda _: writer.close())
            try:
                while True:
                    length = int.from_bytes(await reader.readexactly(LENGTH_OCTETS))
                    for octets in self._passed(await reader.readexactly(length)):
                        onward.write(framed(octets))
            finally:
                gone.cancel()
                onward.close()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    def _passed(self, octets: bytes) -> Sequence[bytes]:
        frame = Frame.of(octets)
        self.frames.append(frame)
        return [octets] if self.rule is None else self.rule(frame)


def framed(octets: bytes) -> bytes:
    """Behind their length."""
    return len(octets).to_bytes(LENGTH_OCTETS) + octets
