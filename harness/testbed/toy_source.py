"""A pair of QKD modules in their simplest form: the same blocks at both ends, as many as they are told to make."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from harness.sdk.server import ContractServer, contract_server
from qkd.device.v1 import module_pb2
from qkd.device.v1.module_pb2_grpc import QkdModuleServiceServicer


@dataclass(frozen=True)
class ToyBlock:
    """A block: 16 octets of ID, and the bits."""

    block_id: bytes
    octets: bytes = field(repr=False)


class _End(QkdModuleServiceServicer):
    """One of the two modules."""

    def __init__(self, token: str) -> None:
        self._changed = asyncio.Condition()
        self._blocks: dict[int, ToyBlock] = {}
        self._next = 0
        self.server: ContractServer = contract_server(self, token=token)

    async def add(self, blocks: Iterable[ToyBlock]) -> None:
        async with self._changed:
            for block in blocks:
                self._blocks[self._next] = block
                self._next += 1
            self._changed.notify_all()

    def _made(self, sequence: int) -> bool:
        return sequence < self._next

    async def StreamKeyBlocks(
        self, request: module_pb2.StreamKeyBlocksRequest, context: Any
    ) -> AsyncIterator[module_pb2.StreamKeyBlocksResponse]:
        sequence = request.first_sequence
        while True:
            async with self._changed:
                await self._changed.wait_for(partial(self._made, sequence))
            block = self._blocks.get(sequence)
            if block is not None:
                yield module_pb2.StreamKeyBlocksResponse(
                    sequence=sequence, block_id=block.block_id, octets=block.octets, time_s=1.0 + sequence
                )
            sequence += 1

    async def ReleaseKeyBlocks(
        self, request: module_pb2.ReleaseKeyBlocksRequest, context: object
    ) -> module_pb2.ReleaseKeyBlocksResponse:
        for sequence in [one for one in self._blocks if one < request.next_sequence]:
            del self._blocks[sequence]
        return module_pb2.ReleaseKeyBlocksResponse()


class ToySource:
    """Two such modules.

    Args:
        source_id: their name as a source of a link.
        ends: KME IDs of the KMEs that they serve.
        block_octets: length of a block.

    Attributes:
        source_id, ends, block_octets: as above.
        made: every block, in order.
        token: to show to either.
    """

    def __init__(self, source_id: str, ends: tuple[str, str], *, block_octets: int = 64) -> None:
        self.source_id = source_id
        self.ends = ends
        self.block_octets = block_octets
        self.made: list[ToyBlock] = []
        self.token = secrets.token_urlsafe(24)
        self._modules: dict[str, _End] = {}

    async def start(self) -> None:
        """Begins to serve."""
        for kme_id in self.ends:
            self._modules[kme_id] = _End(self.token)
            await self._modules[kme_id].server.start()

    async def stop(self) -> None:
        """Ends."""
        for module in self._modules.values():
            await module.server.stop(None)

    def address(self, kme_id: str) -> str:
        """Where the module of a KME answers."""
        return self._modules[kme_id].server.address

    async def add(self, blocks: int, only: str = "") -> None:
        """Makes blocks, at both ends, or at one end only."""
        made = [ToyBlock(secrets.token_bytes(16), secrets.token_bytes(self.block_octets)) for _ in range(blocks)]
        self.made += made
        for kme_id, module in self._modules.items():
            if only in ("", kme_id):
                await module.add(made)
