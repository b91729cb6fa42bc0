"""KMEs whose sources wait for an agent, and modules that can be paired with any other."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from harness.sdk import contract_server
from qkd.device.v1 import module_pb2
from qkd.kms.v1 import control_pb2 as wire
from qkd.kms.v1.control_pb2_grpc import KmsControlServiceStub
from qkd.kms.v1.store_pb2 import GetStoreRequest, GetStoreResponse
from qkd.kms.v1.store_pb2_grpc import StoreServiceStub
from tests.vendors.reference.intake.sites import TOKEN, FakeModule, Sites, monitor_channel
from tests.vendors.reference.rig import AUTHORITY, Sae, client_context
from vendors.emulation.store import KeyBlockStore
from vendors.reference.clock import Clock
from vendors.reference.kme import Endpoints, Provision, ReferenceKme
from vendors.reference.network import Network
from vendors.reference.settings import KmeSettings
from vendors.reference.source import SourceAddress, SourceKind
from vendors.reference.tls import KmeCredentials

KMES = ("kme-a", "kme-b", "kme-c")
SAES = {"sae-a": "kme-a", "sae-b": "kme-b", "sae-c": "kme-c"}
SETTINGS = KmeSettings(link_block_octets=64, high_water_octets=8192, poll_s=0.01)


class Module(FakeModule):
    """A module that says with whom it made its blocks, and loses those of its last peer when it gets another."""

    def __init__(self, module_id: str) -> None:
        self.module_id = module_id
        self.peer = ""
        self.store = KeyBlockStore(1 << 20)

    def configure(self, peer: str) -> None:
        if peer != self.peer:
            self.peer = peer
            self.store.begin_pairing()

    async def StreamKeyBlocks(self, request: module_pb2.StreamKeyBlocksRequest, context: Any) -> Any:
        async for block in self.store.blocks(request.first_sequence):
            yield module_pb2.StreamKeyBlocksResponse(
                sequence=block.sequence,
                block_id=block.block_id,
                octets=block.octets,
                time_s=block.time_s,
                peer_module_id=self.peer,
            )

    async def ReleaseKeyBlocks(self, request: module_pb2.ReleaseKeyBlocksRequest, context: Any) -> Any:
        self.store.release(request.next_sequence)
        return module_pb2.ReleaseKeyBlocksResponse()


@dataclass
class Net:
    """The KMEs, and one module at each, named as the site of its KME."""

    sites: Sites
    modules: dict[str, Module]
    random: random.Random = field(default_factory=lambda: random.Random(7))
    pairs: dict[str, list[wire.Pairing]] = field(default_factory=dict)

    def make(self, one: str, other: str, blocks: int, *, lost: Iterable[str] = (), octets: int = 64) -> None:
        """Two modules that are configured for each other make blocks; `lost`: at whose end they never appear."""
        ends = {"one": one, "other": other}
        for _ in range(blocks):
            block_id, bits = self.random.randbytes(16), self.random.randbytes(octets)
            for end in ends.values():
                if end not in lost:
                    self.modules[end].store.add(block_id, bits, 1.5)

    async def stub_call(self, kme_id: str, method: str, request: Any, name: str = "agent") -> Any:
        async with monitor_channel(self.sites.endpoints[kme_id].grpc, name) as channel:
            return await getattr(KmsControlServiceStub(channel), method)(request)

    async def set(self, kme_id: str, *pairings: wire.Pairing, name: str = "agent") -> None:
        await self.stub_call(kme_id, "SetPairings", wire.SetPairingsRequest(pairings=pairings), name)

    async def pair(self, one: str, other: str, source_id: str) -> None:
        """Modules and KMEs of both, in this order."""
        for end, peer in ((one, other), (other, one)):
            await self.set(f"kme-{end}", pairing(end, peer, source_id))
            self.modules[end].configure(f"{peer}/m")

    async def store(self, kme_id: str) -> GetStoreResponse:
        async with monitor_channel(self.sites.endpoints[kme_id].grpc, "monitor") as channel:
            return await StoreServiceStub(channel).GetStore(GetStoreRequest())

    async def stocked(self, one: str, other: str, octets: int) -> None:
        links = [self.sites.kmes[f"kme-{a}"].links[f"kme-{b}"] for a, b in ((one, other), (other, one))]
        await self.sites.until(lambda: all(link.available >= octets for link in links), f"{octets} octets in stock")

    def sae(self, end: str) -> Sae:
        context = client_context(AUTHORITY.issue_sae(f"sae-{end}"))
        return Sae(self.sites.session, self.sites.endpoints[f"kme-{end}"].https_url, context)

    async def exchange(self, one: str, other: str, number: int = 1) -> list[bytes]:
        """Keys, each the same at both ends."""
        taken = (await self.sae(one).enc(f"sae-{other}", {"number": number})).keys
        assert len(taken) == number
        assert (await self.sae(other).dec(f"sae-{one}", *taken)).keys == taken
        return list(taken.values())

    def check_links(self) -> None:
        """Both ends of every link hold the same blocks where both hold them, and no octet of a block came twice."""
        for kme_id, kme in self.sites.kmes.items():
            for peer_id, link in kme.links.items():
                other = self.sites.kmes[peer_id].links.get(kme_id)
                if other is None:
                    assert link.held == 0
                    continue
                theirs = blocks_of(self.sites.kmes[peer_id], other.number)
                for position, octets in blocks_of(kme, link.number).items():
                    assert theirs.get(position, octets) == octets
            used = [use for link in kme.links.values() for use in uses(kme, link.number, link.held)]
            assert len(used) == len(set(used))

    async def check_accounts(self) -> None:
        """What came in is where it was booked, at every KME."""
        for kme_id in self.sites.kmes:
            store = await self.store(kme_id)
            for link in store.links:
                gone = link.reserved_bits + link.delivered_bits + link.relay_bits + link.expired_bits
                assert link.received_bits == link.in_stock_bits + gone + link.destroyed_bits
                taken = sum(one.received_bits for one in store.sources if one.peer_kme_id == link.peer_kme_id)
                held = self.sites.kmes[kme_id].links[link.peer_kme_id].held
                assert taken == 8 * 64 * held


def pairing(end: str, peer: str, source_id: str) -> wire.Pairing:
    return wire.Pairing(
        module_id=f"{end}/m", source_id=source_id, peer_kme_id=f"kme-{peer}", peer_module_id=f"{peer}/m"
    )


def blocks_of(kme: ReferenceKme, number: int) -> dict[int, bytes]:
    (link,) = [link for link in kme.links.values() if link.number == number]
    rows = kme.database.read("SELECT position FROM block WHERE link = ?", number)
    return {int(str(row[0])): link._block(int(str(row[0]))) for row in rows}


def uses(kme: ReferenceKme, number: int, held: int) -> Iterable[tuple[bytes, int, int]]:
    """Each octet of a source's block that is in the link."""
    (intake,) = [one for one in kme.intakes.intakes.values() if one.link.number == number]
    for index in range(held):
        for composition in intake.provenance.blocks(number, index, 1):
            for strand in composition.strands:
                for one in strand.slices:
                    for octet in range(one.first, one.first + one.octets):
                        yield one.name.block_id, one.name.piece, octet


