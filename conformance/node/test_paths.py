"""Two disjoint paths: each carries a share that says nothing, both are needed; and a relay that is lost half way."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import sqrt

from conformance.node.keys import xor
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.hop_tap import Frame
from harness.testbed.nodes import NodeBench

_MANY = 8
_SIGMAS = 6.0
_WATCHED_S = 3.0
"""Longer than blocks that were under way may keep an origin waiting."""
_PATHS = (("b", "d"), ("c", "d"))


@case("node.paths.shares", "NODE-SHARE-1", "NODE-SHARE-2", "NODE-SHARE-3", "NODE-PATH-1", "NODE-PATH-2")
def test_a_share_on_each_path(diamond: NodeBench, check: Check) -> None:
    """Each path carries its own share only; together the shares give the block, and one alone says nothing of it."""
    one, other = diamond.both("a", "d")
    came = diamond.until(lambda: len(one) >= _MANY)
    diamond.until(lambda: set(one.ids) <= set(other.ids))
    one.stop()
    other.stop()
    same = came and all(other.by_id.get(name) == octets for name, octets in one.by_id.items())
    check(
        "NODE-SHARE-1", same, expected=f"{_MANY} blocks, equal", got=f"{len(one)} blocks, {'equal' if same else 'not'}"
    )
    strays = _strays(diamond)
    check("NODE-PATH-1", not strays, expected="each share on its own path", got=", ".join(strays) or "so it is")
    wrong = [list(block.relays) for block in [*one.blocks, *other.blocks] if set(block.relays) != {"b", "c"}]
    check("NODE-PATH-2", not wrong, expected="b, c", got=", ".join(wrong[0]) if wrong else "b, c")
    if not diamond.witnessed:
        for name in ("NODE-SHARE-2", "NODE-SHARE-3"):
            check.not_judged(name, "the forwarding modules take hop keys by ETSI 014: the bench cannot open a share")
        return
    _judge_shares(diamond, check, one.by_id)


def _strays(bench: NodeBench) -> list[str]:
    """Hops over which a share went that were not its own, each once."""
    found: Counter[str] = Counter()
    for (sender, receiver), tap in bench.taps.items():
        for frame in tap.frames:
            if frame.is_share and frame.header.share.origin_kme_id == "a":
                path = [*frame.header.share.passed, *frame.header.share.hops]
                wanted = ["a", *_PATHS[frame.header.share.number % 2]]
                if path != wanted or (sender, receiver) not in pairwise(wanted):
                    found[f"share {frame.header.share.number} from {sender} to {receiver}"] += 1
    return [f"{where} ({number} times)" for where, number in found.items()]


def _judge_shares(bench: NodeBench, check: Check, blocks: dict[bytes, bytes]) -> None:
    shares: dict[bytes, dict[int, bytes]] = {}
    for relay in ("b", "c"):
        for frame in bench.taps["a", relay].frames:
            if frame.is_share and frame.block_id in blocks:
                shares.setdefault(frame.block_id, {})[frame.header.share.number] = _opened(bench, frame)
    whole = {name: parts for name, parts in shares.items() if len(parts) == 2}
    joined = sum(xor(parts[0], parts[1]) == blocks[name] for name, parts in whole.items())
    got = f"{joined} of {len(blocks)} blocks are the exclusive or of two shares"
    check("NODE-SHARE-2", joined == len(blocks), expected="all", got=got)
    for number in (0, 1):
        bits = equal = 0
        for name, parts in whole.items():
            difference = xor(parts[number], blocks[name])
            bits += 8 * len(difference)
            equal += 8 * len(difference) - sum(octet.bit_count() for octet in difference)
        bound = _SIGMAS * sqrt(max(1, bits)) / 2
        even = abs(equal - bits / 2) <= bound
        masks = Counter(parts[number] for parts in whole.values())
        again = sum(times > 1 for times in masks.values())
        got = f"share {number}: {equal} of {bits} bits as in the block, {again} shares used again"
        held = even and not again and bits > 0
        check("NODE-SHARE-3", held, expected=f"half of them within {bound:.0f}, each share once", got=got)


def _opened(bench: NodeBench, frame: Frame) -> bytes:
    key, sealed = bench.witnessed[frame.header.key_id].octets, frame.message.sealed
    return xor(sealed, key[: len(sealed)]) if len(key) >= len(sealed) else b""


@case("node.paths.cut", "NODE-SHARE-4", "NODE-SHARE-5")
def test_both_paths_are_needed(diamond: NodeBench, check: Check) -> None:
    """While one path is cut no block is delivered of which a share did not go along it; mended, blocks flow again."""
    one, other = diamond.both("a", "d")
    flowing = diamond.until(lambda: len(one) >= 2)
    check.require(flowing, "no block was carried before the cut")
    diamond.cut("a", "c")
    tap = diamond.taps["a", "c"]

    def short() -> int:
        return len({*one.ids, *other.ids} - {frame.block_id for frame in tap.frames})

    diamond.until(lambda: short() > 0, _WATCHED_S)
    got = f"{short()} of {len(one)} blocks without a share on the path that is cut"
    check("NODE-SHARE-4", not short(), expected="none", got=got)
    diamond.cut("a", "c", on=False)
    had = len(one)
    flows = diamond.until(lambda: len(one) >= had + 2)
    check("NODE-SHARE-5", flows, expected="2 more blocks", got=f"{len(one) - had} blocks")
    one.stop()
    other.stop()


@case("node.paths.lost-relay", "NODE-LOSS-1", "NODE-LOSS-2", "NODE-LOSS-3")
def test_a_relay_is_lost_half_way(diamond: NodeBench, check: Check) -> None:
    """A relay ends while blocks pass it: nothing wrong is delivered; blocks flow over another, and over it again."""
    diamond.set_routes("a", {"d": [["b", "d"]]})
    one, other = diamond.both("a", "d")
    flowing = diamond.until(lambda: len(one) >= 2)
    check.require(flowing, "no block was carried before the loss")
    diamond.release_forwarder("b")
    diamond.set_routes("a", {"d": [["c", "d"]]})
    over_c = diamond.until(lambda: _carried_over(one.blocks, "c") >= 2)
    check("NODE-LOSS-2", over_c, expected="2 blocks over c", got=f"{_carried_over(one.blocks, 'c')} blocks")
    diamond.raise_forwarder("b")
    diamond.join_forwarder("b")
    had = _carried_over(one.blocks, "b")
    diamond.set_routes("a", {"d": [["b", "d"]]})
    back = diamond.until(lambda: _carried_over(one.blocks, "b") >= had + 2)
    check("NODE-LOSS-3", back, expected="2 blocks over b", got=f"{_carried_over(one.blocks, 'b') - had} blocks")
    one.stop()
    diamond.until(lambda: set(one.ids) <= set(other.ids), 3.0)
    other.stop()
    at_one, at_other = one.by_id, other.by_id
    wrong = sum(at_other.get(name) != octets for name, octets in at_one.items())
    got = f"{wrong} of {len(at_one)} blocks at the origin are not the same at the destination"
    check("NODE-LOSS-1", not wrong, expected="none", got=got)


def _carried_over(blocks: object, relay: str) -> int:
    return sum([*block.relays] == [relay] for block in list(blocks))  # type: ignore[call-overload]
