"""A few cases on the reference node and on faults; the selfcheck runs all of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from harness.campaign.campaign import Options
from harness.campaign.cell import Cell, raised_on, run_raised
from harness.campaign.plan import Allowance
from harness.campaign.run import Subject
from harness.hosting import LaunchSpec
from harness.testbed.blocking import BlockingHost, blocking_host
from qkd.run.v1 import run_record_pb2 as pb

SPEC = LaunchSpec((sys.executable, "-m", "vendors.faulty_nodes"), name="faulty-nodes")


@pytest.fixture(scope="module")
def host() -> Iterator[BlockingHost]:
    with blocking_host(SPEC) as raised:
        yield raised


def run(host: BlockingHost, variant: str, *select: str) -> pb.RunRecord:
    subject = Subject(pb.Target(), allowance=Allowance(draining=True, disturbing=True))
    cell = Cell(variant, SPEC, ("node",), subject, Options(select=select), variant)
    with raised_on(host, cell) as up:
        return run_raised(cell, up)


def broken(record: pb.RunRecord) -> set[str]:
    return {finding.requirement_id for case in record.cases for finding in case.findings if not finding.held}


def verdicts(record: pb.RunRecord) -> set[str]:
    ran = [case for case in record.cases if case.selection == pb.SELECTION_SELECTED]
    return {pb.Verdict.Name(case.verdict).removeprefix("VERDICT_") for case in ran}


def test_the_reference_passes(host: BlockingHost) -> None:
    record = run(host, "", "node.hop.*", "node.account.*", "node.routes.*", "node.relay.keys")
    assert broken(record) == set()
    assert verdicts(record) == {"PASS"}


@pytest.mark.parametrize(
    ("variant", "requirement"),
    [
        ("plaintext-share", "NODE-HOP-2"),
        ("mac-key-reused", "NODE-HOP-5"),
        ("share-is-the-block", "NODE-SHARE-3"),
        ("anybody-sees-the-store", "NODE-STORE-4"),
    ],
)
def test_a_fault_is_found_for_its_reason(host: BlockingHost, variant: str, requirement: str) -> None:
    assert requirement in broken(run(host, variant, requirement))


def test_hop_keys_that_the_bench_cannot_see_are_no_fault(host: BlockingHost) -> None:
    record = run(host, "hop-keys-by-014", "node.hop.sealed")
    assert verdicts(record) == {"PASS"}
    assert any("not judged" in text for case in record.cases for text in case.observations)
