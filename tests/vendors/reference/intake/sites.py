"""Two KMEs in this process, on a link that fake modules feed over every kind of wire."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import grpc

from harness.sdk import contract_server
from qkd.device.v1 import module_pb2
from qkd.device.v1.module_pb2_grpc import QkdModuleServiceServicer
from qkd.node.v1 import forwarding_pb2
from qkd.node.v1.forwarding_pb2_grpc import ForwardingServiceServicer
from tests.vendors.reference.rig import AUTHORITY, Sae, client_context
from vendors.emulation.handover.source import MemorySource
from vendors.reference.clock import Clock
from vendors.reference.intake.choice import Combining
from vendors.reference.kme import Endpoints, Provision, ReferenceKme
from vendors.reference.network import Network
from vendors.reference.settings import KmeSettings
from vendors.reference.source import SourceAddress, SourceKind
from vendors.reference.tls import KmeCredentials

KMES = ("kme-a", "kme-b")
SAES = {"sae-1": "kme-a", "sae-2": "kme-b", "relay-1": "kme-a", "relay-2": "kme-b"}
TOKEN = "module token"
OCTETS = 64


class FakeModule(QkdModuleServiceServicer):
    """One end of a quantum link: streams what its source holds, and lets go of what is released."""

    def __init__(self, source: MemorySource) -> None:
        self.source = source

    async def StreamKeyBlocks(
        self, request: module_pb2.StreamKeyBlocksRequest, context: Any
    ) -> AsyncIterator[module_pb2.StreamKeyBlocksResponse]:
        async for block in self.source.blocks(request.first_sequence):
            yield module_pb2.StreamKeyBlocksResponse(
                sequence=block.sequence, block_id=block.block_id, octets=block.octets, time_s=block.time_s
            )

    async def ReleaseKeyBlocks(
        self, request: module_pb2.ReleaseKeyBlocksRequest, context: Any
    ) -> module_pb2.ReleaseKeyBlocksResponse:
        self.source.release(request.next_sequence)
        return module_pb2.ReleaseKeyBlocksResponse()


class FakeForwarding(ForwardingServiceServicer):
    """Has carried what its source holds."""

    def __init__(self, source: MemorySource) -> None:
        self.source = source

    async def StreamRelayedBlocks(
        self, request: forwarding_pb2.StreamRelayedBlocksRequest, context: Any
    ) -> AsyncIterator[forwarding_pb2.StreamRelayedBlocksResponse]:
        async for block in self.source.blocks(0):
            self.source.take(block.block_id)
            yield forwarding_pb2.StreamRelayedBlocksResponse(
                block_id=block.block_id, octets=block.octets, relays=["kme-r"]
            )


@dataclass
class Modules:
    """The modules at both ends of one source."""

    ends: dict[str, MemorySource] = field(default_factory=lambda: {kme_id: MemorySource() for kme_id in KMES})
    random: random.Random = field(default_factory=lambda: random.Random(3))

    def add(self, blocks: int, octets: int = OCTETS) -> None:
        """Makes blocks."""
        for _ in range(blocks):
            block_id, bits = self.random.randbytes(16), self.random.randbytes(octets)
            for source in self.ends.values():
                source.add(block_id, bits, 12.5)

    async def serve(self, stack: AsyncExitStack, make: Callable[[MemorySource], object]) -> dict[str, str]:
        """Serves both ends over gRPC; their addresses by KME ID."""
        servers = {kme_id: contract_server(make(source), token=TOKEN) for kme_id, source in self.ends.items()}
        for server in servers.values():
            await stack.enter_async_context(server)
        return {kme_id: server.address for kme_id, server in servers.items()}


def address(kind: SourceKind, where: str, peer: str, source_id: str) -> SourceAddress:
    return SourceAddress("link", where, TOKEN, peer, kind, source_id, "ACME", f"module of {source_id}")


@dataclass
class Sites:
    """The two KMEs, up."""

    kmes: dict[str, ReferenceKme]
    endpoints: dict[str, Endpoints]
    session: aiohttp.ClientSession

    def sae(self, sae_id: str) -> Sae:
        context = client_context(AUTHORITY.issue_sae(sae_id))
        return Sae(self.session, self.endpoints[SAES[sae_id]].https_url, context)

    async def until(self, state: Callable[[], bool], what: str) -> None:
        """Returns when something is so; says what was not."""
        try:
            async with asyncio.timeout(10):
                while not state():  # noqa: ASYNC110 - bounded; the state is in several objects
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise AssertionError(f"{what}: not after 10 s") from None

    async def stocked(self, octets: int) -> None:
        """Both KMEs can issue so many octets."""
        links = [link for kme in self.kmes.values() for link in kme.links.values()]
        await self.until(lambda: all(link.available >= octets for link in links), f"{octets} octets in stock")


@asynccontextmanager
async def pair(
    folder: Path,
    sources: Mapping[str, Sequence[SourceAddress]],
    *,
    settings: KmeSettings,
    combining: Combining = Combining.ANY,
    clock: Clock | None = None,
) -> AsyncIterator[Sites]:
    """Two KMEs with sources by KME ID, connected."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        kmes: dict[str, ReferenceKme] = {}
        endpoints: dict[str, Endpoints] = {}
        for kme_id in KMES:
            (peer,) = set(KMES) - {kme_id}
            (folder / kme_id).mkdir(exist_ok=True)
            issued = AUTHORITY.issue_kme(kme_id)
            provision = Provision(
                Network(kme_id, SAES),
                KmeCredentials(issued.certificate_pem, issued.private_key_pem, AUTHORITY.certificate_pem),
                sources[kme_id],
                settings,
                {peer: combining},
                ("monitor",),
            )
            kmes[kme_id] = ReferenceKme(provision, folder / kme_id, clock=clock)
            stack.push_async_callback(kmes[kme_id].stop)
            endpoints[kme_id] = await kmes[kme_id].start()
        for kme_id, kme in kmes.items():
            kme.connect({other: endpoints[other].peer for other in KMES if other != kme_id})
        yield Sites(kmes, endpoints, session)


def monitor_channel(where: str, name: str) -> grpc.aio.Channel:
    """To a KME's gRPC port with the certificate of an SAE of that name."""
    issued = AUTHORITY.issue_sae(name)
    credentials = grpc.ssl_channel_credentials(
        AUTHORITY.certificate_pem, issued.private_key_pem, issued.certificate_pem
    )
    return grpc.aio.secure_channel(where, credentials, options=[("grpc.enable_http_proxy", 0)])
