"""Two whole KMEs and modules of every kind: keys come out equal, with their provenance and an account that balances."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from qkd.device.v1.push_pb2 import PushFrame, PushHello
from qkd.kms.v1.store_pb2 import GetStoreRequest, GetStoreResponse
from qkd.kms.v1.store_pb2_grpc import StoreServiceStub
from tests.vendors.reference.intake.sites import (
    KMES,
    OCTETS,
    TOKEN,
    FakeForwarding,
    FakeModule,
    Modules,
    Sites,
    address,
    monitor_channel,
    pair,
)
from tests.vendors.reference.rig import AUTHORITY, in_loop
from vendors.emulation.handover.etsi014 import Etsi014Server
from vendors.emulation.handover.keys014 import Ends, Etsi014Settings
from vendors.emulation.handover.push import TcpPusher
from vendors.emulation.handover.tls import TlsCredentials
from vendors.reference.clock import Clock
from vendors.reference.intake.choice import Combining
from vendors.reference.settings import KmeSettings
from vendors.reference.source import SourceKind

SETTINGS = KmeSettings(link_block_octets=64, high_water_octets=4096, poll_s=0.01)
PEER = {"kme-a": "kme-b", "kme-b": "kme-a"}


def balances(store: GetStoreResponse) -> bool:
    return all(
        link.received_bits
        == link.in_stock_bits
        + link.reserved_bits
        + link.delivered_bits
        + link.relay_bits
        + link.expired_bits
        + link.destroyed_bits
        for link in store.links
    )


async def store_of(sites: Sites, kme_id: str, name: str = "monitor") -> GetStoreResponse:
    async with monitor_channel(sites.endpoints[kme_id].grpc, name) as channel:
        return await StoreServiceStub(channel).GetStore(GetStoreRequest())


async def exchange(sites: Sites, number: int = 1, size: int = 256) -> dict[str, bytes]:
    """Keys, each the same at both ends."""
    taken = (await sites.sae("sae-1").enc("sae-2", {"number": number, "size": size})).keys
    assert (await sites.sae("sae-2").dec("sae-1", *taken)).keys == taken
    return taken


@in_loop
async def test_modules_that_stream(tmp_path: Path) -> None:
    modules = Modules()
    async with AsyncExitStack() as stack:
        where = await modules.serve(stack, FakeModule)
        sources = {kme: [address(SourceKind.MODULE_STREAM, where[kme], PEER[kme], "")] for kme in KMES}
        sites = await stack.enter_async_context(pair(tmp_path, sources, settings=SETTINGS))
        modules.add(6)
        await sites.stocked(3 * OCTETS)
        for source in modules.ends.values():
            await sites.until(lambda source=source: source.handed_over == 6, "blocks released")  # type: ignore[misc]
        (key_id,) = await exchange(sites)
        for kme in sites.kmes.values():
            ((link_id, _, (origin,)),) = kme.provenance(uuid.UUID(key_id).bytes)
            assert (link_id, origin.source_id, origin.maker, origin.time_s) == ("link", "link", "ACME", 12.5)
            assert bytes.fromhex(origin.block_id)


@in_loop
async def test_modules_that_are_asked_by_014(tmp_path: Path) -> None:
    modules = Modules()
    async with AsyncExitStack() as stack:
        sources = {}
        for kme_id, source in modules.ends.items():
            issued = AUTHORITY.issue_kme(f"module-{kme_id}")
            credentials = TlsCredentials(issued.certificate_pem, issued.private_key_pem, AUTHORITY.certificate_pem)
            ends = Ends(f"module-{kme_id}", f"module-{PEER[kme_id]}", kme_id, PEER[kme_id])
            server = Etsi014Server(source, credentials, ends, Etsi014Settings(OCTETS // 2), lambda: 0.0)
            stack.push_async_callback(server.stop)
            sources[kme_id] = [address(SourceKind.ETSI014, await server.start(), PEER[kme_id], "link/014")]
        sites = await stack.enter_async_context(pair(tmp_path, sources, settings=SETTINGS))
        modules.add(5, OCTETS // 2)
        await sites.stocked(OCTETS)
        modules.add(150, OCTETS // 2)
        await sites.stocked(20 * OCTETS)
        await exchange(sites, 8)
        assert modules.ends["kme-a"].handed_over <= 155


@in_loop
async def test_a_014_key_that_one_module_lacks_holds_nothing_up(tmp_path: Path) -> None:
    modules = Modules()
    async with AsyncExitStack() as stack:
        sources = {}
        for kme_id, source in modules.ends.items():
            issued = AUTHORITY.issue_kme(f"module-{kme_id}")
            credentials = TlsCredentials(issued.certificate_pem, issued.private_key_pem, AUTHORITY.certificate_pem)
            ends = Ends(f"module-{kme_id}", f"module-{PEER[kme_id]}", kme_id, PEER[kme_id])
            server = Etsi014Server(source, credentials, ends, Etsi014Settings(OCTETS), lambda: 0.0)
            stack.push_async_callback(server.stop)
            sources[kme_id] = [address(SourceKind.ETSI014, await server.start(), PEER[kme_id], "link/014")]
        modules.add(9)
        lost = modules.ends["kme-b"].ready()[4].block_id
        modules.ends["kme-b"].destroy(lost)
        settings = KmeSettings(link_block_octets=64, high_water_octets=4096, poll_s=0.01, part_patience_s=0.5)
        sites = await stack.enter_async_context(pair(tmp_path, sources, settings=settings))
        await sites.stocked(4 * OCTETS)
        intake = sites.kmes["kme-a"].intakes
        await sites.until(lambda: intake.report()[0].dropped_bits == 8 * OCTETS, "the lone key dropped")
        await exchange(sites, 4)


@in_loop
async def test_modules_that_push(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    modules = Modules()
    async with AsyncExitStack() as stack:
        sources = {kme: [address(SourceKind.TCP_PUSH, "", PEER[kme], "link/ait")] for kme in KMES}
        sites = await stack.enter_async_context(pair(tmp_path, sources, settings=SETTINGS))
        host, _, port = sites.endpoints["kme-a"].push.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        hello = PushFrame(hello=PushHello(source_id="link/ait", token="another")).SerializeToString()
        writer.write(len(hello).to_bytes(4) + hello)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await reader.readexactly(1)
        writer.close()
        assert "turned away" in caplog.text
        for kme_id, source in modules.ends.items():
            pusher = TcpPusher(source, sites.endpoints[kme_id].push, "link/ait", TOKEN)
            stack.push_async_callback(pusher.stop)
            pusher.start()
        modules.add(4)
        await sites.stocked(2 * OCTETS)
        for source in modules.ends.values():
            await sites.until(lambda source=source: source.handed_over == 4, "blocks acknowledged")  # type: ignore[misc]
        await exchange(sites, 2)


@in_loop
async def test_a_module_and_a_relay_together(tmp_path: Path) -> None:
    one, other = Modules(), Modules()
    other.random.seed(4)
    async with AsyncExitStack() as stack:
        streams, relays = await one.serve(stack, FakeModule), await other.serve(stack, FakeForwarding)
        sources = {
            kme: [
                address(SourceKind.MODULE_STREAM, streams[kme], PEER[kme], "link/module"),
                address(SourceKind.RELAY, relays[kme], PEER[kme], "link/relay"),
            ]
            for kme in KMES
        }
        sites = await stack.enter_async_context(pair(tmp_path, sources, settings=SETTINGS, combining=Combining.ALL))
        one.add(4)
        other.add(4)
        first = one.ends["kme-a"].ready()[0].octets, other.ends["kme-a"].ready()[0].octets
        await sites.stocked(2 * OCTETS)
        ((key_id, key),) = (await exchange(sites, 1, 8 * OCTETS)).items()
        assert key == bytes(x ^ y for x, y in zip(*first, strict=True))
        ((_, _, origins),) = sites.kmes["kme-b"].provenance(uuid.UUID(key_id).bytes)
        assert [(origin.source_id, origin.relays) for origin in origins] == [
            ("link/module", ()),
            ("link/relay", ("kme-r",)),
        ]


@dataclass
class Now:
    time: float = 1_000_000.0


async def streaming(stack: AsyncExitStack, folder: Path, settings: KmeSettings, now: Now) -> tuple[Sites, Modules]:
    modules = Modules()
    where = await modules.serve(stack, FakeModule)
    sources = {kme: [address(SourceKind.MODULE_STREAM, where[kme], PEER[kme], "")] for kme in KMES}
    clock = Clock(wall=lambda: now.time)
    return await stack.enter_async_context(pair(folder, sources, settings=settings, clock=clock)), modules


@in_loop
async def test_the_account(tmp_path: Path) -> None:
    settings = KmeSettings(link_block_octets=64, relay_saes="relay-1, relay-2", relay_reserve_octets=128)
    async with AsyncExitStack() as stack:
        sites, modules = await streaming(stack, tmp_path, settings, Now())
        modules.add(12)
        await sites.stocked(6 * OCTETS)
        await exchange(sites, 2, 250)
        relay = sites.sae("relay-1")
        assert (await relay.enc("relay-2", {"number": 2, "size": 512})).status == 200
        assert (await relay.enc("relay-2", {"number": 1, "size": 512})).status == 200
        assert (await relay.status("relay-2")).json["stored_key_count"] == 0
        refused = await relay.enc("relay-2")  # the last 128 octets are not for relays
        assert refused.status == 503
        for name in ("sae-1", "somebody"):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await store_of(sites, "kme-a", name)
            assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
        store = await store_of(sites, "kme-a")
        (link,) = store.links
        assert balances(store)
        assert (link.received_bits, link.delivered_bits, link.relay_bits) == (6 * 512, 500, 3 * 512)
        assert (link.destroyed_bits, link.reserved_bits, link.low) == (12, 0, True)
        (source,) = store.sources
        assert (source.received_bits, source.pending_bits, source.dropped_bits) == (12 * 512, 0, 0)
        assert (source.maker, source.silent) == ("ACME", False)
        assert balances(await store_of(sites, "kme-b"))


@in_loop
async def test_bits_and_keys_expire(tmp_path: Path) -> None:
    now = Now()
    settings = KmeSettings(link_block_octets=64, block_ttl_s=100.0, copy_ttl_s=50.0)
    async with AsyncExitStack() as stack:
        sites, modules = await streaming(stack, tmp_path, settings, now)
        modules.add(4)
        await sites.stocked(2 * OCTETS)
        one, two = sites.sae("sae-1"), sites.sae("sae-2")
        (key_id,) = (await one.enc("sae-2")).keys
        now.time += 60.0
        modules.add(4)
        await sites.stocked(4 * OCTETS - 32)
        await sites.until(
            lambda: sites.kmes["kme-b"].copies.of_key(uuid.UUID(key_id).bytes)[0].sealed is None, "the key erased"
        )
        assert (await two.dec("sae-1", key_id)).status == 400
        now.time += 60.0  # the first blocks are too old, the others are not
        links = [kme.links[PEER[kme_id]] for kme_id, kme in sites.kmes.items()]
        await sites.until(lambda: all(link.stock == 2 * OCTETS for link in links), "old bits given up")
        await sites.until(lambda: all(link.granted == 2 * OCTETS for link in links), "the peer told")
        stores = [await store_of(sites, kme_id) for kme_id in KMES]
        assert [store.links[0].expired_bits for store in stores] == [2 * 512 - 256, 2 * 512]
        assert all(balances(store) for store in stores)
        await exchange(sites, 2)
