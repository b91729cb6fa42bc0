"""Averages weigh intervals with their length, and leave out what is no work of the system."""

from __future__ import annotations

from datetime import timedelta

import pytest

from harness.topology import System, load
from harness.twin.averages import Average, Averages
from harness.twin.recorded import deviation
from qkd.device.v1 import module_pb2 as pb


@pytest.fixture
def system() -> System:
    return load("mdi-madrid").active_systems[0]


def said(
    time_s: float, skr_bps: float, qber: float | None = 0.02, length_s: float = 1.0, state: str = "RUNNING"
) -> pb.GetStatusResponse:
    performance = pb.Performance(time_s=time_s, skr_bps=skr_bps, qber=qber)
    performance.interval.FromTimedelta(timedelta(seconds=length_s))
    return pb.GetStatusResponse(state=pb.ModuleState.Value(f"MODULE_STATE_{state}"), performance=performance)


def test_an_interval_counts_by_its_length_and_once() -> None:
    average = Average()
    for one in (said(1, 100, 0.01), said(1, 100, 0.01), said(4, 200, 0.03, length_s=3), said(5, 0, length_s=0)):
        average.take(one.performance)
    assert (average.intervals, average.observed_s) == (2, 4.0)
    assert average.skr_bps == pytest.approx(175)
    assert average.qber == pytest.approx(0.025)


def test_without_an_error_rate_there_is_no_average_of_it() -> None:
    average = Average()
    assert (average.skr_bps, average.qber) == (None, None)
    average.take(said(1, 100, qber=None).performance)
    assert (average.skr_bps, average.qber) == (100, None)


def test_coming_up_does_not_count_and_standing_still_does(system: System) -> None:
    averages = Averages()
    averages.note(system, 0, said(1, 0, state="ALIGNING"))
    assert system.id not in averages.of
    averages.note(system, 0, said(2, 100))
    averages.note(system, 0, said(3, 0, state="ABORTED"))
    averages.note(system, 0, said(4, 0, state="OFF"))
    assert (averages.of[system.id].intervals, averages.of[system.id].skr_bps) == (2, 50)
    averages.note(system, 1, said(5, 0, state="ALIGNING"))
    assert averages.of[system.id].intervals == 2, "another turn: it is coming up again"


def test_a_deviation_is_in_per_cent_of_what_is_published() -> None:
    assert deviation(105.0, 100.0) == pytest.approx(5)
    assert deviation(50.0, 100.0) == pytest.approx(-50)
    assert deviation(None, 100.0) is deviation(1.0, None) is deviation(1.0, 0.0) is None
