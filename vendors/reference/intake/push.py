"""Modules that push: they dial this KME and send their blocks over a raw TCP connection (`push.proto`)."""

from __future__ import annotations

import asyncio
import hmac
import logging
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from harness.sdk import check_message
from qkd.device.v1.push_pb2 import PushAck, PushFrame, PushWelcome

from .intake import Intake
from .parts import NewBlock

_log = logging.getLogger(__name__)
_LENGTH = 4
_LONGEST = 1 << 20
_HEADROOM = 1024  # of a frame around its block
_HELLO_S = 5.0
_UNPAIRED_S = 5.0


@dataclass(slots=True)
class Door:
    """Where the blocks of one module that pushes go.

    Attributes:
        token: what the module has to show.
        source_id: in `intake`.
        intake: of the link that it feeds now; None = it is in no pairing.
        opened: set while there is one.
        writer: the connection of the module.
    """

    token: str = field(repr=False)
    source_id: str = ""
    intake: Intake | None = None
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    writer: asyncio.StreamWriter | None = None

    def lead(self, intake: Intake | None, source_id: str = "") -> None:
        """Its blocks go here from now on, in a new connection."""
        if self.writer is not None and self.intake is not None:
            self.writer.transport.abort()
        self.intake, self.source_id = intake, source_id
        if intake is None:
            self.opened.clear()
        else:
            self.opened.set()


class PushListener:
    """One port for all modules that push to one KME; the source ID in their first frame says who they are.

    Args:
        doors: by the name that each module says.
    """

    def __init__(self, doors: Mapping[str, Door]) -> None:
        self._doors = doors
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listens; says on which port.

        Raises:
            OSError: the port is taken.
        """
        self._server = await asyncio.start_server(self._accept, host, port, limit=_LONGEST + _HEADROOM)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stops listening and ends all connections."""
        if self._server is not None:
            self._server.close()
        for call in list(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.create_task(self._serve(reader, writer))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            door = await self._greet(reader)
            if door is not None:
                await self._take(door, reader, writer)
        except (asyncio.IncompleteReadError, OSError, TimeoutError):
            pass  # it will dial again
        except (DecodeError, ValueError) as error:
            _log.warning("a module that pushes was cut off: %s", type(error).__name__)
        except sqlite3.Error as error:
            _log.error("blocks that were pushed cannot be stored: %s", type(error).__name__)
        finally:
            writer.transport.abort()

    async def _greet(self, reader: asyncio.StreamReader) -> Door | None:
        """Whom a connection speaks for; None = it could not show its token."""
        async with asyncio.timeout(_HELLO_S):
            hello = (await _read(reader)).hello
        door = self._doors.get(hello.source_id)
        token = door.token if door else ""
        if not token or not hmac.compare_digest(hello.token.encode(), token.encode()):
            _log.warning("a connection to the push port was turned away")
            return None
        return door

    async def _take(self, door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Blocks come in; those that were not acknowledged come again, and the store knows them."""
        if door.writer is not None:
            door.writer.transport.abort()
        door.writer = writer
        try:
            async with asyncio.timeout(_UNPAIRED_S):  # a module in no pairing gets no welcome, and dials again
                await door.opened.wait()
            intake, source_id = door.intake, door.source_id
            if intake is None or door.writer is not writer:
                return
            _write(writer, PushFrame(welcome=PushWelcome(first_sequence=0)))
            while True:
                await intake.sources[source_id].wanted.wait()
                frame = await _read(reader)
                if not frame.HasField("block") or check_message(frame):
                    raise ValueError("a frame is no block")
                block = frame.block
                intake.put(source_id, [NewBlock(block.block_id, block.octets, block.time_s)])
                _write(writer, PushFrame(ack=PushAck(next_sequence=block.sequence + 1)))
                await writer.drain()
        finally:
            if door.writer is writer:
                door.writer = None


async def _read(reader: asyncio.StreamReader) -> PushFrame:
    length = int.from_bytes(await reader.readexactly(_LENGTH))
    if length > _LONGEST + _HEADROOM:
        raise ValueError("a frame is too long")
    return PushFrame.FromString(await reader.readexactly(length))


def _write(writer: asyncio.StreamWriter, frame: PushFrame) -> None:
    octets = frame.SerializeToString()
    writer.write(len(octets).to_bytes(_LENGTH) + octets)
