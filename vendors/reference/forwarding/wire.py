"""Messages between forwarding modules on TCP: 4 octets of length (big-endian), then one HopMessage.

A connection carries messages one way; the other way has one of its own. Nothing here is trusted: what a message
is worth its MAC says.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from .pauses import growing

_log = logging.getLogger(__name__)
LENGTH_OCTETS = 4
# The longest payload, the longest header, and room for their tags.
LONGEST_FRAME = 1024 * 1024 + 65536 + 1024
_MOST_CONNECTIONS = 256
_MOST_AT_ONCE = 256  # messages of one connection that are being worked on
_CONNECT_S = 5.0


class LineDownError(Exception):
    """There is no connection to the neighbour."""


def framed(message: bytes) -> bytes:
    """`message` behind its length; raises `ValueError` when it is too long."""
    if len(message) > LONGEST_FRAME:
        raise ValueError(f"a message has at most {LONGEST_FRAME} octets, not {len(message)}")
    return len(message).to_bytes(LENGTH_OCTETS) + message


class HopListener:
    """Where neighbours connect.

    Args:
        received: called with each message; a sender is read no further while too many calls are under way.
    """

    def __init__(self, received: Callable[[bytes], Awaitable[None]]) -> None:
        self._received = received
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._work: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listens; says on which port.

        Raises:
            OSError: the port is taken.
        """
        self._server = await asyncio.start_server(self._connected, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stops listening, ends all connections and the work on what they brought."""
        if self._server is not None:
            self._server.close()
        tasks = [*self._open, *self._work]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._open) >= _MOST_CONNECTIONS:
            writer.close()
            return
        self._open.add(task)
        try:
            await self._read(reader)
        except asyncio.CancelledError:
            pass  # `stop`; asyncio.streams logs a connection that ends cancelled as a failure
        except (asyncio.IncompleteReadError, OSError):
            _log.debug("a neighbour has hung up")
        finally:
            self._open.discard(task)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        at_once = asyncio.Semaphore(_MOST_AT_ONCE)

        async def work(message: bytes) -> None:
            try:
                await self._received(message)
            except Exception as error:  # noqa: BLE001 - the edge: one message must not end the others
                # Its text may hold what it should not.
                _log.error("a message could not be handled: %s", type(error).__name__)
            finally:
                at_once.release()

        while True:
            length = int.from_bytes(await reader.readexactly(LENGTH_OCTETS))
            if length > LONGEST_FRAME:
                _log.warning("a message of %d octets is refused; the connection is closed", length)
                return
            message = await reader.readexactly(length)
            await at_once.acquire()
            task = asyncio.create_task(work(message))
            self._work.add(task)
            task.add_done_callback(self._work.discard)


class HopLine:
    """The connection to one neighbour: dials, and dials again with growing pauses.

    Args:
        first_pause_s, longest_pause_s: between attempts, seconds.
    """

    def __init__(self, first_pause_s: float, longest_pause_s: float) -> None:
        self._pauses = (first_pause_s, longest_pause_s)
        self._address = ("", 0)
        self._writer: asyncio.StreamWriter | None = None
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def dial(self, host: str, port: int) -> None:
        """Keeps a connection to this address from now on, in place of any earlier one."""
        if self._address == (host, port):
            return
        await self.stop()
        self._address = (host, port)
        self._task = asyncio.create_task(self._stay_connected())

    async def stop(self) -> None:
        """Hangs up until the next `dial`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._address = ("", 0)

    async def up(self) -> None:
        """Returns when there is a connection."""
        await self._connected.wait()

    async def send(self, message: bytes) -> None:
        """Sends; returns when the kernel takes more. Nobody says whether it arrived.

        Raises:
            LineDownError: there is no connection, or it broke.
        """
        writer = self._writer
        if writer is None or writer.transport.is_closing():
            raise LineDownError
        try:
            writer.write(framed(message))
            await writer.drain()
        except (OSError, RuntimeError):  # RuntimeError: uvloop, of a connection that is closed already
            raise LineDownError from None

    async def _stay_connected(self) -> None:
        pauses = growing(*self._pauses)
        while True:
            try:
                async with asyncio.timeout(_CONNECT_S):
                    reader, writer = await asyncio.open_connection(*self._address)
            except (OSError, TimeoutError) as error:
                _log.debug("the neighbour at port %d does not answer: %s", self._address[1], type(error).__name__)
            else:
                pauses = growing(*self._pauses)
                await self._hold(reader, writer)
            await asyncio.sleep(next(pauses))

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until the neighbour hangs up; it sends nothing on this connection."""
        self._writer = writer
        self._connected.set()
        try:
            with suppress(OSError):
                await reader.read(1)
        finally:
            self._connected.clear()
            self._writer = None
            writer.close()
