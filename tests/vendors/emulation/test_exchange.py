"""The exchange of a tick: whatever is lost or changed on the way, an ID never stands for two different keys."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from itertools import product

import pytest

from vendors.emulation.exchange import Offerer, Outcome, Taker
from vendors.emulation.harvest import Harvest, context_of
from vendors.emulation.messages import Kind
from vendors.emulation.store import KeyBlockStore

OCTETS = 32
PASS, LOSE, SPOIL = "pass", "lose", "spoil"


def spoilt(octets: bytes) -> bytes:
    return octets[:-1] + bytes([octets[-1] ^ 1])


class Line:
    """Two ends, and a wire on which the n-th message of a tick meets its fate."""

    def __init__(self, *, taker_octets: int = 1 << 20, offerer_octets: int = 1 << 20) -> None:
        self.stores = KeyBlockStore(offerer_octets), KeyBlockStore(taker_octets)
        self.offerer = Offerer(self.stores[0], OCTETS)
        self.taker = Taker(self.stores[1], OCTETS)

    def tick(self, number: int, fates: Iterable[str] = (), blocks: int = 2) -> list[Outcome]:
        harvest = Harvest(hashlib.sha256(b"%d" % number).digest(), context_of(("tx", "rx"), number))
        wire: list[tuple[Callable[[bytes], Outcome | None], bytes]] = []
        fate = iter(fates)
        outcomes: list[Outcome | None] = []

        def to_taker(octets: bytes) -> None:
            wire.append((lambda said: self.taker.received(said, 1.0, to_offerer), octets))

        def to_offerer(octets: bytes) -> None:
            wire.append((lambda said: self.offerer.received(said, 1.0, to_taker), octets))

        self.taker.begin(number, harvest)
        outcomes.append(self.offerer.offer(number, harvest, blocks, {}, to_taker))
        while wire:
            hear, octets = wire.pop(0)
            what = next(fate, PASS)
            if what != LOSE:
                outcomes.append(hear(spoilt(octets) if what == SPOIL else octets))
        outcomes += [self.taker.give_up(), self.offerer.give_up()]
        return [outcome for outcome in outcomes if outcome is not None]

    def kept(self) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        one, other = ({block.block_id: block.octets for block in store.ready()} for store in self.stores)
        return one, other


def test_both_ends_add_the_same_blocks_in_the_same_order() -> None:
    line = Line()
    for number in range(20):
        assert [outcome.blocks for outcome in line.tick(number)] == [2, 2]
    one, other = line.kept()
    assert one == other
    assert list(one) == list(other)
    assert len(one) == 40
    assert len(set(one.values())) == 40
    assert [block.sequence for block in line.stores[1].ready()] == list(range(40))


@pytest.mark.parametrize("fates", list(product((PASS, LOSE, SPOIL), repeat=4)), ids="-".join)
def test_no_id_ever_stands_for_two_keys_and_what_one_end_lacks_is_made_good(fates: tuple[str, ...]) -> None:
    line = Line()
    line.tick(0, fates)
    one, other = line.kept()
    assert other.items() <= one.items(), "the taker has only what the offerer has"
    line.tick(1)
    one, other = line.kept()
    assert one == other, "the next offer settles what was left open"
    assert len(one) in (2, 4)
    assert line.taker.unsettled_blocks == 0


def test_what_is_lost_for_good_is_counted_and_never_kept_on_one_side_as_something_else() -> None:
    line = Line()
    line.tick(0, (PASS, PASS, LOSE))  # the offerer has added, the taker does not know
    line.taker.forget()
    line.tick(1)
    one, other = line.kept()
    assert other.items() < one.items()
    assert len(one) - len(other) == 2 == line.taker.unsettled_blocks


def test_an_offer_of_another_secret_is_refused_at_both_ends() -> None:
    line = Line()
    context = context_of(("tx", "rx"), 0)
    said: list[bytes] = []
    answers: list[bytes] = []
    line.taker.begin(0, Harvest(bytes(32), context))
    line.offerer.offer(0, Harvest(b"\x01" * 32, context), 2, {}, said.append)
    taken = line.taker.received(said[0], 1.0, answers.append)
    offered = line.offerer.received(answers[0], 1.0, said.append)
    assert taken is not None
    assert offered is not None
    assert (taken.kind, taken.reason) == (offered.kind, offered.reason) == (Kind.REFUSE, "TAMPERED")
    assert line.kept() == ({}, {})


@pytest.mark.parametrize("short", ["taker_octets", "offerer_octets"])
def test_the_smaller_store_bounds_both(short: str) -> None:
    line = Line(**{short: 3 * OCTETS})
    line.tick(0)
    outcomes = line.tick(1)
    assert {outcome.blocks for outcome in outcomes} == {1}
    assert any(outcome.full for outcome in outcomes)
    assert {outcome.blocks for outcome in line.tick(2)} == {0}
    one, other = line.kept()
    assert one == other
    assert len(one) == 3


def test_the_account_balances_whatever_becomes_of_blocks() -> None:
    store = KeyBlockStore(1000)
    ids = [store.add(bytes([n]) * 16, bytes(10), 0.0).block_id for n in range(20)]
    store.release(5)
    assert store.take(ids[7]) is not None
    assert store.take(ids[7]) is None
    assert store.destroy(ids[8])
    store.begin_pairing()
    store.add(b"x" * 16, bytes(10), 0.0)
    account = store.account
    assert (account.distilled, account.handed_over, account.in_store) == (21 * 80, 6 * 80, 80)
    assert account.distilled == account.handed_over + account.in_store + account.destroyed
    assert store.first_sequence == 0
    with pytest.raises(ValueError, match="full"):
        store.add(b"y" * 16, bytes(995), 0.0)
