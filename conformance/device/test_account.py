"""The account of key bits: it balances after every tick, and agrees with what is handed over and reported."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import Final

from conformance.device.pair import Pair, Sample, began, made
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.module_bench import PAIR
from qkd.device.v1 import module_pb2 as pb

_TICKS: Final = 30
_SPREAD: Final = 0.1
_SIGMAS: Final = 6.0
"""A module whose report errs by up to 10 % (normal) in each interval is blamed with a probability below 2·10⁻⁹."""


def _balanced(status: pb.GetStatusResponse) -> bool:
    return status.distilled_bits == status.handed_over_bits + status.in_store_bits + status.destroyed_bits


@case("device.account.balances", "DEV-STATUS-2", "DEV-STATUS-3")
def test_the_account_balances(running: Pair, check: Check) -> None:
    """After every tick distilled = handed over + in store + destroyed, to the bit, and distilled only grows."""
    samples = []
    for _ in range(6):
        samples += running.run(2)
        running.collect()
        samples.append(running.sample())
        running.release()
    for end in running.ends:
        off = [sample for sample in samples if not _balanced(sample.statuses[end])]
        got = f"{end}: {_account(off[0].statuses[end]) if off else 'balanced'} ({len(off)} of {len(samples)} looks)"
        check("DEV-STATUS-2", not off, expected="distilled = handed over + in store + destroyed", got=got)
        falls = sum(after.distilled(end) < before.distilled(end) for before, after in pairwise(samples))
        check("DEV-STATUS-3", falls == 0, expected="only grows", got=f"{end}: fell {falls} times")


def _account(status: pb.GetStatusResponse) -> str:
    return (
        f"{status.distilled_bits} = {status.handed_over_bits} + {status.in_store_bits} + {status.destroyed_bits} bits"
    )


@case("device.account.delivered", "DEV-STATUS-4", "DEV-STATUS-5")
def test_the_account_agrees_with_what_is_delivered(running: Pair, check: Check) -> None:
    """When stopped, all that was distilled and not destroyed can be had, no more, and counts as handed over then."""
    running.stock(12)
    for end in running.ends:
        running.call(end, "Stop")
    running.collect(linger_s=0.1)
    stopped = {end: running.status(end) for end in PAIR}
    running.release()
    for end in PAIR:
        bits = 8 * sum(len(block.octets) for block in running.bench.taken[end])
        kept = stopped[end].distilled_bits - stopped[end].destroyed_bits
        got = f"{end}: {bits} bits delivered, {kept} distilled and not destroyed"
        check("DEV-STATUS-4", bits == kept > 0, expected="all of them, and no more", got=got)
        running.settles(lambda end=end: running.status(end).in_store_bits == 0)  # type: ignore[misc]
        status = running.status(end)
        held = status.handed_over_bits == bits and status.in_store_bits == 0
        got = f"{end}: {status.handed_over_bits} handed over, {status.in_store_bits} in store, {bits} delivered"
        check("DEV-STATUS-5", held, expected="delivered bits count as handed over", got=got)


@case("device.figures.rate", "DEV-PERF-1")
def test_the_rate_agrees_with_the_key_that_is_made(running: Pair, check: Check) -> None:
    """Over 30 ticks the reported rate adds up to the bits distilled, within two blocks and 6 sigma of 10 % a tick."""
    samples = []
    for _ in range(_TICKS // 5):
        samples += running.run(5)
        running.collect()
        running.release()
    for end in PAIR:
        said, kept, intervals = _told_and_made(samples, end)
        check.require(intervals > 0, f"{end} made no key, or reported no figures, in {_TICKS} ticks")
        block = 8 * running.capabilities[end].block_octets
        tolerance = 2 * block + _SIGMAS * _SPREAD / sqrt(intervals) * max(said, kept)
        got = f"{end}: {said:.0f} bits by the rate, {kept} distilled, in {intervals} intervals"
        check("DEV-PERF-1", abs(said - kept) <= tolerance, expected=f"equal within {tolerance:.0f} bits", got=got)


def _told_and_made(samples: list[Sample], end: str) -> tuple[float, int, int]:
    """Bits by the reported rate, bits distilled in the same time, and in how many intervals.

    From the first to the last interval at whose end there was new key: who makes key in bursts is not blamed for it.
    """
    reports: dict[float, Sample] = {}
    for sample in samples:
        reports.setdefault(sample.figures(end).time_s, sample)
    ordered = [reports[time_s] for time_s in sorted(reports)]
    grown = [place for place in range(1, len(ordered)) if made(ordered[place - 1 : place + 1], end) > 0]
    if not grown:
        return 0.0, 0, 0
    ordered = ordered[grown[0] : grown[-1] + 1]
    said = sum(one.figures(end).skr_bps * (one.figures(end).time_s - began(one.figures(end))) for one in ordered[1:])
    return said, made(ordered, end), len(ordered) - 1


@case("device.figures.idle", "DEV-PERF-2")
def test_no_rate_without_key(running: Pair, check: Check) -> None:
    """A module that makes no key reports a rate of 0: under full interception, and when OFF."""
    running.disturb(intercept_resend=1.0)
    running.advance(2)
    _idle(running, check, "all is intercepted")
    for end in running.ends:
        running.call(end, "Stop")
    running.advance(1)
    _idle(running, check, "OFF")


def _idle(pair: Pair, check: Check, when: str) -> None:
    first = pair.sample()
    told = pair.figures_over(3)
    last = pair.sample()
    for end in PAIR:
        if made([first, last], end) > 0:
            continue
        most = max(one.skr_bps for one in told[end])
        check("DEV-PERF-2", most == 0, expected="0 while no key is made", got=f"{end}, {when}: {most:.0f} bit/s")
