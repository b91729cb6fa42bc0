"""Virtual links: blocks go over nodes that know one hop each; what is not on its link is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import grpc
import pytest

from harness.sdk import read_error
from qkd.node.v1 import forwarding_pb2 as wire
from qkd.node.v1.hop_pb2 import Header, HopMessage, Share
from tests.vendors.reference.forwarding.rig import QUICK, Frames, Reading, assert_equal, both, nodes
from tests.vendors.reference.rig import in_loop

ROW = ("n0", "n1", "n2", "n3")


@pytest.mark.parametrize("way", [ROW, ("n3", "n2", "n1", "n0"), ROW[:2]])
@in_loop
async def test_blocks_go_along_a_link_whichever_end_comes_first(tmp_path: Path, way: tuple[str, ...]) -> None:
    async with nodes(tmp_path, way, pairwise(way)) as rig:
        await rig.virtual("v", *way)
        one, other = sorted((way[0], way[-1]))
        at_origin, at_destination = await both(rig, 12, one, other)
        assert assert_equal(at_origin, at_destination) > 0
        for block in at_origin.blocks.values():
            assert list(block.relays) == [f"n{i}" for i in range(1, len(way) - 1)]
        at_origin.call.cancel()
        await rig.quiet(one, other)
        for node in rig.up.values():
            assert (node.relay.tampered, node.relay.dropped) == (0, 0)
        (relation,) = (await rig.report(one)).relations
        sent = rig.up[one].relay.neighbours["n1"].account
        assert sent.pad_bits == relation.bits == 8 * QUICK.relay_block_octets * relation.blocks


@in_loop
async def test_a_link_taken_away_drops_what_is_under_way_and_blocks_go_on_over_another(tmp_path: Path) -> None:
    links = [*pairwise(ROW), ("n0", "n4"), ("n4", "n3")]
    async with nodes(tmp_path, [*ROW, "n4"], links) as rig:
        await rig.virtual("v", *ROW)
        at_origin, at_destination = await both(rig, 4, "n0", "n3")
        await rig.set_virtual("n2")
        at_destination.call.cancel()
        at_destination = rig.read("n3", "n0")
        await rig.until(lambda: rig.up["n2"].relay.dropped > 0 and rig.lost("n0", "n3") > 0)
        for name in ("n0", "n1"):
            await rig.set_virtual(name)
        messages = rig.up["n0"].relay.neighbours["n1"].account.messages
        for _ in range(200):  # no way: nothing is made
            await asyncio.sleep(0)
        assert rig.up["n0"].relay.neighbours["n1"].account.messages == messages
        await rig.virtual("w", "n0", "n4", "n3")
        assert len([block async for block in over(["n4"], at_origin, at_destination)]) == 2
        assert assert_equal(at_origin, at_destination) > 0


async def over(relays: list[str], *readings: Reading) -> AsyncIterator[wire.StreamRelayedBlocksResponse]:
    """The first block at each reader that these nodes have seen; those before it wait on the wire."""
    for reading in readings:
        for _ in range(1000):
            (block,) = await reading.next()
            if list(block.relays) == relays:
                yield block
                break


@in_loop
async def test_routes_go_before_links(tmp_path: Path) -> None:
    async with nodes(
        tmp_path, ["n0", "n1", "n2", "n3"], [("n0", "n1"), ("n1", "n3"), ("n0", "n2"), ("n2", "n3")]
    ) as rig:
        await rig.virtual("v", "n0", "n1", "n3")
        await rig.routes("n0", ["n2", "n3"])
        at_origin, _ = await both(rig, 3, "n0", "n3")
        assert {tuple(block.relays) for block in at_origin.blocks.values()} == {("n2",)}


def altered(link_id: str) -> Frames:
    def frames(frame: bytes) -> list[bytes]:
        message = HopMessage.FromString(frame)
        header = Header.FromString(message.header)
        header.share.virtual_link_id = link_id
        message.header = header.SerializeToString()
        return [message.SerializeToString()]

    return frames


@pytest.mark.parametrize("link_id", ["w", ""])
@in_loop
async def test_another_link_id_in_the_header_is_tampering(tmp_path: Path, link_id: str) -> None:
    async with nodes(tmp_path, ROW[:3], pairwise(ROW[:3])) as rig:
        await rig.virtual("v", *ROW[:3])
        await rig.set_virtual("n1", *(link(name, "n0", "n2") for name in ("v", "w")))
        await rig.middle("n0", "n1", altered(link_id))
        rig.read("n0", "n2")
        rig.read("n2", "n0")
        await rig.until(lambda: rig.up["n1"].relay.tampered > 0 and rig.lost("n0", "n2") > 0)
        relay = rig.up["n2"].relay
        assert (relay.dropped, relay.relations["n0"].blocks) == (0, 0)


def link(link_id: str, before: str, after: str, far: str = "") -> wire.VirtualLink:
    return wire.VirtualLink(link_id=link_id, previous_kme_id=before, next_kme_id=after, far_kme_id=far)


@pytest.mark.parametrize(
    ("at", "links"),
    [
        ("n1", [link("v", "n4", "n2")]),  # the share comes from a node that the link does not name
        ("n1", [link("w", "n0", "n2")]),  # no such link
        ("n2", [link("v", "n1", "", "n4")]),  # the end of a link that begins elsewhere
        ("n2", [link("v", "n1", "n0")]),  # it would go round
    ],
)
@in_loop
async def test_a_share_that_is_not_on_its_link_is_dropped(
    tmp_path: Path, at: str, links: list[wire.VirtualLink]
) -> None:
    names = [*ROW[:3], "n4"]
    async with nodes(tmp_path, names, [*pairwise(ROW[:3]), ("n1", "n4"), ("n2", "n0")]) as rig:
        await rig.virtual("v", *ROW[:3])
        rig.read("n0", "n2")
        at_destination = rig.read("n2", "n0")
        await at_destination.next()  # as it should be
        await rig.set_virtual(at, *links)
        taken = rig.up["n2"].relay.relations["n0"]
        dropped = rig.up[at].relay.dropped
        await rig.until(lambda: rig.up[at].relay.dropped > dropped)
        before = taken.blocks
        dropped = rig.up[at].relay.dropped
        await rig.until(lambda: rig.up[at].relay.dropped > dropped)
        assert taken.blocks == before
        assert all(node.relay.tampered == 0 for node in rig.up.values())


@in_loop
async def test_shares_that_claim_what_no_link_gives(tmp_path: Path) -> None:
    async with nodes(tmp_path, ROW[:3], pairwise(ROW[:3])) as rig:
        await rig.virtual("v", *ROW[:3])
        sender, relay = rig.up["n0"].relay.neighbours["n1"], rig.up["n1"].relay
        good = Share(block_id=bytes(16), origin_kme_id="n0", hops=["n1"], passed=["n0"], shares=1, virtual_link_id="v")
        several, source_routed = Share(), Share()
        several.CopyFrom(good)
        several.shares = 2
        source_routed.CopyFrom(good)
        source_routed.hops.append("n2")
        await sender.line.up()
        for number, share in enumerate((several, source_routed), 1):
            await sender.send(share, bytes(64))
            await rig.until(lambda: relay.dropped == number)  # noqa: B023
        await sender.send(good, bytes(64))
        await rig.until(lambda: "n0" in rig.up["n2"].relay.relations)
        assert relay.dropped == 2


@pytest.mark.parametrize(
    ("links", "says"),
    [
        ([link("v", "n0", "n2"), link("v", "n0", "n2")], "comes twice"),
        ([link("v", "", "", "n2")], "neither"),
        ([link("v", "n0", "n0")], "comes back"),
        ([link("v", "n0", "n1")], "own neighbour"),
        ([link("v", "n0", "", "n1")], "own neighbour"),
        ([link("v", "n0", "")], "far end"),
        ([link("w", "n0", "n2"), link("v", "n0", "n9")], "n9, which is not a neighbour"),
    ],
)
@in_loop
async def test_links_that_make_no_sense_are_refused_and_change_nothing(
    tmp_path: Path, links: list[wire.VirtualLink], says: str
) -> None:
    async with nodes(tmp_path, ROW[:3], pairwise(ROW[:3])) as rig:
        await rig.virtual("v", *ROW[:3])
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rig.set_virtual("n1", *links)
        error = read_error(caught.value)
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "LINK_INVALID")
        assert says in error.message
        assert assert_equal(*await both(rig, 2, "n0", "n2")) > 0
