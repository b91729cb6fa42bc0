"""The state machine: which way it goes, what calls do in which state, and that keys are made only when it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from conformance.device.pair import MAKING, Pair, Sample, made
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.module_bench import ONE, PAIR

_FAILED = "FAILED_PRECONDITION"


@case("device.start.not-configured", "DEV-START-1")
def test_start_needs_a_configuration(pair: Pair, check: Check) -> None:
    """Start is refused before Configure, and taken after it."""
    for end in pair.ends:
        answer = pair.answer(end, "Start")
        held = answer == _FAILED and pair.state(end) == "OFF"
        check("DEV-START-1", held, expected=f"{_FAILED}, OFF", got=f"{end}: {answer}, {pair.state(end)}")
        pair.configure(end)
        answer = pair.answer(end, "Start")
        check("DEV-START-1", answer == "OK", expected="OK once configured", got=f"{end}: {answer}")


@case("device.start.order", "DEV-START-2", "DEV-STATE-1", "DEV-STATE-2", "DEV-STATE-3")
def test_the_way_from_off_to_running(pair: Pair, check: Check) -> None:
    """After Start a module is STARTING, then ALIGNING, then RUNNING, by itself, and makes no key before that."""
    pair.power_on()
    for end in pair.ends:
        check("DEV-START-2", pair.state(end) == "STARTING", expected="STARTING", got=f"{end}: {pair.state(end)}")
    samples = [pair.sample()]
    running = pair.runs_seen(samples)
    check("DEV-STATE-1", running, expected="RUNNING in the end, by itself", got=pair.states())
    for end in pair.ends:
        way = [samples[0].state(end), *(b.state(end) for a, b in pairwise(samples) if a.state(end) != b.state(end))]
        wanted = ["STARTING", "ALIGNING"]
        held = way[:2] == wanted and all(state in MAKING for state in way[2:]) and len(way) > 2
        check("DEV-STATE-2", held or not running, expected="STARTING, ALIGNING, RUNNING", got=f"{end}: {' '.join(way)}")
    _no_keys_unless_running(check, samples, "on the way to RUNNING")


def _no_keys_unless_running(check: Check, samples: Sequence[Sample], when: str) -> None:
    for end in PAIR:
        idle = [
            (before, after)
            for before, after in pairwise(samples)
            if before.state(end) not in MAKING and after.state(end) not in MAKING
        ]
        bits = sum(made(two, end) for two in idle)
        check("DEV-STATE-3", bits == 0, expected="no key", got=f"{end}, {when}: {bits} bits in {len(idle)} ticks")


@case("device.start.again", "DEV-START-3")
def test_start_when_on_does_nothing(running: Pair, check: Check) -> None:
    """Start of a module that is on is answered, and it runs on without aligning again."""
    for end in running.ends:
        answer = running.answer(end, "Start")
        held = answer == "OK" and running.state(end) in MAKING
        check("DEV-START-3", held, expected="OK, and it runs", got=f"{end}: {answer}, {running.state(end)}")
    samples = running.run(2)
    undisturbed = all(sample.state(end) in MAKING for sample in samples for end in running.ends)
    check("DEV-START-3", undisturbed, expected="runs on", got=running.states())


@case("device.stop.every-state", "DEV-STOP-1", "DEV-STATE-3")
def test_stop_from_every_state(pair: Pair, check: Check) -> None:
    """Stop leads to OFF while starting, aligning, running, aborted and in maintenance; OFF makes no key."""

    def aligning() -> None:
        pair.power_on()
        for _ in range(20):
            if pair.state(ONE) == "ALIGNING":
                break
            pair.advance()

    def aborted() -> None:
        pair.to_running()
        pair.disturb(intercept_resend=1.0)
        pair.until("ABORTED", 10)

    def in_maintenance() -> None:
        for end in pair.ends:
            pair.maintenance(end, on=True)

    ways: dict[str, Callable[[], object]] = {
        "just started": pair.power_on,
        "aligning": aligning,
        "running": pair.to_running,
        "aborted": aborted,
        "in maintenance": in_maintenance,
    }
    for name, reach in ways.items():
        reach()
        for end in pair.ends:
            answer = pair.answer(end, "Stop")
            held = answer == "OK" and pair.state(end) == "OFF"
            check("DEV-STOP-1", held, expected="OK, OFF", got=f"{end}, {name}: {answer}, {pair.state(end)}")
        pair.clear()
        _no_keys_unless_running(check, pair.run(4), f"stopped when {name}")


@case("device.stop.keeps-blocks", "DEV-STOP-2")
def test_stop_keeps_the_blocks_that_are_ready(running: Pair, check: Check) -> None:
    """Blocks that were ready before Stop can be had after it, at both ends."""
    running.stock(4)
    before = {end: running.status(end).in_store_bits for end in PAIR}
    for end in running.ends:
        running.call(end, "Stop")
    taken = running.collect()
    for end in PAIR:
        bits = 8 * sum(len(block.octets) for block in taken[end])
        got = f"{end}: {bits} of {before[end]} bits"
        check("DEV-STOP-2", bits >= before[end] > 0, expected="all that was in store", got=got)


@case("device.resync.aligns", "DEV-RESYNC-1", "DEV-RESYNC-2", "DEV-STATE-3")
def test_resync_aligns_again(running: Pair, check: Check) -> None:
    """Resync leads back to ALIGNING from RUNNING and from ABORTED, and the modules run again by themselves."""
    for name in ("running", "aborted"):
        if name == "aborted":
            running.disturb(intercept_resend=1.0)
            check.require(running.until("ABORTED", 10), f"not ABORTED under full interception: {running.states()}")
        for end in running.ends:
            answer = running.answer(end, "Resync")
            held = answer == "OK" and running.state(end) == "ALIGNING"
            check("DEV-RESYNC-1", held, expected="OK, ALIGNING", got=f"{end}, {name}: {answer}, {running.state(end)}")
        running.clear()
        check("DEV-RESYNC-2", running.runs(40), expected="runs again", got=running.states())
    _no_keys_unless_running(check, running.run(3), "after Resync")


@case("device.resync.off", "DEV-RESYNC-3")
def test_resync_when_off(pair: Pair, check: Check) -> None:
    """Resync is refused when OFF, before a configuration and after it."""
    for configured in (False, True):
        for end in pair.ends:
            if configured:
                pair.configure(end)
            answer = pair.answer(end, "Resync")
            held = answer == _FAILED and pair.state(end) == "OFF"
            check("DEV-RESYNC-3", held, expected=f"{_FAILED}, OFF", got=f"{end}: {answer}, {pair.state(end)}")


@case("device.maintenance", "DEV-MAINT-1", "DEV-MAINT-2", "DEV-START-4", "DEV-STATE-3")
def test_maintenance(pair: Pair, check: Check) -> None:
    """A module goes to MAINTENANCE from OFF and RUNNING, makes no key and starts not there, and leaves for OFF."""
    for name in ("OFF", "running"):
        if name == "running":
            pair.to_running()
        for end in pair.ends:
            pair.maintenance(end, on=True)
            there = pair.state(end)
            check("DEV-MAINT-1", there == "MAINTENANCE", expected="MAINTENANCE", got=f"{end}, from {name}: {there}")
        _no_keys_unless_running(check, pair.run(4), "in maintenance")
        for end in pair.ends:
            pair.configure(end)  # not taken in maintenance; Start has to be refused for the maintenance
            answer = pair.answer(end, "Start")
            held = answer == _FAILED and pair.state(end) == "MAINTENANCE"
            if name == "running":
                check("DEV-START-4", held, expected=f"{_FAILED}, MAINTENANCE", got=f"{end}: {answer}")
            pair.maintenance(end, on=False)
            there = pair.state(end)
            check("DEV-MAINT-2", there == "OFF", expected="OFF", got=f"{end}, after maintenance: {there}")
