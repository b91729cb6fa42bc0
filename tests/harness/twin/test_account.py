"""The account finds what does not fit, and says of which link and by how much."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.topology import load
from harness.twin.account import Account, Ledger, Readings, balance
from harness.twin.layout import Layout, lay_out
from qkd.device.v1.module_pb2 import GetStatusResponse
from qkd.kms.v1.store_pb2 import GetStoreResponse, LinkStore, SourceStore
from qkd.node.v1.forwarding_pb2 import GetForwardingResponse, Neighbour

MODULE = "bcn-1/toshiba-1"
LINK = "kme-bcn-1--kme-bcn-2"
ONE, OTHER = LINK.split("--")


@pytest.fixture(scope="module")
def layout() -> Layout:
    return lay_out(load("barcelona-ring"))


def _module_at(layout: Layout, kme_id: str, modules: tuple[str, ...]) -> str:
    return next(name for name in modules if layout.topology.module(name).site == layout.sites[kme_id].id)


def readings(layout: Layout) -> Readings:
    """All in order: each link has 2000 bits from its modules, 1000 for each end; 768 of those went to relays."""
    modules: dict[str, GetStatusResponse] = {}
    stores = {kme_id: GetStoreResponse() for kme_id in layout.sites}
    forwarders = {kme_id: GetForwardingResponse() for kme_id in layout.sites}
    for link in layout.links:
        for end in link.ends:
            name = _module_at(layout, end, link.systems[0].modules)
            modules[name] = GetStatusResponse(
                distilled_bits=2600, handed_over_bits=2300, in_store_bits=200, destroyed_bits=100
            )
            peer = link.peer_of(end)
            stores[end].links.append(
                LinkStore(peer_kme_id=peer, received_bits=1000, in_stock_bits=132, delivered_bits=100, relay_bits=768)
            )
            stores[end].sources.append(
                SourceStore(
                    source_id=link.systems[0].id,
                    peer_kme_id=peer,
                    module_id=name,
                    received_bits=2000,
                    pending_bits=250,
                    dropped_bits=50,
                )
            )
            neighbour = Neighbour(kme_id=peer, pad_bits=256, mac_bits=256, held_bits=128, discarded_bits=128)
            forwarders[end].neighbours.append(neighbour)
    return Readings(modules, stores, forwarders)


def _wrong(account: Account) -> dict[str, list[str]]:
    return {one.link.id: one.problems for one in account.links if one.problems}


def _store(found: Readings, kme_id: str, peer: str) -> LinkStore:
    return next(one for one in found.stores[kme_id].links if one.peer_kme_id == peer)


def _source(found: Readings, kme_id: str, peer: str) -> SourceStore:
    return next(one for one in found.stores[kme_id].sources if one.peer_kme_id == peer)


def _hop(found: Readings, kme_id: str, peer: str) -> Neighbour:
    return next(one for one in found.forwarders[kme_id].neighbours if one.kme_id == peer)


def test_what_fits_is_balanced(layout: Layout) -> None:
    account = balance(layout, readings(layout), Ledger())
    assert account.balanced
    assert account.problems == []
    assert account.lost == 0


def _destroyed_unbooked(found: Readings) -> None:
    _store(found, ONE, OTHER).in_stock_bits -= 1


def _never_arrived(found: Readings) -> None:
    _source(found, ONE, OTHER).pending_bits -= 8


def _arrived_twice(found: Readings) -> None:
    _source(found, ONE, OTHER).pending_bits += 8


def _module_forgot(found: Readings) -> None:
    found.modules[MODULE].destroyed_bits -= 1


def _relay_key_vanished(found: Readings) -> None:
    _hop(found, ONE, OTHER).held_bits -= 128


def _pad_used_twice(found: Readings) -> None:
    _hop(found, ONE, OTHER).pad_bits += 256


def _one_end_ahead(found: Readings) -> None:
    source = _source(found, ONE, OTHER)
    source.received_bits += 8
    source.pending_bits -= 8


def _more_held_than_taken(found: Readings) -> None:
    store = _store(found, ONE, OTHER)
    store.received_bits += 8
    store.in_stock_bits += 8


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_destroyed_unbooked, "received 1000 bits and has booked 999"),
        (_never_arrived, "handed over 2300 bits, and kme-bcn-1 has 2292"),
        (_arrived_twice, "handed over 2300 bits, and kme-bcn-1 has 2308"),
        (_module_forgot, "distilled 2600 bits and has booked 2599"),
        (_relay_key_vanished, "gave 768 bits to its forwarding module, which had 640"),
        (_pad_used_twice, "gave 768 bits to its forwarding module, which had 1024"),
        (_one_end_ahead, "the ends have taken different amounts"),
        (_more_held_than_taken, "2008 bits are in the link, made of [2000]"),
    ],
)
def test_one_wrong_figure_is_found_on_its_link(layout: Layout, spoil: Callable[[Readings], None], says: str) -> None:
    found = readings(layout)
    spoil(found)
    wrong = _wrong(balance(layout, found, Ledger()))
    assert list(wrong) == [LINK]
    assert any(says in problem for problem in wrong[LINK])


def test_what_was_in_a_module_that_died_is_lost_and_booked_as_lost(layout: Layout) -> None:
    ledger, found = Ledger(), readings(layout)
    ledger.module_crashed(
        MODULE, GetStatusResponse(distilled_bits=1000, handed_over_bits=500, in_store_bits=490, destroyed_bits=10)
    )
    # Its new life has handed over 1700; so 600 of the 990 were handed over before it died.
    found.modules[MODULE].CopyFrom(GetStatusResponse(distilled_bits=1700, handed_over_bits=1700))
    account = balance(layout, found, ledger)
    assert account.balanced
    assert account.lost == 390
    assert balance(layout, found, ledger).balanced, "the life that is over stays on the books"


def test_no_crash_excuses_bits_from_nowhere(layout: Layout) -> None:
    ledger, found = Ledger(), readings(layout)
    ledger.module_crashed(MODULE, GetStatusResponse(distilled_bits=500, handed_over_bits=100, in_store_bits=400))
    found.modules[MODULE].CopyFrom(GetStatusResponse(distilled_bits=1700, handed_over_bits=1700))
    problems = balance(layout, found, ledger).problems  # it had 500, and 600 have arrived
    assert problems == [f"{LINK}: {MODULE} handed over 2200 bits, and {ONE} has 2300 of them"]


def test_a_loss_is_excused_by_a_crash_once_only(layout: Layout) -> None:
    ledger, found = Ledger(), readings(layout)
    ledger.kmes_crashed([ONE])
    _hop(found, ONE, OTHER).held_bits -= 128
    _source(found, ONE, OTHER).pending_bits -= 8
    account = balance(layout, found, ledger)
    assert account.balanced
    assert account.lost == 136
    _hop(found, ONE, OTHER).discarded_bits -= 64
    assert not balance(layout, found, ledger).balanced


def test_what_a_dead_relay_held_is_lost(layout: Layout) -> None:
    ledger, found = Ledger(), readings(layout)
    ledger.forwarder_crashed(ONE, readings(layout).forwarders[ONE])
    _hop(found, ONE, OTHER).CopyFrom(Neighbour(kme_id=OTHER, pad_bits=100))
    _store(found, ONE, OTHER).relay_bits += 232  # 768 before, 100 now, 132 on the way when it died
    _store(found, ONE, OTHER).in_stock_bits -= 132
    _store(found, ONE, OTHER).delivered_bits -= 100
    for peer in layout.neighbours_of(ONE):
        if peer != OTHER:
            _hop(found, ONE, peer).CopyFrom(Neighbour(kme_id=peer))
    account = balance(layout, found, ledger)
    assert account.problems == []
    assert account.lost == 132 + 2 * 128  # and what it held for both neighbours


def test_a_module_that_took_turns_has_a_past(layout: Layout) -> None:
    ledger, found = Ledger(), readings(layout)
    ledger.module_ended(MODULE, found.modules.pop(MODULE))  # type: ignore[attr-defined]  # a dict in this test
    assert balance(layout, found, ledger).balanced
