"""Alarms: those that stand come first, every change after, each with what programs and people need."""

from __future__ import annotations

from conformance.device.pair import Pair
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.module_bench import PAIR
from qkd.device.v1 import module_pb2 as pb
from qkd.optical.v1 import plant_pb2


@case("device.alarms.stream", "DEV-ALARM-1", "DEV-ALARM-2", "DEV-ALARM-3")
def test_alarms_are_streamed(running: Pair, check: Check) -> None:
    """An alarm reaches who watches, has code, severity and text; who watches later gets it first while it stands."""
    running.disturb(cut=plant_pb2.Cut())
    running.advance(4)
    for end in PAIR:
        told = running.alarmed(lambda bench, end=end: bool(bench.standing(end)))  # type: ignore[misc]
        got = f"{end}: {', '.join(sorted(running.standing(end))) or 'none'}"
        check("DEV-ALARM-1", told, expected="an alarm stands at each end of a cut fibre", got=got)
        for alarm in running.bench.modules[end].alarms:
            sound = (
                bool(alarm.code) and alarm.severity != pb.SEVERITY_UNSPECIFIED and 0 <= alarm.time_s <= running.time_s
            )
            got = f"{end}: {alarm.code!r}, {pb.Severity.Name(alarm.severity)}, {alarm.time_s:.3g} s"
            check("DEV-ALARM-2", sound, expected="code, severity, the plant's time", got=got)
        answer, first = running.first_of(end, "WatchAlarms", bound_s=3.0)
        stands = first is not None and not first.cleared and first.code in running.standing(end)
        got = f"{end}: {answer}, {first.code if first is not None else 'nothing'}"
        check("DEV-ALARM-3", stands or not told, expected="a standing alarm first", got=got)
    if "DEV-ALARM-2" in check.unsettled:
        check.not_judged("DEV-ALARM-2", "there was no alarm")
