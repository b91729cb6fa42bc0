"""The figures of an interval: those that the protocol has, within their bounds, and one message an interval."""

from __future__ import annotations

from itertools import pairwise

from conformance.device.pair import Pair
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.campaign.ics import Ics
from harness.testbed.module_bench import PAIR
from qkd.device.v1 import module_pb2 as pb


@case("device.figures.sound", "DEV-PERF-3", "DEV-PERF-4", "DEV-PERF-5")
def test_figures_are_those_of_the_protocol(running: Pair, ics: Ics, check: Check) -> None:
    """QBER and sifted rate only with discrete variables, excess noise and SNR only with continuous ones, in bounds."""
    told = running.figures_over(5)
    for end in PAIR:
        for figures in told[end]:
            has = {name: figures.HasField(name) for name in ("qber", "excess_noise", "snr", "sifted_bps")}
            own, foreign = ("excess_noise", "qber") if ics.flag("continuous") else ("qber", "excess_noise")
            also = "sifted_bps" if ics.flag("continuous") else "snr"
            got = f"{end}: has {', '.join(name for name, there in has.items() if there) or 'none'}"
            check("DEV-PERF-3", has[own], expected=f"{own} is reported", got=got)
            absent = not has[foreign] and not has[also]
            check("DEV-PERF-4", absent, expected=f"{foreign} and {also} are absent", got=got)
            wrong = out_of_bounds(figures)
            check("DEV-PERF-5", not wrong, expected="all within their bounds", got=f"{end}: {wrong or 'within'}")


def out_of_bounds(figures: pb.Performance) -> str:
    """Members outside the bounds that the contract gives, for people."""
    bounds = {"qber": 0.5, "visibility": 1.0}
    least = ("skr_bps", "excess_noise", "snr", "loss_db", "sifted_bps")
    wrong = [
        f"{name} = {getattr(figures, name):g}"
        for name, most in bounds.items()
        if not 0 <= getattr(figures, name) <= most
    ]
    wrong += [f"{name} = {getattr(figures, name):g}" for name in least if not getattr(figures, name) >= 0]
    if figures.sifted_bps and figures.skr_bps > figures.sifted_bps * 1.5:
        wrong.append(f"skr_bps = {figures.skr_bps:g} above sifted_bps = {figures.sifted_bps:g}")
    return ", ".join(wrong)


@case("device.figures.stream", "DEV-PERF-6", "DEV-PERF-7", "DEV-PERF-8")
def test_performance_is_streamed(running: Pair, check: Check) -> None:
    """WatchPerformance begins with the latest figures, then sends one message for every interval, without gaps."""
    running.advance(2)
    for end in PAIR:
        latest = running.status(end).performance
        said = running.performances(end, 12)
        check(
            "DEV-PERF-6",
            bool(said) and said[0].performance == latest,
            expected="the latest first",
            got=_times(end, said),
        )
        later = [one.performance for one in said]
        steps = [
            abs((after.time_s - before.time_s) - after.interval.ToNanoseconds() / 1e9) < 1e-6
            for before, after in pairwise(later)
        ]
        check("DEV-PERF-7", bool(steps) and all(steps), expected="each where the last ended", got=_times(end, said))
        now = running.status(end).performance
        same = bool(said) and said[-1].performance == now
        check("DEV-PERF-8", same, expected="as in GetStatus", got=f"{end}: {'the same' if same else 'others'}")


def _times(end: str, said: list[pb.WatchPerformanceResponse]) -> str:
    times = ", ".join(f"{one.performance.time_s:.3g}" for one in said[:5])
    return f"{end}: {len(said)} messages, at {times or 'no time'} s"


@case("device.figures.loss", "DEV-PERF-9")
def test_the_loss_estimate_follows_the_fibre(running: Pair, check: Check) -> None:
    """The estimate of the loss is that of the fibre within 3 dB, and rises by 2 to 4 dB when 3 dB are added."""
    before = running.figures_over(5)
    running.disturb(added_loss_db=3.0)
    running.advance(1)
    after = running.figures_over(5)
    for end in PAIR:
        if not any(one.HasField("loss_db") for one in before[end]):
            continue
        low, high = (sum(one.loss_db for one in told[end]) / len(told[end]) for told in (before, after))
        near = running.has_hub or abs(low - running.fibre.loss_db) < 3
        held = near and (0 if running.has_hub else 2) < high - low < 4
        got = f"{end}: {low:.2f} dB, then {high:.2f} dB over {running.fibre.loss_db:.2f} dB of fibre"
        check("DEV-PERF-9", held, expected="the fibre's loss, then 3 dB more", got=got)
    if check.unsettled:
        check.not_judged("DEV-PERF-9", "the modules estimate no loss")
