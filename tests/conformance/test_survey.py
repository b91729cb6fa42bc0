"""The look at an implementation before the plan: what it claims, what it says, and what to do when it says nothing."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import replace

import pytest

from conformance.etsi014 import survey as surveying
from conformance.etsi014.suite import SUITE
from harness.campaign.campaign import Options
from harness.campaign.ics import Claim, IcsValue, Origin
from harness.campaign.suite import SuiteUnreachable, Survey
from harness.testbed.reached import Reached, ReachedKme
from harness.wire.evidence import EvidenceLog
from harness.wire.purse import Purse
from qkd.run.v1 import run_record_pb2 as pb
from tests.conformance.run_toy import broken, campaign_on, told
from tests.conformance.toy_keys import Traits
from tests.conformance.toy_kme import ToyPki, toy_pair


@pytest.fixture(scope="module")
def pki() -> ToyPki:
    return ToyPki()


def _survey(reached: Reached, claims: Mapping[str, IcsValue] | None = None, budget: int | None = 400) -> Survey:
    return SUITE.survey(reached, claims or {}, Options(request_timeout_s=2.0), EvidenceLog(Purse(budget)))


def _claims(survey: Survey) -> dict[str, Claim]:
    return {claim.name: claim for claim in survey.ics.claims}


def test_limits_are_discovered_and_say_where(pki: ToyPki) -> None:
    with toy_pair(pki, Traits(key_size=352, max_sae_ids=0)) as reached:
        made = _claims(_survey(reached))
    assert (made["key_size"].value, made["key_size"].origin) == (352, Origin.DISCOVERED)
    assert "Get status of sae-1 at kme-a" in made["key_size"].evidence
    assert made["multicast"].value is False
    assert made["odd_sizes"].value == "unknown"


def test_a_claim_that_agrees_stays_a_claim_and_one_that_does_not_is_overruled(pki: ToyPki) -> None:
    claims = {"key_size": 256, "max_key_per_request": 7, "multicast": False}
    with toy_pair(pki) as reached:
        made = _claims(_survey(reached, claims))
        record = campaign_on(reached, claims=claims, select=["014.ics.*"])
    assert made["key_size"].origin is Origin.CLAIMED
    assert made["max_key_per_request"].value == 128
    assert made["multicast"].value is True, "a wrong claim must not remove tests"
    assert record.summary.outcome == pb.OUTCOME_NOT_CONFORMANT
    assert broken(record) == {"ICS014-1": {"014.ics.claims"}}, told(record)


def test_claims_that_mean_nothing_are_said_with_a_suggestion(pki: ToyPki) -> None:
    with toy_pair(pki) as reached:
        notes = _survey(reached, {"multicats": True, "key_size": "large"}).notes
    assert any("'multicats' is not known" in note and "'multicast'" in note for note in notes)
    assert any("key_size = 'large'" in note for note in notes)


def test_without_a_status_assumptions_are_made_and_said(pki: ToyPki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveying, "START_S", 0.0)
    with toy_pair(pki, Traits(self_status="400"), frozenset({"status-broken"})) as reached:
        found = _survey(reached, {"max_key_per_request": 16})
        record = campaign_on(reached, select=["014.status.served", "014.fetch.post"])
    made = _claims(found)
    assert made["key_size"].origin is Origin.ASSUMED
    assert made["max_key_per_request"].value == 16
    assert any("assumed" in note for note in found.notes)
    assert "ETSI014-5.2-R1" in broken(record), told(record)


def test_what_the_target_offers_is_a_facility(pki: ToyPki) -> None:
    with toy_pair(pki) as reached:
        there = _survey(reached).facilities
        two = _survey(replace(reached, saes=reached.saes[:2])).facilities
        same_side = replace(reached, saes=(*reached.saes[:2], replace(reached.saes[2], kme_id="kme-a")))
        other_side = _survey(same_side).facilities
    assert {"third", "third-at-slave", "stranger", "foreign"} <= there
    assert "grpc" not in there
    assert not {"third", "third-at-slave"} & two
    assert "third-at-slave" in other_side, "master and slave are exchanged so that the third is at the slave's KME"


def test_a_budget_bounds_the_largest_request(pki: ToyPki) -> None:
    with toy_pair(pki) as reached:
        assert _claims(_survey(reached))["largest_request"].value == 133
        assert _claims(_survey(reached, budget=None))["largest_request"].value == 1025


def test_a_kme_that_is_not_there_is_said_with_what_to_do(pki: ToyPki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveying, "START_S", 0.2)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{held.getsockname()[1]}"
        with toy_pair(pki) as reached:
            half = replace(reached, kmes=(reached.kmes[0], ReachedKme("kme-b", url)))
            with pytest.raises(SuiteUnreachable, match=r"kme-b at https://127\.0\.0\.1:\d+ .* refused; .*running"):
                _survey(half)


def test_a_wrong_trust_anchor_is_said_with_what_to_do(pki: ToyPki) -> None:
    with toy_pair(pki) as reached, pytest.raises(SuiteUnreachable, match="`trust`"):
        _survey(replace(reached, trust_pem=ToyPki().authority.certificate_pem))


def test_one_sae_is_too_few(pki: ToyPki) -> None:
    with toy_pair(pki) as reached, pytest.raises(SuiteUnreachable, match="two SAEs"):
        _survey(replace(reached, saes=reached.saes[:1]))
