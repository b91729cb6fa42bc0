"""The cases of simultaneous requests: each is caught doing its work, and lawful KMEs are left alone."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from harness.pki import Wallet
from qkd.run.v1 import run_record_pb2 as pb
from tests.conformance.run_toy import broken, campaign_on, told
from tests.conformance.tampered_kme import (
    Document,
    Handler,
    Network,
    OneAtATime,
    Racing,
    Tls,
    handled,
    pause,
    tampered_pair,
)
from tests.conformance.toy_keys import M5, Refusal, Traits, _Held

CASES = ("014.parallel.*",)


@pytest.fixture(scope="module")
def wallet() -> Wallet:
    return Wallet()


class LooksThenRemoves(Racing):
    """Several fetches see the key before the first of them removes it."""

    def _remove(self, caller: str, held: _Held) -> None:
        pause(self.pause_s)
        super()._remove(caller, held)


class NobodyWins(Racing):
    """Fetches that meet give up, all of them, and the key is gone."""

    def dec(self, caller: str, master: str, ids: Sequence[str]) -> Document:
        found = [held for name in ids if (held := self.held.get(self._name(name))) is not None]
        for held in found:
            held.issued += 1000
        pause(self.pause_s)
        if any(held.issued > 2000 for held in found):
            for held in found:
                held.slaves[caller] = 0
            raise Refusal(400, M5)
        return super().dec(caller, master, ids)


class SharesNewKeys(Racing):
    """Get key calls that meet get the same key."""

    def __init__(self) -> None:
        super().__init__()
        self._meeting: dict[str, Document] = {}

    def enc(self, caller: str, slave: str, request: Document) -> Document:  # type: ignore[override]
        if caller in self._meeting:
            return self._meeting[caller]
        self._meeting[caller] = document = super().enc(caller, slave, request)
        pause(self.pause_s)
        del self._meeting[caller]
        return document


class OneSlot(Racing):
    """The caller of the request is kept where the next request finds it."""

    slot = ""

    def dec(self, caller: str, master: str, ids: Sequence[str]) -> Document:
        self.slot = caller
        pause(self.pause_s)
        return super().dec(self.slot, master, ids)


class DirectionsMixed(Racing):
    """Both directions write the material of a new key into one buffer."""

    buffer = b""

    def _new(self, master: str, slaves: Sequence[str], size: int) -> tuple[str, bytes]:
        key_id, self.buffer = super()._new(master, slaves, size)
        pause(self.pause_s)
        return key_id, self.buffer


class Deadlocks(Racing):
    """Both directions wait for each other, and go on waiting."""

    def __init__(self) -> None:
        super().__init__()
        self._busy: set[str] = set()
        self._stuck = threading.Event()

    def enc(self, caller: str, slave: str, request: Document) -> Document:  # type: ignore[override]
        if slave in self._busy or self._stuck.is_set():
            self._stuck.set()
            pause(7.0)
        self._busy.add(caller)
        pause(self.pause_s)
        self._busy.discard(caller)
        return super().enc(caller, slave, request)


class PartUnderRace(Racing):
    """Keys that vanish between the look and the removal are left out of the container."""

    def dec(self, caller: str, master: str, ids: Sequence[str]) -> Document:
        super_dec = super().dec
        for name in ids:
            held = self.held.get(self._name(name))
            if held is None or not held.slaves.get(caller):
                raise Refusal(400, M5)
        pause(self.pause_s)
        keys = []
        for name in ids:
            try:
                keys += super_dec(caller, master, [name])["keys"]
            except Refusal:
                continue
        if not keys:
            raise Refusal(400, M5)
        return {"keys": keys}


WRONG: dict[str, tuple[type[Racing], set[str], str]] = {
    "looks, then removes": (LooksThenRemoves, {"ETSI014-5.4-R12"}, "014.parallel.one-key"),
    "nobody wins": (NobodyWins, {"ETSI014-5.4-R13"}, "014.parallel.one-key"),
    "shares new keys": (SharesNewKeys, {"ETSI014-5.3-R2"}, "014.parallel.take"),
    "one slot for the caller": (OneSlot, {"ETSI014-5.4-R3", "ETSI014-5.4-R6"}, "014.parallel.third-party"),
    "directions mixed": (DirectionsMixed, {"ETSI014-5.4-R1"}, "014.parallel.both-directions"),
    "deadlock": (Deadlocks, {"ETSI014-5.3-R1"}, "014.parallel.both-directions"),
    "part of a set": (PartUnderRace, {"ETSI014-6.4-R3"}, "014.parallel.overlapping-sets"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_races_are_found(wallet: Wallet, wrong: str) -> None:
    network, requirements, case = WRONG[wrong]
    with tampered_pair(wallet, network=network()) as bed:
        record = campaign_on(bed.reached, select=[case])
    assert requirements & broken(record).keys(), told(record)
    assert record.summary.errors == 0, told(record)


def test_a_narrow_race_is_found(wallet: Wallet) -> None:
    """Half a millisecond between look and removal is enough: the requests end at the same moment."""

    class Narrow(LooksThenRemoves):
        pause_s = 0.0005

    with tampered_pair(wallet, network=Narrow()) as bed:
        record = campaign_on(bed.reached, select=["014.parallel.one-key"])
    assert broken(record).keys() == {"ETSI014-5.4-R12"}, told(record)


class BusyIs503(Handler):
    """No more than two requests for keys at a time; others are asked to come again."""

    seats = threading.Semaphore(2)

    def _answer(self, verb: str, body: bytes) -> Document:
        return super()._answer(verb, body)

    def _serve(self, verb: str) -> None:
        if not self.seats.acquire(blocking=False):
            length = int(self.headers.get("Content-Length", 0))
            self.rfile.read(length)
            self._refuse(Refusal(503, "busy"))
            return
        try:
            pause(0.005)
            super()._serve(verb)
        finally:
            self.seats.release()


LAWFUL: dict[str, tuple[Tls, Traits]] = {
    "as usual": (Tls(), Traits()),
    "busy is 503": (handled(BusyIs503), Traits()),
    "closes connections": (Tls(), Traits(close=True)),
    "chunked": (Tls(), Traits(chunked=True)),
    "one ID a fetch": (Tls(), Traits(ids_per_fetch=1)),
    "one key a request": (Tls(), Traits(max_key_per_request=1)),
    "slow": (Tls(), Traits(delay_s=0.02)),
    "one connection after the other": (OneAtATime(), Traits(close=True)),
    "little stock": (Tls(), Traits(stock=12, growth=60.0)),
}


@pytest.mark.parametrize("lawful", LAWFUL)
def test_lawful_choices_are_not_blamed(wallet: Wallet, lawful: str) -> None:
    tls, traits = LAWFUL[lawful]
    claims = {"max_key_IDs_per_request": traits.ids_per_fetch} if traits.ids_per_fetch else {}
    with tampered_pair(wallet, tls, Network(traits)) as bed:
        record = campaign_on(bed.reached, select=CASES, claims=claims)
    assert broken(record) == {}, told(record)
    assert record.summary.errors == 0, told(record)
    if lawful != "busy is 503":
        assert record.summary.inconclusive == 0, told(record)


def test_a_kme_that_waits_for_an_unfinished_request_gets_a_warning(wallet: Wallet) -> None:
    with tampered_pair(wallet, OneAtATime()) as bed:
        record = campaign_on(bed.reached, select=["014.parallel.unfinished-request"])
    assert broken(record) == {}, told(record)
    assert broken(record, pb.GRADE_WARNING).keys() == {"ETSI014-A8-R8"}, told(record)
