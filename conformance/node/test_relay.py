"""Relaying over one to six hops: the same at both ends, and nothing of it anywhere else."""

from __future__ import annotations

from collections import Counter

from conformance.node.keys import exchange, take
from conformance.node.lab import NodeLab
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.node_plan import NodePlan, app, chain, hops_of
from harness.testbed.node_reading import Reading
from harness.testbed.nodes import NodeBench

_NODES = chain(7)
_MANY = 4


@case("node.relay.hops", "NODE-RELAY-1", "NODE-RELAY-2", "NODE-RELAY-3")
def test_blocks_over_one_to_six_hops(lab: NodeLab, check: Check) -> None:
    """Blocks carried over 1 to 6 hops are the same at both ends, name the nodes between, and have IDs of their own."""
    first, others = _NODES[0], _NODES[1:]
    routes = {(first, far): [others[: place + 1]] for place, far in enumerate(others)}
    with lab.bench(NodePlan(_NODES, hops_of(_NODES), routes=routes)) as bench:
        read = {far: _read(bench, first, far) for far in others}
        for hops, (one, other) in enumerate(read.values(), 1):
            same = sum(other.by_id.get(block.block_id) == block.octets for block in one.blocks)
            got = f"{hops} hop(s): {len(one)} blocks at the origin, {same} of them the same at the destination"
            check("NODE-RELAY-1", len(one) >= _MANY and same == len(one), expected=f"{_MANY} blocks, equal", got=got)
            wrong = [
                list(block.relays) for block in [*one.blocks, *other.blocks] if [*block.relays] != [*others[: hops - 1]]
            ]
            got = f"{hops} hop(s): {wrong[0] if wrong else 'as on the path'}"
            check("NODE-RELAY-2", not wrong, expected=", ".join(others[: hops - 1]) or "none", got=got)
        for end in (0, 1):
            ids = Counter(name for pair in read.values() for name in pair[end].ids)
            twice = sum(number > 1 for number in ids.values())
            odd = sum(len(name) != 16 for name in ids)
            got = f"{'destination' if end else 'origin'}: {odd} of other length, {twice} used again, of {len(ids)}"
            check("NODE-RELAY-3", not twice and not odd, expected="16 octets, never twice", got=got)


def _read(bench: NodeBench, first: str, far: str) -> tuple[Reading, Reading]:
    """Some blocks at both ends; nobody reads any more afterwards."""
    one, other = bench.both(first, far)
    bench.until(lambda: len(one) >= _MANY)
    one.stop()
    bench.until(lambda: set(one.ids) <= set(other.ids), 3.0)
    other.stop()
    return one, other


@case("node.relay.keys", "NODE-KEY-1", "NODE-KEY-2", "NODE-KEY-3")
def test_keys_between_distant_applications(line: NodeBench, check: Check) -> None:
    """Applications three hops apart get equal keys by ETSI 014, either way; no SAE of a relay's KME is given them."""
    seen: set[bytes] = set()
    for master, slave in (("n1", "n4"), ("n4", "n1")):
        keys = exchange(line, master, slave, 2)
        got = f"{master} to {slave}: {len(keys.taken)} keys ({keys.told}), {'equal' if keys.equal else keys.refused}"
        check("NODE-KEY-1", keys.equal, expected="2 keys, equal", got=got)
        again = sum(key in seen for key in keys.taken.values())
        seen |= set(keys.taken.values())
        check("NODE-KEY-2", not again, expected="no key twice", got=f"{again} of {len(keys.taken)} again")
    held = take(line, "n1", "n4", 1)
    for relay in ("n2", "n3"):
        answer = line.app(relay).get_key_with_ids(app("n1"), list(held.taken) or ["0" * 32])
        check("NODE-KEY-3", not answer.keys, expected="refused", got=f"{relay}: {answer.describe()}")


@case("node.relay.kept", "NODE-RELAY-4")
def test_a_relay_hands_out_nothing(line: NodeBench, check: Check) -> None:
    """While blocks pass a relay, whoever reads there is given none of them."""
    at_relay = [line.read("n2", peer) for peer in ("n1", "n3")]
    one, other = line.both("n1", "n3")
    line.until(lambda: len(one) >= _MANY)
    carried = {block.octets for block in [*one.blocks, *other.blocks]}
    line.until(lambda: any(at_relay), 0.3)
    kept = sum(block.octets in carried for reading in at_relay for block in reading.blocks)
    for reading in (*at_relay, one, other):
        reading.stop()
    check.require(bool(carried), "no block was carried")
    got = f"{kept} of {len(carried)} blocks, {sum(map(len, at_relay))} in all"
    check("NODE-RELAY-4", not any(map(len, at_relay)), expected="none", got=got)


@case("node.relay.confirmed", "NODE-CONFIRM-1", "NODE-CONFIRM-2", "NODE-ACC-5")
def test_the_origin_waits_for_the_confirmation(line: NodeBench, check: Check) -> None:
    """While confirmations are lost the origin hands out nothing and counts blocks as lost; then blocks flow again."""
    before, start = _lost(line), len(line.taps["n2", "n3"].frames)
    line.taps["n2", "n1"].rule = lambda frame: [frame.octets] if frame.is_share else []
    one, other = line.both("n1", "n3")
    arrived = line.until(lambda: any(frame.is_share for frame in line.taps["n2", "n3"].frames[start:]))
    check.require(arrived, "no block arrives at the destination")
    line.until(lambda: len(one) > 0, 0.5)
    got = f"{len(one)} at the origin, {len(other)} at the destination"
    check("NODE-CONFIRM-1", len(one) == 0, expected="none at the origin", got=got)
    given_up = line.until(lambda: _lost(line) > before)
    check("NODE-ACC-5", given_up, expected="lost_blocks grows", got=f"{_lost(line) - before} more")
    line.taps["n2", "n1"].rule = None
    flows = line.until(lambda: len(one) >= _MANY)
    other.stop()
    check("NODE-CONFIRM-2", flows, expected=f"{_MANY} blocks", got=f"{len(one)} blocks ({one.ended or 'open'})")
    one.stop()


def _lost(bench: NodeBench) -> int:
    return sum(one.lost_blocks for one in bench.forwarding("n1").relations if one.kme_id == "n3")
