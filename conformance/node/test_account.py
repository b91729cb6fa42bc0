"""Accounts: of the KMEs, of the forwarding modules, and between the two, to the bit."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.node.keys import exchange
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.contract import ContractError
from harness.testbed.node_plan import app, forwarder
from harness.testbed.nodes import NodeBench
from qkd.kms.v1.store_pb2 import LinkStore
from qkd.node.v1.forwarding_pb2 import Neighbour

_MAC_BITS = 256
_ODD_BITS = 100


def balanced(link: LinkStore) -> bool:
    """Whether every bit that came into a KME's half is accounted for."""
    spent = link.delivered_bits + link.relay_bits + link.expired_bits + link.destroyed_bits
    return link.received_bits == link.in_stock_bits + link.reserved_bits + spent


def told(link: LinkStore) -> str:
    """The account, for people."""
    names = ("received", "in_stock", "reserved", "delivered", "relay", "expired", "destroyed")
    return ", ".join(f"{name} {getattr(link, f'{name}_bits')}" for name in names)


def _neighbours(bench: NodeBench) -> Iterator[tuple[str, Neighbour]]:
    for node in bench.plan.nodes:
        for neighbour in bench.forwarding(node).neighbours:
            yield node, neighbour


def _taken(one: Neighbour) -> int:
    return one.pad_bits + one.mac_bits + one.held_bits + one.discarded_bits


def _on_the_wire(bench: NodeBench, node: str, peer: str) -> tuple[int, int, int]:
    """Messages, and bits of pads and of MACs."""
    frames = list(bench.taps[node, peer].frames)
    return len(frames), 8 * sum(len(frame.message.sealed) for frame in frames), _MAC_BITS * len(frames)


def _as_on_the_wire(bench: NodeBench, node: str, one: Neighbour) -> bool:
    return (one.messages, one.pad_bits, one.mac_bits) == _on_the_wire(bench, node, one.kme_id)


def _carry(bench: NodeBench, one: str, other: str, blocks: int) -> None:
    here, there = bench.both(one, other)
    bench.until(lambda: len(here) >= blocks)
    here.stop()
    there.stop()
    bench.settled(lambda: sum(len(tap.frames) for tap in bench.taps.values()))


@case("node.account.forwarding", "NODE-ACC-1", "NODE-ACC-2", "NODE-ACC-3", "NODE-ACC-4")
def test_the_accounts_agree(line: NodeBench, check: Check) -> None:
    """What forwarding modules say they spent is what went over the wire, and what their KMEs booked as relay bits."""
    _carry(line, "n2", "n4", 5)
    line.until(lambda: all(_as_on_the_wire(line, node, one) for node, one in _neighbours(line)), 5.0)
    for node, one in _neighbours(line):
        got = f"{node} to {one.kme_id}: {one.messages} messages, {one.pad_bits} + {one.mac_bits} bits"
        expected = "{} messages, {} + {} bits, as on the wire".format(*_on_the_wire(line, node, one.kme_id))
        check("NODE-ACC-1", _as_on_the_wire(line, node, one), expected=expected, got=got)
        line.until(lambda one=one, node=node: _agree(line, node, one.kme_id), 3.0)  # type: ignore[misc]
        now = next(each for each in line.forwarding(node).neighbours if each.kme_id == one.kme_id)
        link = line.link(node, one.kme_id)
        got = f"{node} to {one.kme_id}: {link.relay_bits} bits at the KME; {_taken(now)} at the forwarding module"
        check("NODE-ACC-2", link.relay_bits == _taken(now), expected="equal", got=got)
        check("NODE-ACC-3", balanced(link), expected="received = the sum of the rest", got=f"{node}: {told(link)}")
    for node, peer, origin in (("n2", "n4", True), ("n4", "n2", False)):
        relation = next((one for one in line.forwarding(node).relations if one.kme_id == peer), None)
        got = f"{node}: none" if relation is None else f"{node}: {relation.blocks} blocks, origin {relation.origin}"
        held = relation is not None and relation.blocks >= 5 and relation.bits >= relation.blocks * 8
        held = held and relation is not None and relation.origin == origin and not relation.bits % relation.blocks
        check("NODE-ACC-4", held, expected=f"5 blocks or more, origin {origin}", got=got)


def _agree(bench: NodeBench, node: str, peer: str) -> bool:
    one = next(each for each in bench.forwarding(node).neighbours if each.kme_id == peer)
    return bench.link(node, peer).relay_bits == _taken(one)


@case("node.account.store", "NODE-STORE-1", "NODE-STORE-2", "NODE-STORE-3")
def test_delivered_bits_are_booked(line: NodeBench, check: Check) -> None:
    """Keys that applications get are booked as delivered, to the bit; what is left of their octets as destroyed."""
    line.settled(lambda: line.store("n1").SerializeToString())
    before = line.link("n1", "n2")
    keys = [exchange(line, "n1", "n2", 3)]
    odd = exchange(line, "n1", "n2", 3, size=_ODD_BITS, wait=False)
    bits = sum(8 * len(key) for key in keys[0].taken.values()) + _ODD_BITS * len(odd.taken)
    line.until(lambda: line.link("n1", "n2").reserved_bits == 0, 3.0)
    after = line.link("n1", "n2")
    check.require(keys[0].equal, f"no keys: {keys[0].told}")
    grown = after.delivered_bits - before.delivered_bits
    check("NODE-STORE-1", grown == bits, expected=f"{bits} delivered bits more", got=f"{grown} more")
    check("NODE-STORE-2", balanced(after), expected="received = the sum of the rest", got=told(after))
    for node in line.plan.nodes:
        for link in line.store(node).links:
            held = balanced(link) and link.peer_kme_id in line.plan.nodes and bool(link.link_id)
            check("NODE-STORE-2", held, expected="received = the sum of the rest", got=f"{node}: {told(link)}")
    relayed = after.relay_bits - before.relay_bits
    check("NODE-STORE-3", not relayed, expected="no relay bits", got=f"{relayed} relay bits for applications' keys")


@case("node.account.monitors", "NODE-STORE-4", "NODE-STORE-5")
def test_only_monitors_see_the_store(line: NodeBench, check: Check) -> None:
    """The store is shown to the monitor that was named, and to nobody else."""
    links = {link.peer_kme_id for link in line.store("n1").links}
    check("NODE-STORE-5", links == {"n2", "n4"}, expected="n2, n4", got=", ".join(sorted(links)))
    for name in (app("n1"), forwarder("n1"), "n2"):
        try:
            line.store("n1", name)
            answer = "OK"
        except ContractError as error:
            answer = error.code.name
        check("NODE-STORE-4", answer == "PERMISSION_DENIED", expected="PERMISSION_DENIED", got=f"{name}: {answer}")
