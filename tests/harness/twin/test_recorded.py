"""A trial in a run record: all figures, a case for everything judged, and never a better verdict than the trial's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.campaign.recorder import summarise
from harness.record import network, views
from harness.twin.recorded import cases_of, network_of
from harness.twin.trial import Trial
from qkd.run.v1 import run_record_pb2 as pb

from .trials import FAULT, SPOILS, whole


def record_of(trial: Trial) -> pb.RunRecord:
    record = pb.RunRecord(suites=["network"], network=network_of(trial), cases=cases_of(trial, "again"))
    summarise(record, trouble=False)
    return record


def test_the_figures_are_those_of_the_trial() -> None:
    trial = whole()
    made = network_of(trial)
    assert (made.scenario, made.ready_s, made.took_s, made.hours) == ("mdi-madrid", 4.5, 61.0, 0.5)
    assert (made.processes, made.peak_rss_mib, made.sites) == (9, 812, 3)
    assert (made.pairs, made.pairs_equal, made.keys_compared, made.mismatches) == (3, 3, 503, 0)
    assert made.map_svg.startswith("<svg")
    link = made.links[0]
    assert (link.average_skr_bps, link.average_qber, link.intervals, link.observed_s) == (1000, 0.02, 1, 1)
    assert not link.HasField("table1_skr_bps")
    assert not link.HasField("skr_deviation_percent")
    account = made.accounts[0]
    assert account.kmes[0] == pb.KmeAccount(
        kme_id=account.kmes[0].kme_id, received_bits=1000, in_stock_bits=700, delivered_bits=300
    )
    assert account.modules[0].distilled_bits == 1100
    fault = made.faults[0]
    assert (fault.kind, fault.applied, fault.keys_compared, fault.again_s) == (FAULT, True, 300, 3.5)
    assert not fault.HasField("noticed")


def test_deviations_stand_beside_what_is_published() -> None:
    links = network_of(whole("madqci")).links
    published = [link for link in links if link.HasField("table1_skr_bps")]
    assert len(published) == 14
    for link in published:
        assert link.skr_deviation_percent == pytest.approx(100 * (1000 - link.table1_skr_bps) / link.table1_skr_bps)
        assert link.HasField("qber_deviation_percent") == link.HasField("table1_qber")


def test_what_holds_is_a_case_that_passed() -> None:
    record = record_of(whole())
    assert [case.id for case in record.cases] == [
        "network.ready",
        "network.keys.sae-inta-1.sae-inta-2",
        "network.keys.sae-inta-1.sae-sgsics",
        "network.keys.sae-inta-2.sae-sgsics",
        "network.hours",
        "network.account",
        "network.fault.relay-kill-9",
    ]
    assert all(case.verdict == pb.VERDICT_PASS and case.findings[0].held for case in record.cases)
    assert {case.replay for case in record.cases} == {"again"}
    assert (whole().holds, network.whole(record), views.exit_code(record)) == (True, True, views.CONFORMANT)
    assert network.headline(record).endswith("1 of 1 fault survived; 3 of 3 accounts balanced")


@pytest.mark.parametrize(("spoil", "told"), SPOILS, ids=lambda it: getattr(it, "__name__", ""))
def test_what_does_not_hold_is_not_green(spoil: Callable[[Trial], None], told: str) -> None:
    trial = whole()
    spoil(trial)
    record = record_of(trial)
    wrong = [case.id for case in record.cases if case.verdict != pb.VERDICT_PASS]
    assert any(name.startswith(told) for name in wrong)
    assert all(name.startswith((told, "network.ready")) for name in wrong), "and only that"
    assert (trial.holds, network.whole(record), views.exit_code(record)) == (False, False, views.NOT_SHOWN)


def test_a_lost_key_is_told_and_blamed_on_nobody() -> None:
    """What the master took and the slave could not have while something broke is counted; only wrong keys are bad."""
    trial = whole()
    trial.outcomes[0].lost, trial.outcomes[0].lost_bits, trial.outcomes[0].detected = 2, 512, True
    record = record_of(trial)
    assert (trial.holds, views.exit_code(record)) == (True, views.CONFORMANT)
    assert (record.network.faults[0].keys_lost, record.network.faults[0].lost_bits) == (2, 512)
