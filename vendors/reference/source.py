"""Where the bits come from: follows a key source (`qkd.device.v1`) and stores its blocks in the link."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import IntEnum

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


class SourceKind(IntEnum):
    """How keys are had from a source; the numbers are those of `qkd.vendor.v1.KeySourceKind`."""

    COUNTED = 0
    MODULE_STREAM = 1
    ETSI014 = 2
    TCP_PUSH = 3
    RELAY = 4


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """One source of bits that this KME is offered.

    Attributes:
        link_id: of the link; several sources may feed one.
        address: host:port, or the base URL for ETSI014; empty for TCP_PUSH.
        token: of the source.
        peer_kme_id: the KME at the other end.
        kind: COUNTED (both ends count its blocks alike) goes straight into the link, and is the only source of
            it; the others go through the intake.
        source_id: the same at both ends; empty = the link ID.
        maker: of the module, for provenance.
        module_id: likewise.
        peer_module_id: the module at the other end; empty = not known.
    """

    link_id: str
    address: str
    token: str = field(repr=False)
    peer_kme_id: str
    kind: SourceKind = SourceKind.COUNTED
    source_id: str = ""
    maker: str = ""
    module_id: str = ""
    peer_module_id: str = ""

    @property
    def name(self) -> str:
        """The source ID."""
        return self.source_id or self.link_id


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
