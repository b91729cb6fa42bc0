"""Where the bits come from: follows a key source (`qkd.device.v1`) and stores its blocks in the link."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import grpc

from harness.sdk import bearer_metadata, loopback_channel
from qkd.device.v1.key_source_pb2 import StreamBlocksRequest
from qkd.device.v1.key_source_pb2_grpc import KeySourceServiceStub

from .link import Link, SourceError

_log = logging.getLogger(__name__)
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0

# From an index on: (index, block), in order, without gaps.
OpenStream = Callable[[int], AsyncIterator[tuple[int, bytes]]]


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """One link that this KME is offered.

    Attributes:
        link_id: of the link.
        address: host:port of KeySourceService.
        token: of the link.
        peer_kme_id: the KME at the other end.
    """

    link_id: str
    address: str
    token: str = field(repr=False)
    peer_kme_id: str


class Feed:
    """Keeps one link in stock, for as long as it runs; a source that fails is asked again.

    While both halves of the link are above their high-water mark nothing is read, and a source that pushes
    is held back by the flow control of the stream.
    """

    def __init__(self, link: Link, open_stream: OpenStream) -> None:
        self._link = link
        self._open_stream = open_stream

    async def run(self) -> None:
        """Never returns; cancel it."""
        pause = _FIRST_PAUSE_S
        while True:
            before = self._link.held
            try:
                await self._follow()
            except grpc.aio.AioRpcError as error:
                _log.debug("key source of link %s: %s", self._link.link_id, error.code().name)
            except SourceError as error:
                _log.error("%s", error)
            except (sqlite3.Error, OSError) as error:
                _log.error("blocks of link %s cannot be stored: %s", self._link.link_id, type(error).__name__)
            if self._link.held > before:
                pause = _FIRST_PAUSE_S
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _follow(self) -> None:
        await self._link.wanted.wait()
        async for index, block in self._open_stream(self._link.held):
            self._link.add_block(index, block)
            await self._link.wanted.wait()


def stream_of(source: SourceAddress) -> OpenStream:
    """Opens the stream of a link at a `KeySourceService`."""

    async def blocks(first_index: int) -> AsyncIterator[tuple[int, bytes]]:
        request = StreamBlocksRequest(link_id=source.link_id, first_index=first_index)
        async with loopback_channel(source.address) as channel:
            stub = KeySourceServiceStub(channel)
            async for answer in stub.StreamBlocks(request, metadata=bearer_metadata(source.token)):
                yield answer.index, answer.block

    return blocks
