"""Somebody on the wire, and nodes that die: nothing wrong is ever delivered, and it goes on."""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from pathlib import Path

import pytest

from qkd.node.v1.hop_pb2 import Confirmation, Header, HopMessage, Share
from tests.vendors.reference.forwarding.rig import QUICK, Frames, Nodes, assert_equal, both, chain, nodes
from tests.vendors.reference.rig import in_loop
from vendors.reference.forwarding.wire import LineDownError


def flip(octets: bytes, bit: int) -> bytes:
    return (int.from_bytes(octets) ^ 1 << bit % (8 * len(octets))).to_bytes(len(octets))


def tampering(part: str) -> Frames:
    """Every third message has one bit of this part flipped, another one each time."""
    number = count()

    def frames(frame: bytes) -> list[bytes]:
        i = next(number)
        if i % 3:
            return [frame]
        message = HopMessage.FromString(frame)
        if part == "block_id":  # still a sound message, of another block
            header = Header.FromString(message.header)
            kind = header.share if header.HasField("share") else header.confirmation
            kind.block_id = flip(kind.block_id, 7 * i)
            message.header = header.SerializeToString()
            return [message.SerializeToString()]
        setattr(message, part, flip(getattr(message, part), 7 * i + i // 3))
        return [message.SerializeToString()]

    return frames


def of_block(frame: bytes) -> bytes:
    """The block that a message speaks of."""
    header = Header.FromString(HopMessage.FromString(frame).header)
    return header.share.block_id or header.confirmation.block_id


@pytest.mark.parametrize("part", ["header", "block_id", "sealed", "tag"])
@in_loop
async def test_a_changed_message_is_never_delivered(tmp_path: Path, part: str) -> None:
    async with chain(tmp_path, 3) as rig:
        changed: set[bytes] = set()
        tamper = tampering(part)

        def frames(frame: bytes) -> list[bytes]:
            passed = list(tamper(frame))
            if passed != [frame]:
                changed.add(of_block(frame))
                if part == "block_id":
                    changed.add(of_block(passed[0]))
            return passed

        middle = await rig.middle("n1", "n2", frames)
        at_origin, at_destination = await both(rig, 12, "n0", "n3")
        assert assert_equal(at_origin, at_destination) > 0
        assert changed
        assert not changed & {*at_origin.blocks, *at_destination.blocks}
        relay = rig.up["n2"].relay
        counted = relay.tampered + (relay.dropped if part == "header" else 0)  # a changed key ID names no key
        assert 0 < relay.tampered <= counted >= len(changed) // 2 - QUICK.window
        before = relay.tampered
        assert before <= (await rig.report("n2")).tampered <= relay.tampered  # blocks are under way all the time
        for block in at_origin.blocks.values():
            assert block.octets not in middle.seen


@in_loop
async def test_a_changed_confirmation_confirms_nothing(tmp_path: Path) -> None:
    async with chain(tmp_path, 2) as rig:
        await rig.middle("n1", "n0", tampering("tag"))
        at_origin, at_destination = await both(rig, 12, "n0", "n2")
        assert assert_equal(at_origin, at_destination) > 0
        await rig.until(lambda: rig.lost("n0", "n2") > 0)
        assert rig.up["n0"].relay.tampered > 0


@in_loop
async def test_what_is_no_message_counts_as_tampered(tmp_path: Path) -> None:
    async with chain(tmp_path, 1) as rig:
        relay = rig.up["n1"].relay
        key_id = "c0ffee00-0000-4000-8000-000000000000"
        known = Header(from_sae_id="sae-n0", to_sae_id="sae-n1", key_id=key_id)
        share = Share(block_id=bytes(16), origin_kme_id="n0", hops=["n1"], passed=["n0"], shares=1)
        stranger = Header(from_sae_id="sae-x", to_sae_id="sae-n1", key_id=key_id, share=share)
        other = Header(from_sae_id="sae-n0", to_sae_id="sae-x", key_id=key_id, share=share)
        frames = [b"", b"\xff\xff", HopMessage(header=b"\xff", tag=bytes(16)).SerializeToString()] + [
            HopMessage(header=header.SerializeToString(), sealed=b"1", tag=bytes(16)).SerializeToString()
            for header in (known, stranger, other)
        ]
        for frame in frames:
            await relay.received(frame)
        assert (relay.tampered, relay.dropped) == (len(frames), 0)
        known.share.CopyFrom(share)
        await relay.received(HopMessage(header=known.SerializeToString(), tag=bytes(16)).SerializeToString())
        assert (relay.tampered, relay.dropped) == (len(frames), 1)  # well formed, but there is no such key


@in_loop
async def test_a_message_that_is_sent_again_is_dropped(tmp_path: Path) -> None:
    async with chain(tmp_path, 2) as rig:
        seen: list[bytes] = []

        def frames(frame: bytes) -> list[bytes]:
            again = [frame, *seen[-1:]]
            seen.append(frame)
            return [*again, frame]

        await rig.middle("n1", "n2", frames)
        at_origin, at_destination = await both(rig, 8, "n0", "n2")
        assert assert_equal(at_origin, at_destination) == 8
        relay = rig.up["n2"].relay
        await rig.until(lambda: relay.dropped >= 15)
        assert relay.tampered == 0


MISLED = [
    Share(block_id=b"b" * 16, origin_kme_id="n0", hops=["n2"], passed=["n0", "n1"], shares=1),  # not its node
    Share(block_id=b"b" * 16, origin_kme_id="n0", hops=["n1", "nowhere"], passed=["n0"], shares=1),
    Share(block_id=b"b" * 16, origin_kme_id="n0", hops=["n1", "n0"], passed=["n0"], shares=1),  # a loop
    Share(block_id=b"b" * 16, origin_kme_id="x", hops=["n1"], passed=["n0"], shares=1),  # not from its origin
    Share(block_id=b"b" * 16, origin_kme_id="n2", hops=["n1"], passed=["n2"], shares=1),  # not from who says so
    Share(block_id=b"b" * 16, origin_kme_id="n0", hops=["n1"], passed=["n0"], number=2, shares=2),
    Confirmation(block_id=b"b" * 16, destination_kme_id="n2", hops=["n1"]),  # of nothing
    Confirmation(block_id=b"b" * 16, destination_kme_id="n2", hops=["n1", "nowhere"]),
    Confirmation(block_id=b"b" * 16, destination_kme_id="n2", hops=["n2", "n1"]),  # for another
]


@pytest.mark.parametrize("kind", MISLED, ids=str)
@in_loop
async def test_a_genuine_message_with_no_way_to_go_is_dropped(tmp_path: Path, kind: Share | Confirmation) -> None:
    async with chain(tmp_path, 2) as rig:
        neighbour = rig.up["n0"].relay.neighbours["n1"]
        payload = b"payload" if isinstance(kind, Share) else b""
        await neighbour.send(kind, payload)
        relay = rig.up["n1"].relay
        await rig.until(lambda: relay.dropped == 1)
        assert relay.tampered == 0
        assert not relay.relations


@in_loop
async def test_a_relay_that_dies_half_way_loses_blocks_and_nothing_else(tmp_path: Path) -> None:
    async with chain(tmp_path, 3) as rig:
        at_origin, at_destination = await both(rig, 5, "n0", "n3")
        await rig.stop("n2")
        await at_drained(rig)
        await rig.start("n2")  # on the ports of its last life
        await rig.link("n1", "n2")
        await rig.link("n2", "n3")
        lost = rig.lost("n0", "n3")
        assert lost > 0
        known = set(at_origin.blocks)
        await asyncio.gather(at_origin.next(60), at_destination.next(60))
        assert assert_equal(at_origin, at_destination) > 0
        assert set(at_origin.blocks) - known


async def at_drained(rig: Nodes) -> None:
    """Blocks have been lost on the way to the dead relay."""
    before = rig.lost("n0", "n3")
    await rig.until(lambda: rig.lost("n0", "n3") > before)


@in_loop
async def test_a_line_that_is_closing_is_down(tmp_path: Path) -> None:
    async with chain(tmp_path, 1) as rig:
        line = rig.up["n0"].relay.neighbours["n1"].line
        await line.up()
        assert line._writer is not None
        line._writer.transport.abort()
        with pytest.raises(LineDownError):
            await line.send(b"message")
        await line.up()


@in_loop
async def test_new_routes_lead_around_a_dead_relay(tmp_path: Path) -> None:
    links = [("n0", "n1"), ("n1", "n3"), ("n0", "n2"), ("n2", "n3")]
    async with nodes(tmp_path, ["n0", "n1", "n2", "n3"], links) as rig:
        await rig.routes("n0", ["n1", "n3"])
        at_origin, at_destination = await both(rig, 4, "n0", "n3")
        assert {relay for block in at_origin.blocks.values() for relay in block.relays} == {"n1"}
        await rig.stop("n1")
        await rig.routes("n0", ["n2", "n3"])
        async with asyncio.timeout(10):
            while list((await at_origin.next())[0].relays) != ["n2"]:
                pass
            while list((await at_destination.next())[0].relays) != ["n2"]:
                pass
        assert assert_equal(at_origin, at_destination) > 0


@in_loop
async def test_two_paths_and_one_share_lost_is_the_block_lost(tmp_path: Path) -> None:
    links = [("n0", "n1"), ("n1", "n3"), ("n0", "n2"), ("n2", "n3")]
    async with nodes(tmp_path, ["n0", "n1", "n2", "n3"], links) as rig:
        cut: set[bytes] = set()
        number = count()

        def frames(frame: bytes) -> list[bytes]:
            header = Header.FromString(HopMessage.FromString(frame).header)
            if not header.HasField("share") or next(number) % 4:
                return [frame]
            cut.add(header.share.block_id)
            return []

        middle = await rig.middle("n2", "n3", frames)
        opened: list[bytes] = []
        relay = rig.up["n1"].relay
        open_message = relay.opened
        relay.opened = lambda key, message: (opened.append(open_message(key, message)), opened[-1])[1]  # type: ignore[method-assign, func-returns-value]
        await rig.routes("n0", ["n1", "n3"], ["n2", "n3"])
        at_origin, at_destination = await both(rig, 16, "n0", "n3")
        assert assert_equal(at_origin, at_destination) > 0
        assert {tuple(block.relays) for block in at_origin.blocks.values()} == {("n1", "n2")}
        assert cut
        assert not cut & {*at_origin.blocks, *at_destination.blocks}
        await rig.until(lambda: rig.lost("n0", "n3") >= 1 and rig.lost("n3", "n0") >= 1)
        for block in at_origin.blocks.values():  # one relay alone has not seen it, nor has the wire
            assert block.octets not in opened
            assert block.octets not in middle.seen


@in_loop
async def test_no_key_in_any_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with chain(tmp_path, 2) as rig:
        await rig.middle("n1", "n2", tampering("sealed"))
        at_origin, _ = await both(rig, 6, "n0", "n2")
        secrets = [*rig.table.keys, *(block.octets for block in at_origin.blocks.values())]
        written = "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records)
        assert "tampered" in written
        for secret in secrets:
            assert secret.hex() not in written
            assert repr(secret)[2:-1] not in written
        stored = [(tmp_path / name / "ports.json").read_bytes() for name in rig.up]
        assert not any(secret in file for file in stored for secret in secrets)
