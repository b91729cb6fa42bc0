"""Sources that are gRPC streams: QKD modules, and the forwarding module of the site.

A stream that is held back is not read, and the flow control of gRPC holds the other end back.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import grpc

from harness.sdk import bearer_metadata, loopback_channel
from qkd.device.v1.module_pb2 import ReleaseKeyBlocksRequest, StreamKeyBlocksRequest
from qkd.device.v1.module_pb2_grpc import QkdModuleServiceStub
from qkd.node.v1.forwarding_pb2 import StreamRelayedBlocksRequest
from qkd.node.v1.forwarding_pb2_grpc import ForwardingServiceStub

from .parts import NewBlock
from .reader import Reader

_log = logging.getLogger(__name__)
_RELAYED_AT_A_TIME = 4


class ModuleReader(Reader):
    """Follows `QkdModuleService.StreamKeyBlocks`, and releases what is stored.

    It asks for the blocks from 0 on each time, as the numbers may begin anew after a new pairing: the module
    gives those that were not released, and the store passes over those that it has.
    """

    async def follow(self) -> None:
        """See `Reader`."""
        metadata = bearer_metadata(self.source.token)
        async with loopback_channel(self.source.address) as channel:
            stub = QkdModuleServiceStub(channel)
            release = _Release(stub, metadata)
            try:
                await self.state.wanted.wait()
                async for block in stub.StreamKeyBlocks(StreamKeyBlocksRequest(first_sequence=0), metadata=metadata):
                    if self.source.peer_module_id not in ("", block.peer_module_id):
                        continue  # made with the peer that the module had before
                    self.intake.put(self.source.name, [NewBlock(block.block_id, block.octets, block.time_s)])
                    self.went_well()
                    release.until(block.sequence + 1)
                    await self.state.wanted.wait()
            finally:
                await release.end()


class _Release:
    """Tells a module how far it may destroy its blocks; one call at a time, which stands for all before it."""

    def __init__(self, stub: Any, metadata: tuple[tuple[str, str], ...]) -> None:
        self._stub = stub
        self._metadata = metadata
        self._next = 0
        self._task: asyncio.Task[None] | None = None

    def until(self, sequence: int) -> None:
        self._next = sequence
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        told = -1
        try:
            while told != self._next:
                told = self._next
                await self._stub.ReleaseKeyBlocks(ReleaseKeyBlocksRequest(next_sequence=told), metadata=self._metadata)
        except grpc.aio.AioRpcError as error:  # the next one stands for it too
            _log.debug("blocks are not released yet: %s", error.code().name)

    async def end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


class RelayReader(Reader):
    """Follows `ForwardingService.StreamRelayedBlocks`: what was carried for this KME and a distant one.

    A few blocks are asked for at a time, and only while they are wanted: each has cost keys of every hop.
    """

    async def follow(self) -> None:
        """See `Reader`."""
        request = StreamRelayedBlocksRequest(peer_kme_id=self.source.peer_kme_id, most_blocks=_RELAYED_AT_A_TIME)
        metadata = bearer_metadata(self.source.token)
        async with loopback_channel(self.source.address) as channel:
            stub = ForwardingServiceStub(channel)
            while True:
                await self.state.wanted.wait()
                async for block in stub.StreamRelayedBlocks(request, metadata=metadata):
                    relays = list(block.relays)
                    self.intake.put(self.source.name, [NewBlock(block.block_id, block.octets, relays=relays)])
                    self.went_well()
