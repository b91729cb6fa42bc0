"""A TCP connection with the harness in the middle: it can be opened, closed, and told to turn bits."""

from __future__ import annotations

import asyncio
from contextlib import suppress

_CHUNK = 64 * 1024


class TcpProxy:
    """Listens on loopback and passes on to a target. Start it, stop it.

    Attributes:
        address: ``host:port`` where it listens, once started.
        tampering: one bit of everything that comes from who has dialled is turned.
        turned: pieces in which it has turned one.
    """

    def __init__(self) -> None:
        self.address = ""
        self.tampering = False
        self.turned = 0
        self._target = ""
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begins to listen; refuses everybody until it is `open`."""
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def open(self, target: str) -> None:
        """From now on who dials gets to ``host:port``."""
        self._target = target

    async def shut(self) -> None:
        """Ends all connections and refuses new ones."""
        self._target = ""
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Ends everything."""
        if self._server is not None:
            self._server.close()
        await self.shut()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or not self._target:
            writer.close()
            return
        self._open.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):  # cancelled by `shut`; streams would log it as a failure
                await self._join(reader, writer)
        finally:
            self._open.discard(task)
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self._target.rpartition(":")
        there, onward = await asyncio.open_connection(host.strip("[]"), int(port))
        ways = [
            asyncio.create_task(self._pass_on(reader, onward, outward=True)),
            asyncio.create_task(self._pass_on(there, writer, outward=False)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            onward.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, outward: bool) -> None:
        while octets := await reader.read(_CHUNK):
            if outward and self.tampering:
                # The last octet of a piece is within a message: a length in front of it stays as it was.
                octets = octets[:-1] + bytes([octets[-1] ^ 1])
                self.turned += 1
            writer.write(octets)
            await writer.drain()
