"""Modules that push: they dial this KME and send their blocks over a raw TCP connection (`push.proto`)."""

from __future__ import annotations

import asyncio
import hmac
import logging
import sqlite3
from collections.abc import Mapping

from google.protobuf.message import DecodeError

from harness.sdk import check_message
from qkd.device.v1.push_pb2 import PushAck, PushFrame, PushWelcome

from .intake import Intake, SourceState
from .parts import NewBlock

_log = logging.getLogger(__name__)
_LENGTH = 4
_LONGEST = 1 << 20
_HEADROOM = 1024  # of a frame around its block
_HELLO_S = 5.0


class PushListener:
    """One port for all modules that push to one KME; the source ID in their first frame says who they are.

    Args:
        intakes: by the ID of each source that pushes.
    """

    def __init__(self, intakes: Mapping[str, Intake]) -> None:
        self._intakes = intakes
        self._server: asyncio.Server | None = None
        self._open: dict[str, asyncio.StreamWriter] = {}
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
            source_id = await self._greet(reader)
            if source_id is not None:
                await self._take(source_id, reader, writer)
        except (asyncio.IncompleteReadError, OSError, TimeoutError):
            pass  # it will dial again
        except (DecodeError, ValueError) as error:
            _log.warning("a module that pushes was cut off: %s", type(error).__name__)
        except sqlite3.Error as error:
            _log.error("blocks that were pushed cannot be stored: %s", type(error).__name__)
        finally:
            writer.transport.abort()

    async def _greet(self, reader: asyncio.StreamReader) -> str | None:
        """The source that a connection speaks for; None = it could not show its token."""
        async with asyncio.timeout(_HELLO_S):
            hello = (await _read(reader)).hello
        state = self._state(hello.source_id)
        token = state.address.token if state else ""
        if not token or not hmac.compare_digest(hello.token.encode(), token.encode()):
            _log.warning("a connection to the push port was turned away")
            return None
        return hello.source_id

    def _state(self, source_id: str) -> SourceState | None:
        intake = self._intakes.get(source_id)
        return intake.sources[source_id] if intake else None

    async def _take(self, source_id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Blocks come in; those that were not acknowledged come again, and the store knows them."""
        intake, state = self._intakes[source_id], self._intakes[source_id].sources[source_id]
        older = self._open.get(source_id)
        if older is not None:
            older.transport.abort()
        self._open[source_id] = writer
        _write(writer, PushFrame(welcome=PushWelcome(first_sequence=0)))
        try:
            while True:
                await state.wanted.wait()
                frame = await _read(reader)
                if not frame.HasField("block") or check_message(frame):
                    raise ValueError("a frame is no block")
                block = frame.block
                intake.put(source_id, [NewBlock(block.block_id, block.octets, block.time_s)])
                _write(writer, PushFrame(ack=PushAck(next_sequence=block.sequence + 1)))
                await writer.drain()
        finally:
            if self._open.get(source_id) is writer:
                del self._open[source_id]


async def _read(reader: asyncio.StreamReader) -> PushFrame:
    length = int.from_bytes(await reader.readexactly(_LENGTH))
    if length > _LONGEST + _HEADROOM:
        raise ValueError("a frame is too long")
    return PushFrame.FromString(await reader.readexactly(length))


def _write(writer: asyncio.StreamWriter, frame: PushFrame) -> None:
    octets = frame.SerializeToString()
    writer.write(len(octets).to_bytes(_LENGTH) + octets)
