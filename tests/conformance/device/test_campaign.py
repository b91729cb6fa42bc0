"""A few cases on the emulated module, on a fault and on each hand-over; the selfcheck runs all of it."""

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

SPEC = LaunchSpec((sys.executable, "-m", "vendors.faulty_modules"), name="faulty-modules")


@pytest.fixture(scope="module")
def host() -> Iterator[BlockingHost]:
    with blocking_host(SPEC) as raised:
        yield raised


def run(host: BlockingHost, variant: str, *select: str) -> pb.RunRecord:
    subject = Subject(pb.Target(), allowance=Allowance(draining=True, disturbing=True))
    cell = Cell(variant, SPEC, ("device",), subject, Options(select=select), variant)
    with raised_on(host, cell) as up:
        return run_raised(cell, up)


def broken(record: pb.RunRecord) -> set[str]:
    return {finding.requirement_id for case in record.cases for finding in case.findings if not finding.held}


def verdicts(record: pb.RunRecord) -> set[str]:
    ran = [case for case in record.cases if case.selection == pb.SELECTION_SELECTED]
    return {pb.Verdict.Name(case.verdict).removeprefix("VERDICT_") for case in ran}


@pytest.mark.parametrize("variant", ["", "keys-by-014", "keys-pushed", "two-senders-and-a-hub"])
def test_a_correct_module_passes(host: BlockingHost, variant: str) -> None:
    record = run(host, variant, "device.blocks.*", "device.physics.cut", "device.hub.keyless", "device.push.hello")
    assert broken(record) == set()
    assert verdicts(record) == {"PASS"}


@pytest.mark.parametrize(
    ("variant", "requirement"),
    [
        ("other-octets-now-and-then", "DEV-BLOCK-4"),
        ("goes-on-after-a-cut", "DEV-CUT-1"),
        ("hub-keeps-a-key", "DEV-HUB-1"),
        ("messages-not-verified", "DEV-TAMPER-1"),
        ("rate-overstated", "DEV-PERF-1"),
    ],
)
def test_a_fault_is_found_for_its_reason(host: BlockingHost, variant: str, requirement: str) -> None:
    assert requirement in broken(run(host, variant, requirement))


def test_a_module_that_never_runs_is_no_error_of_the_harness(host: BlockingHost) -> None:
    record = run(host, "never-runs-by-itself", "device.start.order", "device.blocks.same")
    assert "DEV-STATE-1" in broken(record)
    assert verdicts(record) == {"FAIL", "INCONCLUSIVE"}
