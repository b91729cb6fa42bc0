"""Accounts: of the KMEs, of the forwarding modules, and between the two, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True)
class _Look:
    """At one hop, as its sender: the forwarding module's account, the KME's, and what went over the wire."""

    node: str
    said: Neighbour
    link: LinkStore
    wire: tuple[int, int, int]

    @property
    def told(self) -> tuple[int, int, int]:
        """Messages, and bits of pads and of MACs."""
        return self.said.messages, self.said.pad_bits, self.said.mac_bits

    @property
    def agrees(self) -> bool:
        """Whether all three do."""
        return self.told == self.wire and self.link.relay_bits == _taken(self.said)


def _look(bench: NodeBench, node: str, said: Neighbour) -> _Look:
    frames = list(bench.taps[node, said.kme_id].frames)
    wire = (len(frames), 8 * sum(len(frame.message.sealed) for frame in frames), _MAC_BITS * len(frames))
    return _Look(node, said, bench.link(node, said.kme_id), wire)


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
    looks: list[_Look] = []

    def at_rest() -> bool:
        """Hop keys are on their way now and then: what is judged is one look at a moment of rest."""
        looks[:] = [_look(line, node, one) for node, one in _neighbours(line)]
        return all(look.agrees for look in looks)

    line.until(at_rest)
    for look in looks:
        who, one, link = f"{look.node} to {look.said.kme_id}", look.said, look.link
        got = f"{who}: {one.messages} messages, {one.pad_bits} + {one.mac_bits} bits"
        expected = "{} messages, {} + {} bits, as on the wire".format(*look.wire)
        check("NODE-ACC-1", look.told == look.wire, expected=expected, got=got)
        got = f"{who}: {link.relay_bits} bits at the KME; {_taken(one)} at the forwarding module"
        check("NODE-ACC-2", link.relay_bits == _taken(one), expected="equal", got=got)
        check("NODE-ACC-3", balanced(link), expected="received = the sum of the rest", got=f"{who}: {told(link)}")
    for node, peer, origin in (("n2", "n4", True), ("n4", "n2", False)):
        relation = next((one for one in line.forwarding(node).relations if one.kme_id == peer), None)
        got = f"{node}: none" if relation is None else f"{node}: {relation.blocks} blocks, origin {relation.origin}"
        held = relation is not None and relation.blocks >= 5 and relation.bits >= relation.blocks * 8
        held = held and relation is not None and relation.origin == origin and not relation.bits % relation.blocks
        check("NODE-ACC-4", held, expected=f"5 blocks or more, origin {origin}", got=got)


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
