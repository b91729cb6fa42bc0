"""The cases of malformed input: each is caught doing its work, and lawful KMEs are left alone."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from harness.pki import Wallet
from qkd.run.v1 import run_record_pb2 as pb
from tests.conformance.run_toy import broken, campaign_on, told
from tests.conformance.tampered_kme import Document, Handler, Network, handled, pause, tampered_pair
from tests.conformance.toy_keys import Refusal, Traits

CASES = ("014.malformed.*",)


@pytest.fixture(scope="module")
def wallet() -> Wallet:
    return Wallet()


# ---- what is wrong ------------------------------------------------------------------------------------------------


class NoJsonIsDefault(Handler):
    def _object(self, body: bytes) -> Document:
        try:
            json.loads(body)
        except ValueError:
            return {}
        return super()._object(body)


class NoObjectIsDefault(Handler):
    def _object(self, body: bytes) -> Document:
        try:
            return super()._object(body)
        except Refusal as refused:
            if refused.message == "no object":
                return {}
            raise


class BadNumbersAreDropped(Handler):
    def _object(self, body: bytes) -> Document:
        document = super()._object(body)
        return {name: value for name, value in document.items() if name not in {"number", "size"} or type(value) is int}


class BadQueryIsDropped(Handler):
    def _enc(self, verb: str, caller: str, other: str, query: dict[str, list[str]], body: bytes) -> Document:
        kept = {name: values for name, values in query.items() if values[0].isdigit()}
        return super()._enc(verb, caller, other, kept, body)


class Wraps(Handler):
    def _object(self, body: bytes) -> Document:
        document = super()._object(body)
        return {
            name: value % 2**32 if name in {"number", "size"} and isinstance(value, int) else value
            for name, value in document.items()
        }


class AnyKey(Handler):
    """A pattern for a key ID."""

    def _dec(self, verb: str, caller: str, other: str, query: dict[str, list[str]], body: bytes) -> Document:
        if b"*" in body:
            ids = [name for name, held in self.network.held.items() if held.slaves.get(caller)]
            body = json.dumps({"key_IDs": [{"key_ID": name} for name in ids[-1:]]}).encode()
        return super()._dec(verb, caller, other, query, body)


class AllForNothing(Handler):
    def _dec(self, verb: str, caller: str, other: str, query: dict[str, list[str]], body: bytes) -> Document:
        try:
            return super()._dec(verb, caller, other, query, body)
        except Refusal:
            ids = [name for name, held in self.network.held.items() if held.slaves.get(caller)]
            if "null" in body.decode("latin-1") and ids:
                return self.network.dec(caller, other, ids[-1:])
            raise


class BadEntriesAreSkipped(Handler):
    def _dec(self, verb: str, caller: str, other: str, query: dict[str, list[str]], body: bytes) -> Document:
        if verb == "POST":
            listed = self._object(body).get("key_IDs")
            if isinstance(listed, list):
                good = [entry for entry in listed if isinstance(entry, dict) and len(str(entry.get("key_ID"))) == 36]
                body = json.dumps({"key_IDs": good}).encode()
        return super()._dec(verb, caller, other, query, body)


class DropsWaiting(Handler):
    def _object(self, body: bytes) -> Document:
        try:
            return super()._object(body)
        except Refusal:
            self.network.held.clear()
            raise


class Dies(Handler):
    dead = False

    def _answer(self, verb: str, body: bytes) -> Document:
        type(self).dead |= b"[[[[" in body
        if self.dead:
            raise Refusal(0)
        return super()._answer(verb, body)


class ShowsTheKey(Handler):
    def _refuse(self, refused: Refusal) -> None:
        if refused.status == 400 and self.network.last:
            entry = self.network._container([("x", self.network.last)])
            self._send(400, {"message": refused.message, "details": [entry]})
        else:
            super()._refuse(refused)


class Hangs(Handler):
    """Waits for the rest of what it takes for half a request."""

    def _object(self, body: bytes) -> Document:
        try:
            return super()._object(body)
        except Refusal:
            pause(6.0)
            raise


class PutServes(Handler):
    def do_PUT(self) -> None:
        self._serve("POST")


class ServesUnknownPaths(Handler):
    def _answer(self, verb: str, body: bytes) -> Document:
        if self.path.endswith("qkdh_keys"):
            self.path = self.path.replace("qkdh_keys", "enc_keys")
        return super()._answer(verb, body)


WRONG: dict[str, tuple[type[Handler], str, tuple[str, ...]]] = {
    "no JSON is default": (NoJsonIsDefault, "ETSI014-A8-R1", ("014.malformed.not-json", "014.malformed.huge")),
    "bad numbers are dropped": (BadNumbersAreDropped, "ETSI014-A8-R6", ("014.malformed.*numbers",)),
    "bad query is dropped": (BadQueryIsDropped, "ETSI014-A8-R6", ("014.malformed.unreadable-numbers",)),
    "wraps at 32 bits": (Wraps, "ETSI014-A8-R6", ("014.malformed.unreadable-numbers",)),
    "a pattern for an ID": (AnyKey, "ETSI014-A8-R7", ("014.malformed.key-ids",)),
    "null yields a key": (AllForNothing, "ETSI014-A8-R7", ("014.malformed.*key-ids",)),
    "bad entries are skipped": (BadEntriesAreSkipped, "ETSI014-6.4-R3", ("014.malformed.key-ids-mixed",)),
    "drops waiting keys": (DropsWaiting, "ETSI014-A8-R4", ("014.malformed.key-ids",)),
    "dies": (Dies, "ETSI014-A8-R4", ("014.malformed.not-json", "014.malformed.tolerable")),
    "hangs": (Hangs, "ETSI014-A8-R10", ("014.malformed.search-not-json",)),
    "shows the key": (ShowsTheKey, "ETSI014-5.3-R4", ("014.malformed.not-json",)),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_found(wallet: Wallet, wrong: str) -> None:
    handler, requirement, cases = WRONG[wrong]
    with tampered_pair(wallet, handled(handler)) as bed:
        record = campaign_on(bed.reached, select=cases)
    found = broken(record)
    assert requirement in found, told(record)
    assert record.summary.errors == 0, told(record)
    follow_on = {"ETSI014-5.4-R14", "ETSI014-6.4-R5", "ETSI014-A8-R4", "ETSI014-A8-R7", "ETSI014-5.3-R4"}
    assert found.keys() - follow_on <= {requirement}, told(record)


@pytest.mark.parametrize(
    ("handler", "requirement"),
    [(NoObjectIsDefault, "ETSI014-A8-R5"), (PutServes, "ETSI014-A8-R9"), (ServesUnknownPaths, "ETSI014-A8-R9")],
)
def test_what_the_text_does_not_spell_out_is_a_warning(
    wallet: Wallet, handler: type[Handler], requirement: str
) -> None:
    with tampered_pair(wallet, handled(handler)) as bed:
        record = campaign_on(bed.reached, select=CASES)
    assert broken(record) == {}, told(record)
    assert requirement in broken(record, pb.GRADE_WARNING), told(record)


def test_the_search_shrinks_what_it_finds(wallet: Wallet) -> None:
    """The smallest body that goes wrong stands in the finding, and few keys are lost on the way."""
    with tampered_pair(wallet, handled(NoJsonIsDefault)) as bed:
        record = campaign_on(bed.reached, select=["014.malformed.search-not-json"])
    (case,) = (entry for entry in record.cases if entry.id == "014.malformed.search-not-json")
    findings = [entry for entry in case.findings if not entry.held and "smallest body" in entry.got]
    assert [entry.requirement_id for entry in findings] == ["ETSI014-A8-R1"]
    assert len(findings[0].got) < 120, findings[0].got
    assert case.keys_drawn <= 8


# ---- what is lawful -----------------------------------------------------------------------------------------------


class Lenient(Handler):
    """Takes what it can: digits in strings, whole fractions, null as absent, what follows an object."""

    def _object(self, body: bytes) -> Document:
        try:
            value, _ = json.JSONDecoder().raw_decode(body.decode("utf-8-sig", "replace").strip() or "{}")
        except ValueError:
            raise Refusal(400, "no JSON") from None
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise Refusal(400, "no object")
        return {name: self._read(entry) for name, entry in value.items() if entry not in (None, "")}

    @staticmethod
    def _read(entry: Any) -> Any:
        if isinstance(entry, str) and entry.isdigit():
            return int(entry)
        if isinstance(entry, bool | float) and abs(entry) < 1e9:
            return int(entry)
        return entry


class Crashing(Handler):
    """A web framework that says 500, in HTML, to whatever it did not expect."""

    def _refuse(self, refused: Refusal) -> None:
        literal = refused.message.startswith(("one or more", "size shall"))
        if refused.status != 400 or literal:
            super()._refuse(refused)
            return
        page = b"<html><body>Internal Server Error</body></html>"
        self.send_response(500)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


class HangsUp(Handler):
    """Closes the connection on bodies that it cannot read, as a guard in front of a KME may do."""

    def _object(self, body: bytes) -> Document:
        try:
            return super()._object(body)
        except Refusal:
            raise Refusal(0) from None


class Slow(Handler):
    def _answer(self, verb: str, body: bytes) -> Document:
        pause(0.01)
        return super()._answer(verb, body)


LAWFUL: dict[str, tuple[type[Handler], Traits]] = {
    "as usual": (Handler, Traits()),
    "422": (Handler, Traits(bad_input=422)),
    "500": (Crashing, Traits()),
    "lenient": (Lenient, Traits()),
    "hangs up": (HangsUp, Traits()),
    "closes connections": (Handler, Traits(close=True)),
    "chunked": (Handler, Traits(chunked=True)),
    "slow": (Slow, Traits()),
    "keys of 64 bits only": (Handler, Traits(key_size=64, min_key_size=64, max_key_size=64)),
    "one key a request": (Handler, Traits(max_key_per_request=1)),
    "forbids what it does not know": (Handler, Traits(forbid_unknown=True, no_body="415")),
    "upper-case IDs": (Handler, Traits(id_style="upper")),
}


@pytest.mark.parametrize("lawful", LAWFUL)
def test_lawful_choices_are_not_blamed(wallet: Wallet, lawful: str) -> None:
    handler, traits = LAWFUL[lawful]
    with tampered_pair(wallet, handled(handler), Network(traits)) as bed:
        record = campaign_on(bed.reached, select=CASES)
    assert broken(record) == {}, told(record)
    assert record.summary.inconclusive == record.summary.errors == 0, told(record)
    assert record.budget.drawn <= record.budget.planned + record.budget.at_risk


def test_a_lenient_kme_loses_no_more_keys_than_planned(wallet: Wallet) -> None:
    with tampered_pair(wallet, handled(Lenient)) as bed:
        record = campaign_on(bed.reached, select=CASES)
    for case in record.cases:
        assert case.keys_drawn <= case.keys_planned + case.keys_at_risk, case.id


def test_no_thread_is_left_behind(wallet: Wallet) -> None:
    before = threading.active_count()
    with tampered_pair(wallet) as bed:
        campaign_on(bed.reached, select=["014.malformed.huge"])
    assert threading.active_count() <= before + 4
