"""Each fault of a toy KME is caught, by the requirement that it breaks; the cases that should catch it run alone."""

from __future__ import annotations

import pytest

from conformance.etsi014.suite import SUITE
from harness.campaign.register import Grade, Profile
from qkd.run.v1 import run_record_pb2 as pb
from tests.conformance.run_toy import broken, campaign_on, told
from tests.conformance.toy_keys import Traits
from tests.conformance.toy_kme import ToyPki, toy_pair

# flaws joined by "+" ("again" and "once" only tell entries apart):
# (requirement that has to be reported as broken, case that has to report it)
FLAWS: dict[str, tuple[str, str]] = {
    # Get status
    "status-broken": ("ETSI014-5.2-R1", "014.status.served"),
    "status-kmes-swapped": ("ETSI014-6.1-R3", "014.status.kme-ids"),
    "status-saes-swapped": ("ETSI014-6.1-R5", "014.status.sae-ids"),
    "status-text-size": ("ETSI014-6.1-R2", "014.status.members"),
    "status-float-count": ("ETSI014-6.1-R2", "014.status.members"),
    "status-member-missing": ("ETSI014-6.1-R1", "014.status.members"),
    "status-null-extension": ("ETSI014-6.1-R7", "014.status.members"),
    "status-over-full": ("ETSI014-6.1-R9", "014.status.figures"),
    "status-size-outside": ("ETSI014-6.1-R8", "014.status.figures"),
    "status-none-per-request": ("ETSI014-6.1-R10", "014.status.figures"),
    "status-negative-saes": ("ETSI014-6.1-R11", "014.status.figures"),
    "status-hands-out": ("ETSI014-5.2-R2", "014.status.takes-nothing"),
    "status-forgets": ("ETSI014-5.2-R2", "014.status.takes-nothing"),
    # number and size
    "default-number-2": ("ETSI014-6.2-R1", "014.key.defaults"),
    "size-doubled-at-default": ("ETSI014-6.2-R2", "014.key.defaults"),
    "number-ignored": ("ETSI014-6.3-R4", "014.key.number"),
    "one-key-more": ("ETSI014-6.3-R4", "014.key.number"),
    "size-ignored": ("ETSI014-6.3-R5", "014.key.number-and-size"),
    "get-number-ignored": ("ETSI014-6.2-R5", "014.key.get-number"),
    "get-size-ignored": ("ETSI014-6.2-R5", "014.key.get-size"),
    "no-get": ("ETSI014-6.2-R4", "014.key.get"),
    "get-number-ignored+get-size-ignored": ("ETSI014-6.2-R5", "014.key.get-number-and-size"),
    "one-way": ("ETSI014-3.1-R1", "014.key.both-directions"),
    "refusal-blocks": ("ETSI014-5.3-R6", "014.key.refusal"),
    "limit-off-by-one": ("ETSI014-6.1-R12", "014.number.most"),
    "number-unlimited": ("ETSI014-6.1-R13", "014.number.too-many"),
    "zero-is-one": ("ETSI014-6.2-R23", "014.number.zero-or-less"),
    "zero-size-is-default": ("ETSI014-6.1-R15", "014.size.zero-or-less"),
    "no-smallest-size": ("ETSI014-6.1-R15", "014.size.too-small"),
    "no-largest-size": ("ETSI014-6.1-R15", "014.size.too-large"),
    "largest-refused": ("ETSI014-6.1-R14", "014.size.limits"),
    "size-rounded-down": ("ETSI014-6.2-R8", "014.size.odd"),
    "m1-otherwise": ("ETSI014-6.2-R9", "014.size.odd"),
    # extensions
    "mandatory-ignored": ("ETSI014-6.2-R10", "014.extension.mandatory-unknown"),
    "only-first-mandatory": ("ETSI014-6.2-R10", "014.extension.mandatory-unknown"),
    "m2-otherwise": ("ETSI014-6.2-R11", "014.extension.mandatory-unknown"),
    "m3-always": ("ETSI014-6.2-R13", "014.extension.mandatory-met"),
    "m3-is-m2": ("ETSI014-6.2-R12", "014.extension.mandatory-unmet"),
    "optional-refused": ("ETSI014-6.2-R14", "014.extension.optional"),
    # multicast
    "list-dropped": ("ETSI014-B-R1", "014.multicast.delivery"),
    "list-sticks": ("ETSI014-5.4-R3", "014.multicast.unlisted"),
    "first-fetch-removes-all": ("ETSI014-6.2-R20", "014.multicast.delivery"),
    "fetch-renews-others": ("ETSI014-6.2-R20", "014.multicast.delivery"),
    "sae-limit-ignored": ("ETSI014-6.1-R18", "014.multicast.too-many"),
    # fetching
    "other-bytes-at-slave": ("ETSI014-5.4-R1", "014.fetch.post"),
    "other-bytes-at-slave+once": ("ETSI014-5.4-R1", "014.size.default"),
    "other-bytes-at-slave+again": ("ETSI014-5.4-R1", "014.sweep.both-ends"),
    "loses-earlier-keys": ("ETSI014-5.4-R11", "014.fetch.later"),
    "container-goes-whole": ("ETSI014-5.4-R11", "014.fetch.part"),
    "twelve-kept": ("ETSI014-5.4-R11", "014.fetch.most"),
    "no-get+again": ("ETSI014-6.4-R6", "014.fetch.get"),
    "twice": ("ETSI014-5.4-R7", "014.fetch.once"),
    "twice-by-case": ("ETSI014-5.4-R7", "014.fetch.case"),
    "pair-not-removed": ("ETSI014-5.4-R7", "014.fetch.same-id-twice"),
    "anybody-may-fetch+partial-container": ("ETSI014-A10-R1", "014.fetch.unknown-and-foreign"),
    "twice+partial-container": ("ETSI014-6.4-R3", "014.fetch.known-and-spent"),
    "master-may-fetch": ("ETSI014-5.3-R3", "014.fetch.master-itself"),
    "anybody-may-fetch": ("ETSI014-5.4-R3", "014.fetch.foreign-sae"),
    "foreign-is-400": ("ETSI014-5.4-R2", "014.fetch.foreign-sae"),
    "foreign-consumes": ("ETSI014-5.4-R6", "014.fetch.foreign-sae"),
    "mixed-served": ("ETSI014-5.4-R4", "014.fetch.own-and-foreign"),
    "partial-container": ("ETSI014-6.4-R3", "014.fetch.known-and-unknown"),
    "forgets-refused": ("ETSI014-6.4-R5", "014.fetch.known-and-unknown"),
    "unknown-is-empty": ("ETSI014-6.4-R1", "014.fetch.unknown-id"),
    "unknown-is-404": ("ETSI014-6.4-R2", "014.fetch.unknown-id"),
    "m5-otherwise": ("ETSI014-6.4-R2", "014.fetch.unknown-id"),
    # form
    "member-Keys": ("ETSI014-6.3-R1", "014.sweep.containers"),
    "id-not-uuid": ("ETSI014-6.3-R2", "014.sweep.containers"),
    "key-hex": ("ETSI014-6.3-R5", "014.key.number-and-size"),
    "key-urlsafe": ("ETSI014-6.3-R3", "014.sweep.containers"),
    "key-unpadded": ("ETSI014-6.3-R3", "014.sweep.containers"),
    "null-extension": ("ETSI014-6.3-R6", "014.sweep.containers"),
    "same-id-again": ("ETSI014-5.3-R2", "014.sweep.unique"),
    "same-key-again": ("ETSI014-5.3-R2", "014.sweep.unique"),
    "error-without-message": ("ETSI014-6.5-R1", "014.sweep.errors"),
    "error-details-object": ("ETSI014-6.5-R2", "014.sweep.errors"),
    "content-type-html": ("ETSI014-5.1-R9", "014.sweep.bodies"),
    "body-latin-1": ("ETSI014-5.1-R11", "014.sweep.bodies"),
    "refusal-says-200": ("ETSI014-6.4-R2", "014.fetch.unknown-id"),
    # identity
    "header-believed": ("ETSI014-4-R2", "014.identity.status"),
    "header-believed+again": ("ETSI014-4-R2", "014.identity.take"),
    "query-believed": ("ETSI014-4-R2", "014.identity.fetch"),
}
# what is no fail in the published profile
WARNED: dict[str, tuple[str, str]] = {
    "empty-list-refused": ("ETSI014-6.2-R18", "014.extension.empty-lists"),
    "path-not-decoded": ("ETSI014-5.1-R16", "014.path.encoded"),
    "names-twice": ("ETSI014-6.3-R8", "014.sweep.bodies"),
}
# lawful, or not clearly unlawful, and worth a warning
CHOICES: dict[str, tuple[Traits, str, str]] = {
    "late": (Traits(slave_lag_s=0.1), "ETSI014-5.4-R15", "014.fetch.at-once"),
    "one ID a fetch": (Traits(ids_per_fetch=1), "ETSI014-6.4-R8", "014.fetch.several"),
    "steps of 128 bit": (Traits(step=128), "ETSI014-6.1-R16", "014.size.between"),
    "any master": (Traits(any_master=True), "ETSI014-A11-R1", "014.fetch.wrong-master"),
    "422": (Traits(bad_input=422), "ETSI014-6.4-R10", "014.fetch.no-id"),
}
# cases that only note what they see
NOTED = {
    "014.status.unknown-slave", "014.status.self", "014.status.stock", "014.path.unknown-slave", "014.request.no-body",
    "014.request.further-members", "014.request.charset", "014.fetch.extensions", "014.fetch.own-id-in-path",
    "014.multicast.unsupported",
}  # fmt: skip
# cases whose faults are shown in other modules of these tests
ELSEWHERE = (
    "014.parallel.", "014.malformed.", "014.tls.", "014.transport.", "014.quality.", "014.identity.stranger",
    "014.identity.connections", "014.identity.metadata", "014.fetch.across-bindings", "014.ics.", "014.stock.",
)  # fmt: skip
TRAITS = {"pair-not-removed": Traits(duplicate_ids="served")}
CLAIMS = {
    "m3-is-m2": {"unmet_mandatory_extension": "toy_route=satellite"},
    "m3-always": {"supported_mandatory_extension": "toy_route=direct"},
    "only-first-mandatory": {"supported_mandatory_extension": "toy_route=direct"},
}