def provision(
    kme_id: str, sources: Sequence[SourceAddress], settings: KmeSettings = SETTINGS, **more: Any
) -> Provision:
    issued = AUTHORITY.issue_kme(kme_id)
    credentials = KmeCredentials(issued.certificate_pem, issued.private_key_pem, AUTHORITY.certificate_pem)
    return Provision(
        Network(kme_id, SAES), credentials, sources, settings, monitors=("monitor", "agent"), agents=("agent",), **more
    )


def waiting(end: str, where: str, kind: SourceKind = SourceKind.MODULE_STREAM) -> SourceAddress:
    """The source of the module at one end, as provisioned."""
    return SourceAddress("", where, TOKEN, "", kind, "", "ACME", f"{end}/m")


@asynccontextmanager
async def net(
    folder: Path,
    *,
    settings: KmeSettings = SETTINGS,
    sources: Mapping[str, SourceAddress] | None = None,
    clock: Clock | None = None,
    **more: Any,
) -> AsyncIterator[Net]:
    """Three KMEs that know each other; streaming modules unless `sources` (by site) says otherwise."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        modules = {end: Module(f"{end}/m") for end in "abc"}
        kmes: dict[str, ReferenceKme] = {}
        endpoints: dict[str, Endpoints] = {}
        stack.push_async_callback(_stop, kmes)
        for end, module in modules.items():
            source = sources[end] if sources else None
            if source is None:
                server = await stack.enter_async_context(contract_server(module, token=TOKEN))
                source = waiting(end, server.address)
            kme_id = f"kme-{end}"
            (folder / kme_id).mkdir(exist_ok=True)
            kmes[kme_id] = ReferenceKme(provision(kme_id, [source], settings, **more), folder / kme_id, clock=clock)
            endpoints[kme_id] = await kmes[kme_id].start()
        for kme in kmes.values():
            kme.connect({other: one.peer for other, one in endpoints.items()})
        yield Net(Sites(kmes, endpoints, session), modules)


async def _stop(kmes: Mapping[str, ReferenceKme]) -> None:
    for kme in kmes.values():
        await kme.stop()
