"""A hosted process of forwarding modules at three real KMEs: hop keys by qkd.kms.v1 and by ETSI GS QKD 014."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from harness.hosting import HostingError, LaunchSpec
from harness.hosting.host import Host
from harness.hosting.process import launch
from harness.sdk import bearer_metadata, contract_server
from qkd.entropy.v1 import entropy_pb2
from qkd.entropy.v1.entropy_pb2_grpc import EntropyServiceServicer
from qkd.node.v1 import forwarding_pb2 as wire
from qkd.node.v1.forwarding_pb2_grpc import ForwardingServiceStub
from qkd.vendor.v1 import vendor_pb2
from tests.vendors.reference.forwarding.rig import READER_OPTIONS, TOKEN, Reading, assert_equal
from tests.vendors.reference.rig import AUTHORITY, Rig, in_loop, raised
from vendors.reference.forwarding.entry import ENTRY
from vendors.reference.settings import KmeSettings

BLOCK_OCTETS = 256
READY_KEYS = 2 * 4 + 8  # prefetch of two sizes, and the window: blocks are on their way while this is asked
GET = wire.GetForwardingRequest()
KMES = ("n0", "n1", "n2")
SAES = {f"fwd-{kme}": kme for kme in KMES}
KME_SETTINGS = KmeSettings(max_key_size=8 * (BLOCK_OCTETS + 32))


class Generator(EntropyServiceServicer):
    """A generator that remembers what it gave."""

    def __init__(self) -> None:
        self.given = bytearray()

    async def GetEntropy(
        self, request: entropy_pb2.GetEntropyRequest, context: object
    ) -> entropy_pb2.GetEntropyResponse:
        octets = os.urandom(request.octets)
        self.given += octets
        return entropy_pb2.GetEntropyResponse(octets=octets)


def described(rig: Rig, kme: str, entropy: str = "", **settings: str) -> vendor_pb2.ProvisionForwarderRequest:
    issued = AUTHORITY.issue_sae(f"fwd-{kme}")
    return vendor_pb2.ProvisionForwarderRequest(
        instance_id=f"forwarder-{kme}",
        kme_id=kme,
        sae_id=f"fwd-{kme}",
        credentials=vendor_pb2.Credentials(
            certificate_pem=issued.certificate_pem,
            private_key_pem=issued.private_key_pem,
            trust_pem=AUTHORITY.certificate_pem,
        ),
        kme_grpc_address=rig.endpoints[kme].grpc,
        kme_etsi014_url=rig.endpoints[kme].https_url,
        token=TOKEN,
        entropy_address=entropy,
        entropy_token=TOKEN,
        settings={"relay_block_octets": str(BLOCK_OCTETS), **settings},
    )


@asynccontextmanager
async def hosted(rig: Rig, folder: Path, entropy: str = "", **settings: str) -> AsyncIterator[dict[str, Any]]:
    """The stubs of three forwarding modules in a row, hosted in one process."""
    spec = LaunchSpec(ENTRY.argv(), name=ENTRY.name, folder=folder, env={"QKD_HARNESS_LOG": "DEBUG"})
    async with launch(spec, strict_end=True) as host, AsyncExitStack() as stack:
        answers = {kme: await host.provision_forwarder(described(rig, kme, entropy, **settings)) for kme in KMES}
        await connect(host, answers)
        channels = {
            kme: grpc.aio.insecure_channel(answer.control_address, options=READER_OPTIONS)
            for kme, answer in answers.items()
        }
        for channel in channels.values():
            await stack.enter_async_context(channel)
        stubs: dict[str, Any] = {kme: ForwardingServiceStub(channel) for kme, channel in channels.items()}
        route = wire.Route(destination_kme_id="n2", paths=[wire.Path(hops=["n1", "n2"])])
        await stubs["n0"].SetRoutes(wire.SetRoutesRequest(routes=[route]), metadata=bearer_metadata(TOKEN))
        yield stubs
        for kme in KMES:
            await host.release_instance(f"forwarder-{kme}")


async def connect(host: Host, answers: dict[str, vendor_pb2.ProvisionForwarderResponse]) -> None:
    """A row: n0 and n2 know n1 alone."""
    for kme, others in (("n0", ["n1"]), ("n1", ["n0", "n2"]), ("n2", ["n1"])):
        peers = [
            vendor_pb2.ForwarderPeer(kme_id=other, sae_id=f"fwd-{other}", hop_address=answers[other].hop_address)
            for other in others
        ]
        await host.connect_forwarder(vendor_pb2.ConnectForwarderRequest(instance_id=f"forwarder-{kme}", peers=peers))


def read(stub: Any, peer: str) -> Reading:
    request = wire.StreamRelayedBlocksRequest(peer_kme_id=peer)
    return Reading(stub.StreamRelayedBlocks(request, metadata=bearer_metadata(TOKEN)))


@pytest.mark.parametrize("key_supply", ["grpc", "etsi014"])
@in_loop
async def test_blocks_over_real_kmes(tmp_path: Path, key_supply: str) -> None:
    generator = Generator()
    server = contract_server(generator, token=TOKEN)
    async with server, raised(tmp_path / "kmes", settings=KME_SETTINGS, saes=SAES, blocks=512) as rig:
        before = {kme: {peer: link.available for peer, link in rig.kmes[kme].links.items()} for kme in KMES}
        async with hosted(rig, tmp_path / "hosted", server.address, key_supply=key_supply) as stubs:
            at_origin, at_destination = read(stubs["n0"], "n2"), read(stubs["n2"], "n0")
            await asyncio.gather(at_origin.next(8), at_destination.next(8))
            assert assert_equal(at_origin, at_destination) > 0
            for block in at_origin.blocks.values():
                assert block.octets in generator.given
                assert list(block.relays) == ["n1"]
            for kme in KMES:
                report = await stubs[kme].GetForwarding(GET, metadata=bearer_metadata(TOKEN))
                assert (report.tampered, report.dropped) == (0, 0)
                for one in report.neighbours:  # all that the KME gave is spent, but for the few keys that are ready
                    drawn = 8 * (before[kme][one.kme_id] - rig.kmes[kme].links[one.kme_id].available)
                    assert 0 < one.mac_bits <= one.pad_bits + one.mac_bits <= drawn
                    assert drawn - one.pad_bits - one.mac_bits <= READY_KEYS * 8 * (BLOCK_OCTETS + 32)
        written = b"".join(path.read_bytes() for path in (tmp_path / "hosted").rglob("*") if path.is_file())
        assert written
        for block in at_origin.blocks.values():
            assert block.octets not in written
            assert block.octets.hex().encode() not in written


@in_loop
async def test_a_provision_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    async with raised(tmp_path / "kmes", settings=KME_SETTINGS, saes=SAES, start=["n0"]) as rig:
        spec = LaunchSpec(ENTRY.argv(), name=ENTRY.name, folder=tmp_path / "hosted")
        async with launch(spec, strict_end=True) as host:
            with pytest.raises(HostingError, match="unknown setting 'windows'"):
                await host.provision_forwarder(described(rig, "n0", windows="1"))
            nowhere = described(rig, "n0", key_supply="etsi014")
            nowhere.kme_etsi014_url = ""
            with pytest.raises(HostingError, match="no etsi014"):
                await host.provision_forwarder(nowhere)
            await host.provision_forwarder(described(rig, "n0"))
            peer = vendor_pb2.ForwarderPeer(kme_id="n1", sae_id="fwd-n0", hop_address="127.0.0.1:1")
            with pytest.raises(HostingError, match="the same SAE ID"):
                await host.connect_forwarder(
                    vendor_pb2.ConnectForwarderRequest(instance_id="forwarder-n0", peers=[peer])
                )
            peer.sae_id, peer.hop_address = "fwd-n1", "nowhere"
            with pytest.raises(HostingError, match="not host:port"):
                await host.connect_forwarder(
                    vendor_pb2.ConnectForwarderRequest(instance_id="forwarder-n0", peers=[peer])
                )