@pytest.fixture(scope="module")
def pki() -> ToyPki:
    return ToyPki()


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_fault_is_caught_by_what_it_breaks(pki: ToyPki, flaw: str) -> None:
    requirement, case = FLAWS[flaw]
    with toy_pair(pki, TRAITS.get(flaw), frozenset(flaw.split("+"))) as reached:
        record = campaign_on(reached, select=_selection(case), claims=CLAIMS.get(flaw), stock_wait_s=2.0)
    assert record.summary.outcome == pb.OUTCOME_NOT_CONFORMANT, told(record)
    found = broken(record)
    assert any(_named(case, by) for by in found.get(requirement, ())), told(record)


@pytest.mark.parametrize("flaw", WARNED)
def test_a_questionable_choice_is_warned_of(pki: ToyPki, flaw: str) -> None:
    requirement, case = WARNED[flaw]
    with toy_pair(pki, None, frozenset(flaw.split("+"))) as reached:
        record = campaign_on(reached, select=[case])
    assert record.summary.outcome == pb.OUTCOME_CONFORMANT, told(record)
    assert case in broken(record, pb.GRADE_WARNING)[requirement]


@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_that_peers_stumble_over_is_warned_of(pki: ToyPki, choice: str) -> None:
    traits, requirement, case = CHOICES[choice]
    with toy_pair(pki, traits) as reached:
        record = campaign_on(reached, select=[case])
    assert record.summary.outcome == pb.OUTCOME_CONFORMANT, told(record)
    assert case in broken(record, pb.GRADE_WARNING)[requirement], told(record)


