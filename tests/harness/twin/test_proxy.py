"""A connection with the harness in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from harness.twin.proxy import TcpProxy


@asynccontextmanager
async def echo() -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while octets := await reader.read(100):
            writer.write(octets)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def said(proxy: TcpProxy, octets: bytes) -> bytes:
    host, _, port = proxy.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(octets)
        with suppress(ConnectionResetError):
            async with asyncio.timeout(5):
                return await reader.read(100)
        return b""
    finally:
        writer.close()


def test_it_passes_on_turns_a_bit_and_refuses() -> None:
    asyncio.run(_passed_on())


async def _passed_on() -> None:
    async with echo() as target:
        proxy = TcpProxy()
        await proxy.start()
        try:
            assert await said(proxy, b"nobody there") == b""
            proxy.open(target)
            assert await said(proxy, b"abc") == b"abc"
            proxy.tampering = True
            assert await said(proxy, b"abc") == b"abb"
            assert proxy.turned == 1
            await proxy.shut()
            assert await said(proxy, b"abc") == b""
        finally:
            await proxy.stop()
