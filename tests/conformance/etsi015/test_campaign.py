"""A few cases on the reference agent, on faults and on lawful variants; the selfcheck runs all of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from harness.campaign.campaign import Options
from harness.campaign.cell import Cell, raised_on, run_raised
from harness.campaign.plan import Allowance
from harness.campaign.register import Profile
from harness.campaign.run import Subject
from harness.hosting import LaunchSpec
from harness.testbed.blocking import BlockingHost, blocking_host
from qkd.run.v1 import run_record_pb2 as pb

SPEC = LaunchSpec((sys.executable, "-m", "vendors.faulty_agents"), name="faulty-agents")


@pytest.fixture(scope="module")
def host() -> Iterator[BlockingHost]:
    with blocking_host(SPEC) as raised:
        yield raised


def run(host: BlockingHost, variant: str, *select: str, profile: Profile = Profile.PUBLISHED) -> pb.RunRecord:
    subject = Subject(pb.Target(), allowance=Allowance(draining=True, disturbing=True))
    cell = Cell(variant, SPEC, ("etsi015",), subject, Options(profile, select=select), variant)
    with raised_on(host, cell) as up:
        return run_raised(cell, up)


def broken(record: pb.RunRecord) -> set[str]:
    return {finding.requirement_id for case in record.cases for finding in case.findings if not finding.held}


def verdicts(record: pb.RunRecord) -> set[str]:
    ran = [case for case in record.cases if case.selection == pb.SELECTION_SELECTED]
    return {pb.Verdict.Name(case.verdict).removeprefix("VERDICT_") for case in ran}


def observed(record: pb.RunRecord) -> str:
    return " ".join(text for case in record.cases for text in case.observations)


def test_the_reference_passes(host: BlockingHost) -> None:
    record = run(
        host, "", "015.tree.*", "015.link.made", "015.virtual.places", "015.restconf.*", profile=Profile.STRICT
    )
    assert broken(record) == set()
    assert verdicts(record) == {"PASS"}
    assert "valid under the erratum only" in observed(record)


@pytest.mark.parametrize(
    ("variant", "requirement"),
    [
        ("always-active", "ETSI015-LINK-3"),
        ("bare-identities", "ETSI015-ENC-1"),
        ("own-leaf", "ETSI015-TREE-1"),
        ("conditions-ignored", "ETSI015-RC-ETAG-3"),
        ("hops-swapped", "ETSI015-VIRT-1"),
        ("alarms-are-minor", "ETSI015-NOTE-ALARM-1"),
    ],
)
@pytest.mark.timeout(180)
def test_a_fault_is_found_for_its_reason(host: BlockingHost, variant: str, requirement: str) -> None:
    assert requirement in broken(run(host, variant, requirement))


def test_an_agent_of_the_published_model_is_not_blamed(host: BlockingHost) -> None:
    record = run(host, "published-model", "015.tree.valid", "015.link.*", "015.virtual.*")
    assert broken(record) == set()
    assert verdicts(record) == {"PASS"}


def test_what_is_not_offered_is_not_asked_for(host: BlockingHost) -> None:
    record = run(host, "no-stream", "015.link.down", "015.restconf.stream", "015.link.made")
    assert verdicts(record) == {"PASS"}
    assert sum(case.selection == pb.SELECTION_NOT_APPLICABLE for case in record.cases) >= 2


def test_a_link_that_makes_no_sense_is_a_matter_of_the_profile(host: BlockingHost) -> None:
    strict = run(host, "sense-unchecked", "015.refuse.sense", profile=Profile.STRICT)
    assert {"ETSI015-SEM-1", "ETSI015-SEM-3"} <= broken(strict)
    assert verdicts(strict) == {"FAIL"}
    assert verdicts(run(host, "sense-unchecked", "015.refuse.sense")) == {"PASS"}
