"""Somebody on the wire: nothing that was changed is delivered, nothing comes twice, and keys flow again afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.hop_tap import Frame
from harness.testbed.node_reading import Reading
from harness.testbed.nodes import NodeBench
from qkd.node.v1.hop_pb2 import Header, HopMessage

_MANY = 5


def _flipped(octets: bytes, place: int = 0) -> bytes:
    changed = bytearray(octets)
    changed[place] ^= 1
    return bytes(changed)


def _message(frame: Frame, **parts: bytes) -> bytes:
    message = HopMessage()
    message.CopyFrom(frame.message)
    for name, octets in parts.items():
        setattr(message, name, octets)
    return message.SerializeToString()


def _header(frame: Frame, change: Callable[[Header], None]) -> bytes:
    header = Header()
    header.CopyFrom(frame.header)
    change(header)
    return _message(frame, header=header.SerializeToString())


def _other_block(header: Header) -> None:
    header.share.block_id = _flipped(header.share.block_id)


def _other_number(header: Header) -> None:
    header.share.shares += 1


CHANGES: dict[str, Callable[[Frame], bytes]] = {
    "payload": lambda frame: _message(frame, sealed=_flipped(frame.message.sealed)),
    "tag": lambda frame: _message(frame, tag=_flipped(frame.message.tag)),
    "last bit of the tag": lambda frame: _message(frame, tag=_flipped(frame.message.tag, -1)),
    "block ID in the header": lambda frame: _header(frame, _other_block),
    "number of shares in the header": lambda frame: _header(frame, _other_number),
    "end of the payload": lambda frame: _message(frame, sealed=frame.message.sealed[:-1]),
}
_BY_MAC = 3
"""So many, the first of them, leave no doubt that it is the MAC which does not fit."""


@case("node.tamper.parts", "NODE-TAMPER-1", "NODE-TAMPER-2", "NODE-TAMPER-3", "NODE-TAMPER-4")
def test_tampering_is_noticed(line: NodeBench, check: Check) -> None:
    """A bit changed in payload, tag or header of a share: never delivered, counted, and keys flow again."""
    left = list(CHANGES.items())
    spoilt: dict[bytes, str] = {}

    def rule(frame: Frame) -> Sequence[bytes]:
        if not left or not _to_n3(frame):
            return [frame.octets]
        name, change = left.pop(0)
        spoilt[frame.block_id] = name
        return [change(frame)]

    before = line.forwarding("n3")
    line.taps["n2", "n3"].rule = rule
    one, other = line.both("n1", "n3")
    line.until(lambda: not left)
    had = len(one)
    flows = line.until(lambda: len(one) >= had + _MANY)
    one.stop()
    line.until(lambda: set(one.ids) <= set(other.ids))
    other.stop()
    check.require(bool(spoilt), "no share came by")
    wrong = [spoilt[name] for name in (*one.ids, *other.ids) if name in spoilt]
    got = f"blocks delivered with a changed {', '.join(wrong)}" if wrong else f"none of {len(spoilt)}"
    check("NODE-TAMPER-1", not wrong, expected="no block that was tampered with", got=got)
    _nothing_wrong(line, check, "NODE-TAMPER-2", one, other)
    line.until(lambda: _refused(line.forwarding("n3")) >= _refused(before) + len(spoilt), 3.0)
    after = line.forwarding("n3")
    tampered, refused = after.tampered - before.tampered, _refused(after) - _refused(before)
    got = f"{tampered} tampered, {refused - tampered} dropped, of {len(spoilt)} changed"
    held = tampered >= min(_BY_MAC, len(spoilt)) and refused >= len(spoilt)
    check("NODE-TAMPER-3", held, expected="changed payload and tag as tampered, all refused", got=got)
    check("NODE-TAMPER-4", flows, expected=f"{_MANY} more blocks", got=f"{len(one) - had} blocks")


@case("node.tamper.confirmation", "NODE-TAMPER-5")
def test_a_forged_confirmation_is_none(line: NodeBench, check: Check) -> None:
    """A confirmation with a changed tag confirms nothing: the origin does not hand out the block."""
    spoilt: set[bytes] = set()

    def rule(frame: Frame) -> Sequence[bytes]:
        if frame.is_share or frame.header.confirmation.destination_kme_id != "n3" or len(spoilt) >= 2:
            return [frame.octets]
        spoilt.add(frame.block_id)
        return [_message(frame, tag=_flipped(frame.message.tag))]

    line.taps["n2", "n1"].rule = rule
    one, other = line.both("n1", "n3")
    line.until(lambda: len(one) >= _MANY)
    other.stop()
    one.stop()
    check.require(bool(spoilt), "no confirmation came by")
    wrong = sum(name in spoilt for name in one.ids)
    check("NODE-TAMPER-5", not wrong, expected="none", got=f"{wrong} of {len(spoilt)} with a changed confirmation")


@case("node.replay", "NODE-REPLAY-1", "NODE-REPLAY-2")
def test_replays_are_harmless(line: NodeBench, check: Check) -> None:
    """Every share sent twice, and all of them once more later: each block comes once, and is counted against nobody."""
    tap = line.taps["n2", "n3"]
    before, start = line.forwarding("n3"), len(tap.frames)
    tap.rule = lambda frame: [frame.octets, frame.octets]
    one, other = line.both("n1", "n3")
    line.until(lambda: len(one) >= _MANY)
    one.stop()
    line.settled(lambda: len(tap.frames))
    frames = [frame for frame in tap.frames[start:] if _to_n3(frame)]
    line.inject("n2", "n3", [frame.octets for frame in frames])
    again = line.until(lambda: _refused(line.forwarding("n3")) >= _refused(before) + 2 * len(frames))
    refused = _refused(line.forwarding("n3")) - _refused(before)
    other.stop()
    check.require(bool(one.blocks), "no block was delivered")
    twice = len(other) - len(set(other.ids))
    got = f"{twice} of {len(other)} blocks again, {refused} of {2 * len(frames)} replays refused"
    check("NODE-REPLAY-1", not twice and again, expected="each block once", got=got)
    _nothing_wrong(line, check, "NODE-REPLAY-2", one, other)


@case("node.reorder", "NODE-REORDER-1", "NODE-REORDER-2")
def test_another_order_is_harmless(line: NodeBench, check: Check) -> None:
    """Shares that overtake each other: what both ends get is equal, and blocks flow."""
    held: list[bytes] = []

    def rule(frame: Frame) -> Sequence[bytes]:
        if len(held) == 1:
            return [frame.octets, held.pop()]
        held.append(frame.octets)
        return []

    line.taps["n2", "n3"].rule = rule
    one, other = line.both("n1", "n3")
    flows = line.until(lambda: len(one) >= _MANY)
    other.stop()
    one.stop()
    _nothing_wrong(line, check, "NODE-REORDER-1", one, other)
    check("NODE-REORDER-2", flows, expected=f"{_MANY} blocks", got=f"{len(one)} blocks")


def _to_n3(frame: Frame) -> bool:
    return frame.is_share and list(frame.header.share.hops) == ["n3"]


def _refused(said: object) -> int:
    return int(getattr(said, "tampered", 0)) + int(getattr(said, "dropped", 0))


def _nothing_wrong(bench: NodeBench, check: Check, name: str, one: Reading, other: Reading) -> None:
    """Both ends have the same under the same ID, and nothing that was never sent."""
    sent = {frame.block_id for frame in bench.taps["n1", "n2"].frames}
    at_one, at_other = one.by_id, other.by_id
    different = sum(at_one[block] != at_other[block] for block in at_one.keys() & at_other.keys())
    unknown = len((at_one.keys() | at_other.keys()) - sent)
    got = f"{different} different at the two ends, {unknown} that the origin never sent"
    check(name, not different and not unknown, expected="none", got=got)
