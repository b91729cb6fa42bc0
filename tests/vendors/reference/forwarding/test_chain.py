"""Blocks over 1 to 6 hops: equal at both ends, paid for to the bit, in no clear on any wire; routes; readers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from harness.sdk import bearer_metadata, read_error
from qkd.node.v1 import forwarding_pb2 as wire
from tests.vendors.reference.forwarding.rig import QUICK, TOKEN, assert_equal, both, chain, nodes
from tests.vendors.reference.rig import in_loop

BLOCKS = 12


@pytest.mark.parametrize("hops", range(1, 7))
@in_loop
async def test_blocks_are_equal_and_paid_for_to_the_bit(tmp_path: Path, hops: int) -> None:
    async with chain(tmp_path, hops) as rig:
        last = f"n{hops}"
        at_origin, at_destination = await both(rig, BLOCKS, "n0", last)
        assert assert_equal(at_origin, at_destination) > 0
        for block in at_origin.blocks.values():
            assert len(block.octets) == QUICK.relay_block_octets
            assert list(block.relays) == [f"n{i}" for i in range(1, hops)]
        at_origin.call.cancel()
        relays = {name: node.relay for name, node in rig.up.items()}
        await rig.quiet("n0", last)
        total = relays["n0"].relations[last].blocks
        assert total == relays[last].relations["n0"].blocks
        for i, relay in enumerate(relays.values()):
            assert (relay.tampered, relay.dropped) == (0, 0)
            for neighbour in relay.neighbours.values():
                onward = neighbour.kme_id == f"n{i + 1}"
                account = neighbour.account
                assert account.messages == total
                assert account.pad_bits == (8 * QUICK.relay_block_octets * total if onward else 0)
                assert account.mac_bits == 256 * total
                taken = rig.table.taken_bits[relay.sae_id, neighbour.sae_id]
                supply = neighbour.supply
                assert taken == account.pad_bits + account.mac_bits + supply.held_bits + supply.discarded_bits
                assert supply.held_bits <= 2 * 8 * QUICK.prefetch * (QUICK.relay_block_octets + 32)
        report = await rig.report("n0")
        assert [(one.kme_id, one.origin, one.blocks, one.bits, one.lost_blocks) for one in report.relations] == [
            (last, True, total, 8 * QUICK.relay_block_octets * total, 0)
        ]


@in_loop
async def test_no_block_is_made_that_nobody_reads(tmp_path: Path) -> None:
    large = replace(QUICK, relay_block_octets=8192)
    async with chain(tmp_path, 2, large) as rig:
        at_destination = rig.read("n2", "n0")
        await asyncio.sleep(0)
        assert not rig.table.keys
        at_origin = rig.read("n0", "n2")
        arriving = asyncio.create_task(at_destination.next(1000))
        await at_origin.next()
        await rig.until(lambda: len(rig.up["n0"].relay._outlets["n2"]) == large.window)
        made = rig.up["n0"].relay.relations["n2"].blocks
        for _ in range(200):  # it stays so, however often the loop turns
            await asyncio.sleep(0)
        assert rig.up["n0"].relay.relations["n2"].blocks == made <= 2 * large.window + 2
        await at_origin.next(20)
        arriving.cancel()


@in_loop
async def test_a_destination_that_does_not_read_stops_the_origin_and_costs_a_window(tmp_path: Path) -> None:
    async with chain(tmp_path, 1) as rig:
        at_origin = rig.read("n0", "n1")
        await at_origin.next(QUICK.window)  # as many as the destination has room for
        await rig.until(lambda: rig.lost("n0", "n1") > 0)
        assert rig.up["n0"].relay.relations["n1"].blocks == QUICK.window
        at_destination = rig.read("n1", "n0")
        await asyncio.gather(at_origin.next(4), at_destination.next(QUICK.window + 4))
        assert assert_equal(at_origin, at_destination) >= QUICK.window


@in_loop
async def test_who_comes_last_reads(tmp_path: Path) -> None:
    async with chain(tmp_path, 1) as rig:
        first, _ = await both(rig, 2, "n0", "n1")
        second = rig.read("n0", "n1")
        await second.next(2)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await first.next(1000)
        assert read_error(caught.value).reason == "READ_ELSEWHERE"
        assert not first.blocks.keys() & second.blocks.keys()


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        ([["n1", "n2"], ["n2"]], "n2, which is not a neighbour"),
        ([["n1", "n0", "n2"]], "twice to the same node"),
        ([["n1", "n1", "n2"]], "twice to the same node"),
        ([["n1", "n2"], ["n1"]], "ends elsewhere"),
    ],
)
@in_loop
async def test_routes_that_make_no_sense_are_refused_and_change_nothing(
    tmp_path: Path, paths: list[list[str]], says: str
) -> None:
    async with chain(tmp_path, 2) as rig:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rig.routes("n0", *paths)
        error = read_error(caught.value)
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "ROUTE_INVALID")
        assert says in error.message
        assert assert_equal(*await both(rig, 2, "n0", "n2")) > 0


@in_loop
async def test_what_is_not_among_the_routes_is_no_longer_served(tmp_path: Path) -> None:
    async with chain(tmp_path, 1) as rig:
        at_origin, _ = await both(rig, 2, "n0", "n1")
        await rig.stubs["n0"].SetRoutes(wire.SetRoutesRequest(), metadata=bearer_metadata(TOKEN))
        assert not rig.up["n0"].relay._origins["n1"]._under_way
        messages = rig.up["n0"].relay.neighbours["n1"].account.messages
        for _ in range(200):
            await asyncio.sleep(0)
        assert rig.up["n0"].relay.neighbours["n1"].account.messages == messages
        await rig.routes("n0", ["n1"])
        before = len(at_origin.blocks)
        await at_origin.next(40)
        assert len(at_origin.blocks) == before + 40


@in_loop
async def test_callers_without_the_token_and_the_kme_itself_as_peer_are_refused(tmp_path: Path) -> None:
    async with nodes(tmp_path, ["n0"], []) as rig:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rig.stubs["n0"].GetForwarding(wire.GetForwardingRequest())
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rig.read("n0", "n0").next()
        assert read_error(caught.value).reason == "PEER_INVALID"
