"""An implementation that keeps books instead of keys; run as a script, it is hosted as a process."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import grpc

from harness.sdk import ContractError, Vendor, bearer_metadata, loopback_channel, serve
from qkd.device.v1 import key_source_pb2, key_source_pb2_grpc
from qkd.vendor.v1 import vendor_pb2


class Toy(Vendor):
    """Every KME reads the first block of its first link, and moves at every start."""

    name, vendor, version = "toy", "tests", "1"
    variants = ("refuses", "refuses-b", "meets", "hates-release")

    def __init__(self) -> None:
        self.up: dict[str, vendor_pb2.ProvisionKmeRequest] = {}
        self.peers: dict[str, dict[str, str]] = {}
        self.blocks: dict[str, bytes] = {}
        self.meeting = asyncio.Barrier(2)

    async def provision_kme(
        self, request: vendor_pb2.ProvisionKmeRequest, state: Path
    ) -> vendor_pb2.ProvisionKmeResponse:
        refusing = {"refuses": ("kme-a", "kme-b"), "refuses-b": ("kme-b",)}
        if request.kme_id in refusing.get(request.variant, ()):
            raise ContractError(grpc.StatusCode.FAILED_PRECONDITION, "NO_LICENCE")
        if request.variant == "meets":  # both KMEs are provisioned at the same time, or never
            async with asyncio.timeout(10):
                await self.meeting.wait()
        times = _note_start(state)
        self.up[request.kme_id] = request
        self.blocks[request.kme_id] = await first_block(request.key_sources[0])
        return vendor_pb2.ProvisionKmeResponse(
            etsi014_url=f"https://127.0.0.1:{times}", peer_address=f"{request.kme_id}@{times}"
        )

    async def connect_kme(self, request: vendor_pb2.ConnectKmeRequest) -> None:
        self.peers[request.instance_id] = {peer.kme_id: peer.peer_address for peer in request.peers}

    async def release_kme(self, instance_id: str) -> None:
        kme = next(kme for kme, request in self.up.items() if request.instance_id == instance_id)
        if self.up.pop(kme).variant == "hates-release":
            raise ContractError(grpc.StatusCode.FAILED_PRECONDITION, "NEVER")


def _note_start(state: Path) -> int:
    """How often the instance of this folder has been started, this time included."""
    times = len(list(state.iterdir())) + 1
    (state / str(times)).touch()
    return times


async def first_block(source: vendor_pb2.KeySource) -> bytes:
    async with loopback_channel(source.address) as channel:
        stream = key_source_pb2_grpc.KeySourceServiceStub(channel).StreamBlocks(
            key_source_pb2.StreamBlocksRequest(link_id=source.link_id), metadata=bearer_metadata(source.token)
        )
        async for block in stream:
            return bytes(block.block)
    raise AssertionError("the stream has no end")


if __name__ == "__main__":

    class Launched(Toy):
        def __init__(self) -> None:
            super().__init__()
            sys.stderr.write("toy is up\n")

    serve(Launched())