@pytest.mark.parametrize("case", ["014.stock.beyond", "014.stock.empty"])
def test_a_shorter_container_for_want_of_keys_is_a_fault(pki: ToyPki, case: str) -> None:
    with toy_pair(pki, Traits(stock=41, growth=0.0), frozenset({"partial-when-short"})) as reached:
        record = campaign_on(reached, select=[case], stock_wait_s=2.0)
    assert broken(record)["ETSI014-A6-R1"] == {case}, told(record)


def test_a_crash_for_want_of_keys_is_noted(pki: ToyPki) -> None:
    with toy_pair(pki, Traits(stock=40, growth=0.0), frozenset({"crash-when-empty"})) as reached:
        record = campaign_on(reached, select=["014.stock.*"], stock_wait_s=2.0)
    assert "ETSI014-A6-O1" in broken(record, pb.GRADE_OBSERVATION), told(record)


def test_every_case_is_shown_to_catch_something() -> None:
    shown = {case for _, case in (*FLAWS.values(), *WARNED.values())} | {case for _, _, case in CHOICES.values()}
    cases = {spec.id for spec in SUITE.specs() if not spec.id.startswith(ELSEWHERE)}
    assert cases - shown - NOTED == set()
    register = SUITE.register()
    for spec in SUITE.specs():
        if spec.id in NOTED:
            grades = {register[name].grade(Profile.PUBLISHED) for name in spec.verifies if name != "ETSI014-5.4-R6"}
            assert grades == {Grade.OBSERVATION}, spec.id


def _selection(case: str) -> list[str]:
    # What the sweep judges has to have been seen by some other case.
    if case.startswith("014.sweep"):
        return [case, "014.key.defaults", "014.fetch.post"]
    # What sticks has to have been said.
    return [case, "014.multicast.delivery"] if case == "014.multicast.unlisted" else [case]


def _named(pattern: str, case: str) -> bool:
    return case.startswith(pattern[:-1]) if pattern.endswith("*") else case == pattern
