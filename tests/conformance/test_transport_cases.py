"""The cases of transport and identity: each is caught doing its work, and lawful KMEs are left alone."""

from __future__ import annotations

import pytest

from harness.pki import Wallet
from qkd.run.v1 import run_record_pb2 as pb
from tests.conformance.run_toy import broken, campaign_on, told
from tests.conformance.tampered_kme import (
    AnyTime,
    Handler,
    NoCertificateIs401,
    NoCertificateNeeded,
    OldTls,
    OnlyNewest,
    OnlyStatusGuarded,
    OnlyTls12,
    PlainHttp,
    Tls,
    handled,
    tampered_pair,
)
from tests.conformance.toy_keys import Refusal

CASES = ("014.tls.*", "014.transport.*", "014.identity.stranger", "014.identity.connections")


@pytest.fixture(scope="module")
def wallet() -> Wallet:
    return Wallet()


class _StrangerStatus(Handler):
    def _caller(self) -> str:
        try:
            return super()._caller()
        except Refusal:
            if self.path.endswith("/status"):
                return "sae-1"
            raise


class _Stranger400(Handler):
    def _caller(self) -> str:
        try:
            return super()._caller()
        except Refusal:
            raise Refusal(400, "who?") from None


class _Blended(Handler):
    last = "sae-3"

    def _caller(self) -> str:
        caller, type(self).last = type(self).last, super()._caller()
        return caller if self.kme == "kme-b" else super()._caller()


WRONG = {
    "old TLS": (OldTls(), "ETSI014-5.1-R1", "014.tls.floor"),
    "no certificate": (NoCertificateNeeded(), "ETSI014-5.1-R3", "014.tls.no-certificate"),
    "no certificate for Get key": (OnlyStatusGuarded(), "ETSI014-5.1-R3", "014.tls.no-certificate"),
    "out of date": (AnyTime(), "ETSI014-5.1-R6", "014.tls.out-of-date"),
    "plain HTTP": (PlainHttp(), "ETSI014-4-R1", "014.transport.plain-http"),
    "status for a stranger": (handled(_StrangerStatus), "ETSI014-5.1-R8", "014.identity.stranger"),
    "one caller for another": (handled(_Blended), "ETSI014-4-R2", "014.identity.connections"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_found(wallet: Wallet, wrong: str) -> None:
    tls, requirement, case_id = WRONG[wrong]
    with tampered_pair(wallet, tls) as bed:
        record = campaign_on(bed.reached, select=[case_id])
    found = broken(record)
    assert found.keys() == {requirement}, told(record)
    assert record.summary.outcome == pb.OUTCOME_NOT_CONFORMANT


LAWFUL = {
    "as usual": Tls(),
    "TLS 1.3 only": OnlyNewest(),
    "TLS 1.2 only": OnlyTls12(),
    "no certificate is 401": NoCertificateIs401(),
    "a stranger is 400": handled(_Stranger400),
}


@pytest.mark.parametrize("lawful", LAWFUL)
def test_lawful_choices_are_not_blamed(wallet: Wallet, lawful: str) -> None:
    with tampered_pair(wallet, LAWFUL[lawful]) as bed:
        record = campaign_on(bed.reached, select=CASES)
    assert broken(record) == {}, told(record)
    assert record.summary.inconclusive == record.summary.errors == 0, told(record)
    ran = {case.id for case in record.cases if case.verdict == pb.VERDICT_PASS}
    assert {"014.tls.floor", "014.tls.out-of-date", "014.identity.stranger", "014.identity.connections"} <= ran


def test_a_refusal_after_the_handshake_is_a_warning(wallet: Wallet) -> None:
    with tampered_pair(wallet, NoCertificateIs401()) as bed:
        record = campaign_on(bed.reached, select=["014.tls.no-certificate"])
    assert broken(record, pb.GRADE_WARNING).keys() == {"ETSI014-5.1-R17"}, told(record)


def test_nothing_is_said_when_the_right_caller_is_refused_too(wallet: Wallet) -> None:
    class Closed(Handler):
        def _caller(self) -> str:
            raise Refusal(401)

    with tampered_pair(wallet, handled(Closed)) as bed:
        record = campaign_on(bed.reached, select=["014.tls.no-certificate", "014.tls.floor"])
    assert broken(record) == {}
    assert record.summary.inconclusive == 2, told(record)
