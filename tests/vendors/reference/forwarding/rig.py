"""Forwarding modules in this process: hop keys out of a table, readers at their KMEs, somebody in the middle."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc

from harness.sdk import bearer_metadata
from harness.sdk.server import CHANNEL_OPTIONS
from qkd.node.v1 import forwarding_pb2 as wire
from qkd.node.v1.forwarding_pb2_grpc import ForwardingServiceStub
from vendors.reference.forwarding.credentials import SaeCredentials
from vendors.reference.forwarding.forwarder import Endpoints, Forwarder, Peer, Provision
from vendors.reference.forwarding.hops import HopKey, HopKeys, KeysGoneError, NoKeysError
from vendors.reference.forwarding.settings import ForwardingSettings
from vendors.reference.forwarding.wire import LENGTH_OCTETS, framed

BOUND_S = 10.0
TOKEN = "the token of the rig"
QUICK = ForwardingSettings(
    relay_block_octets=64, window=4, hold_s=0.3, block_timeout_s=0.5, first_pause_s=0.005, longest_pause_s=0.05
)
# Without them gRPC reads megabytes ahead of its reader, and flow control says nothing of what is wanted.
READER_OPTIONS = (*CHANNEL_OPTIONS, ("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 4096))
Frames = Callable[[bytes], Sequence[bytes]]


@dataclass
class KeyTable:
    """What all KMEs know: keys taken and not fetched, by ID.

    Attributes:
        stock: octets that a master may still take for a slave; absent = endless.
        taken_bits: by (master, slave).
        keys: every key that was ever handed out.
    """

    stock: dict[tuple[str, str], int] = field(default_factory=dict)
    taken_bits: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    calls: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    refused: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    keys: list[bytes] = field(default_factory=list, repr=False)
    waiting: dict[str, tuple[str, str, bytes]] = field(default_factory=dict, repr=False)


class FakeHopKeys:
    """One KME, as its SAE sees it."""

    def __init__(self, sae_id: str, table: KeyTable) -> None:
        self._sae_id = sae_id
        self._table = table

    async def take(self, slave_sae_id: str, number: int, octets: int) -> list[HopKey]:
        table, pair = self._table, (self._sae_id, slave_sae_id)
        table.calls["take"] += 1
        await asyncio.sleep(0)
        if table.stock.get(pair, number * octets) < number * octets:
            table.refused[pair] += 1
            raise NoKeysError
        if pair in table.stock:
            table.stock[pair] -= number * octets
        table.taken_bits[pair] += 8 * number * octets
        taken = [(str(uuid.uuid4()), os.urandom(octets)) for _ in range(number)]
        table.waiting |= {key_id: (*pair, key) for key_id, key in taken}
        table.keys += [key for _, key in taken]
        return [HopKey(key_id, key) for key_id, key in taken]

    async def fetch(self, master_sae_id: str, key_ids: Sequence[str]) -> list[HopKey]:
        table = self._table
        table.calls["fetch"] += 1
        await asyncio.sleep(0)
        found = [table.waiting.get(key_id, ("", "", b"")) for key_id in key_ids]
        if any(one[:2] != (master_sae_id, self._sae_id) for one in found):
            raise KeysGoneError
        return [HopKey(key_id, table.waiting.pop(key_id)[2]) for key_id in key_ids]

    async def close(self) -> None: ...


class Middle:
    """Somebody on the wire: passes each frame through `frames`, which gives those that arrive.

    Attributes:
        seen: all octets that came by.
    """

    def __init__(self, address: str, frames: Frames) -> None:
        self.seen = bytearray()
        self.frames = frames
        self.address = ""
        self._to = address.rpartition(":")
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            _, onward = await asyncio.open_connection(self._to[0], int(self._to[2]))
            try:
                while True:
                    frame = await reader.readexactly(int.from_bytes(await reader.readexactly(LENGTH_OCTETS)))
                    self.seen += frame
                    for passed in self.frames(frame):
                        onward.write(framed(passed))
            finally:
                onward.close()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@dataclass
class Reading:
    """One who reads StreamRelayedBlocks, as the KME does."""

    call: Any = field(repr=False)
    blocks: dict[bytes, wire.StreamRelayedBlocksResponse] = field(default_factory=dict, repr=False)

    async def next(self, number: int = 1) -> list[wire.StreamRelayedBlocksResponse]:
        """So many more blocks."""
        async with asyncio.timeout(BOUND_S):
            blocks = [await self.call.read() for _ in range(number)]
        for block in blocks:
            assert block is not grpc.aio.EOF
            assert block.block_id not in self.blocks
            self.blocks[block.block_id] = block
        return blocks


@dataclass
class Nodes:
    """What is up."""

    state: Path
    table: KeyTable
    settings: ForwardingSettings
    up: dict[str, Forwarder] = field(default_factory=dict)
    endpoints: dict[str, Endpoints] = field(default_factory=dict)
    stubs: dict[str, Any] = field(default_factory=dict)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self, name: str, keys: HopKeys | None = None) -> None:
        folder = self.state / name
        folder.mkdir(exist_ok=True)
        provision = Provision(
            name, f"sae-{name}", SaeCredentials(b"", b"", b""), "-", "", TOKEN, settings=self.settings
        )
        forwarder = self.up[name] = Forwarder(provision, folder)
        self.endpoints[name] = await forwarder.start(keys or FakeHopKeys(f"sae-{name}", self.table))
        channel = grpc.aio.insecure_channel(self.endpoints[name].control, options=READER_OPTIONS)
        await self.stack.enter_async_context(channel)
        self.stubs[name] = ForwardingServiceStub(channel)

    async def link(self, one: str, other: str, address: str = "") -> None:
        """Both know each other; `one` finds `other` at another address, if one is given."""
        await self.up[one].connect([Peer.of(other, f"sae-{other}", address or self.endpoints[other].hop)])
        await self.up[other].connect([Peer.of(one, f"sae-{one}", self.endpoints[one].hop)])

    async def middle(self, one: str, other: str, frames: Frames) -> Middle:
        """Somebody on the way from `one` to `other`."""
        middle = Middle(self.endpoints[other].hop, frames)
        await middle.start()
        self.stack.push_async_callback(middle.stop)
        await self.link(one, other, middle.address)
        return middle

    async def stop(self, name: str) -> None:
        await self.up.pop(name).stop()

    async def routes(self, origin: str, *paths: Iterable[str]) -> None:
        """All paths lead to the same destination."""
        listed = [list(path) for path in paths]
        route = wire.Route(destination_kme_id=listed[0][-1], paths=[wire.Path(hops=path) for path in listed])
        request = wire.SetRoutesRequest(routes=[route])
        await self.stubs[origin].SetRoutes(request, metadata=bearer_metadata(TOKEN))

    async def virtual(self, link_id: str, *names: str) -> None:
        """A virtual link over these nodes, and no other one at any of them."""
        for i, name in enumerate(names):
            before, after = names[max(0, i - 1) : i], names[i + 1 : i + 2]
            link = wire.VirtualLink(link_id=link_id, previous_kme_id="".join(before), next_kme_id="".join(after))
            if not before or not after:
                link.far_kme_id = names[0] if before else names[-1]
            await self.set_virtual(name, link)

    async def set_virtual(self, name: str, *links: wire.VirtualLink) -> None:
        request = wire.SetVirtualLinksRequest(links=links)
        await self.stubs[name].SetVirtualLinks(request, metadata=bearer_metadata(TOKEN))

    def read(self, name: str, peer: str) -> Reading:
        """Begins to read at a node."""
        request = wire.StreamRelayedBlocksRequest(peer_kme_id=peer)
        call = self.stubs[name].StreamRelayedBlocks(request, metadata=bearer_metadata(TOKEN))
        self.stack.callback(call.cancel)
        return Reading(call)

    async def report(self, name: str) -> wire.GetForwardingResponse:
        answer = await self.stubs[name].GetForwarding(wire.GetForwardingRequest(), metadata=bearer_metadata(TOKEN))
        assert isinstance(answer, wire.GetForwardingResponse)
        return answer

    async def until(self, holds: Callable[[], bool]) -> None:
        """Returns when it holds; says so when it does not within the bound."""
        async with asyncio.timeout(BOUND_S):
            while not holds():  # noqa: ASYNC110 - bounded; counters tell nobody
                await asyncio.sleep(0.002)

    async def quiet(self, origin: str, peer: str) -> None:
        """Returns when nobody reads at the origin and nothing is under way."""
        relay = self.up[origin].relay
        await self.until(lambda: not relay._outlets[peer].read and not relay._origins[peer]._under_way)

    def lost(self, name: str, peer: str) -> int:
        relation = self.up[name].relay.relations.get(peer)
        return relation.lost if relation else 0


@asynccontextmanager
async def nodes(
    state: Path, names: Iterable[str], links: Iterable[tuple[str, str]], settings: ForwardingSettings = QUICK
) -> AsyncIterator[Nodes]:
    """Nodes with links between some of them."""
    rig = Nodes(state, KeyTable(), settings)
    async with rig.stack:
        try:
            for name in names:
                await rig.start(name)
            for one, other in links:
                await rig.link(one, other)
            yield rig
        finally:
            for name in list(rig.up):
                await rig.stop(name)


@asynccontextmanager
async def chain(state: Path, hops: int, settings: ForwardingSettings = QUICK) -> AsyncIterator[Nodes]:
    """n0 to n{hops} in a row, with the route from the first to the last set."""
    names = [f"n{i}" for i in range(hops + 1)]
    async with nodes(state, names, pairwise(names), settings) as rig:
        await rig.routes("n0", names[1:])
        yield rig


async def both(rig: Nodes, number: int, one: str, other: str) -> tuple[Reading, Reading]:
    """Reads so many blocks at both ends."""
    at_origin, at_destination = rig.read(one, other), rig.read(other, one)
    await asyncio.gather(at_origin.next(number), at_destination.next(number))
    return at_origin, at_destination


def assert_equal(at_origin: Reading, at_destination: Reading) -> int:
    """What both have is the same; says how many blocks that are. What one end alone has is harmless."""
    common = at_origin.blocks.keys() & at_destination.blocks.keys()
    for block_id in common:
        assert at_origin.blocks[block_id] == at_destination.blocks[block_id]
    return len(common)
