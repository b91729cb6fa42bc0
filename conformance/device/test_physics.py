"""What the fibre does to a quantum link: cuts, loss, bends, eavesdroppers, warmth, tampered messages."""

from __future__ import annotations

from typing import Any, Final

from conformance.device.pair import LAG_TICKS, MAKING, Pair, made
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.campaign.ics import Ics
from harness.testbed.module_bench import PAIR, ModuleBench
from qkd.device.v1 import module_pb2 as pb
from qkd.optical.v1 import plant_pb2

_NOISY: Final = frozenset({"QBER_HIGH", "EXCESS_NOISE_HIGH", "VISIBILITY_LOW"})
_TICKS: Final = 12
_RECOVERY: Final = 60
"""Ticks that modules may take until they run again."""


def _alarmed(pair: Pair, wanted: frozenset[str]) -> bool:
    """Whether one of these alarms (any, when none is named) stands at one end at least."""

    def holds(bench: ModuleBench) -> bool:
        return any(bench.standing(end) & wanted if wanted else bench.standing(end) for end in pair.ends)

    return pair.alarmed(holds)


def _quiet(pair: Pair, wanted: frozenset[str]) -> bool:
    return pair.alarmed(lambda bench: not any(bench.standing(end) & wanted for end in pair.ends))


def _standing(pair: Pair) -> str:
    return "; ".join(f"{end}: {', '.join(sorted(pair.standing(end))) or 'none'}" for end in pair.ends)


def _equal(pair: Pair, check: Check, requirement: str) -> None:
    pair.collect()
    different = pair.different()
    check(requirement, different == 0, expected="equal octets at both ends", got=f"{different} blocks differ")


@case("device.physics.cut", "DEV-CUT-1", "DEV-CUT-2", "DEV-CUT-3", "DEV-CUT-4", "DEV-CUT-5")
def test_a_cut_ends_the_keys_and_nothing_else(running: Pair, check: Check) -> None:
    """Over a cut fibre no key is made, the modules leave RUNNING and raise an alarm; mended, they run again."""
    running.disturb(cut=plant_pb2.Cut())
    running.advance(2)
    samples = running.run(LAG_TICKS)
    for end in PAIR:
        check("DEV-CUT-1", made(samples, end) == 0, expected="no new key", got=f"{end}: {made(samples, end)} bits")
        state = samples[-1].state(end)
        check("DEV-CUT-2", state not in MAKING, expected="not RUNNING", got=f"{end}: {state}")
    check("DEV-CUT-3", _alarmed(running, frozenset()), expected="an alarm", got=_standing(running))
    standing = frozenset(code for end in running.ends for code in running.standing(end))
    running.clear()
    check("DEV-CUT-4", running.runs(_RECOVERY), expected="runs again", got=running.states())
    running.advance(LAG_TICKS)
    _equal(running, check, "DEV-CUT-4")
    check("DEV-CUT-5", _quiet(running, standing), expected="the alarm is cleared", got=_standing(running))


@case("device.physics.loss", "DEV-LOSS-1")
def test_loss_lowers_the_rate(running: Pair, check: Check) -> None:
    """With 6 dB more loss there is less key: below nine tenths of what it was."""
    _slower(running, check, "DEV-LOSS-1", added_loss_db=6.0)


@case("device.physics.bend", "DEV-LOSS-2")
def test_a_bend_lowers_the_rate(running: Pair, check: Check) -> None:
    """With a bend of 12 dB (a third of it in the O band) there is less key: below nine tenths of what it was."""
    _slower(running, check, "DEV-LOSS-2", bend_loss_db=12.0)


def _slower(pair: Pair, check: Check, requirement: str, **disturbance: Any) -> None:
    before = pair.figures_over(_TICKS)
    pair.disturb(**disturbance)
    pair.advance(2)
    after = pair.figures_over(_TICKS)
    for end in PAIR:
        fast, slow = _mean(before[end], "skr_bps"), _mean(after[end], "skr_bps")
        check.require(fast > 0, f"{end} made no key before")
        got = f"{end}: {fast:.0f} bit/s, then {slow:.0f} bit/s"
        check(requirement, slow < 0.9 * fast, expected="less key", got=got)
    pair.clear()
    check(requirement, pair.runs(_RECOVERY), expected="runs again without it", got=pair.states())


@case("device.physics.too-much-loss", "DEV-LOSS-3")
def test_no_key_beyond_the_largest_loss(running: Pair, check: Check) -> None:
    """Over more than the largest loss of its capabilities a module makes no key."""
    running.disturb(added_loss_db=min(99.0, running.capabilities[PAIR[0]].max_loss_db + 10.0))
    running.advance(2)
    samples = running.run(LAG_TICKS)
    for end in PAIR:
        check("DEV-LOSS-3", made(samples, end) == 0, expected="no key", got=f"{end}: {made(samples, end)} bits")


@case("device.physics.eavesdropper-partial", "DEV-EVE-1", "DEV-EVE-2", "DEV-EVE-3")
def test_a_partial_eavesdropper_shows(running: Pair, ics: Ics, check: Check) -> None:
    """Measuring 10 % of the signals raises QBER (by 1 to 5 percentage points) or noise, and lowers the rate."""
    before = running.figures_over(_TICKS)
    running.disturb(intercept_resend=0.1)
    running.advance(2)
    after = running.figures_over(_TICKS)
    name = "excess_noise" if ics.flag("continuous") else "qber"
    for end in PAIR:
        was, now = _mean(before[end], name), _mean(after[end], name)
        rise = now - was
        held = rise > 0.01 if ics.flag("continuous") else 0.01 < rise < 0.05
        check("DEV-EVE-1", held, expected=f"{name} rises", got=f"{end}: {was:.4f}, then {now:.4f}")
        slow, fast = _mean(after[end], "skr_bps"), _mean(before[end], "skr_bps")
        got = f"{end}: {fast:.0f} bit/s, then {slow:.0f} bit/s"
        check("DEV-EVE-2", slow < 0.9 * fast, expected="a lower rate", got=got)
    _equal(running, check, "DEV-EVE-3")


def _mean(told: list[pb.Performance], name: str) -> float:
    there = [getattr(one, name) for one in told if name == "skr_bps" or one.HasField(name)]  # type: ignore[arg-type]
    return sum(there) / len(there) if there else 0.0


@case("device.physics.eavesdropper-full", "DEV-EVE-4", "DEV-EVE-5", "DEV-EVE-6", "DEV-EVE-7", "DEV-EVE-8")
def test_a_full_eavesdropper_gets_no_key(running: Pair, check: Check) -> None:
    """When every signal is measured the modules abort, make no key and say so; without the eavesdropper they go on."""
    running.disturb(intercept_resend=1.0)
    running.advance(2)
    samples = running.run(LAG_TICKS)
    for end in PAIR:
        check("DEV-EVE-4", made(samples, end) == 0, expected="no key", got=f"{end}: {made(samples, end)} bits")
        state = samples[-1].state(end)
        check("DEV-EVE-5", state == "ABORTED", expected="ABORTED", got=f"{end}: {state}")
    check("DEV-EVE-6", _alarmed(running, _NOISY), expected=" or ".join(sorted(_NOISY)), got=_standing(running))
    running.clear()
    check("DEV-EVE-7", running.runs(_RECOVERY), expected="runs again by itself", got=running.states())
    check("DEV-EVE-8", _quiet(running, _NOISY), expected="the alarm is cleared", got=_standing(running))


@case("device.physics.threshold", "DEV-ABORT-1", "DEV-ABORT-2")
def test_no_key_above_the_threshold(running: Pair, ics: Ics, check: Check) -> None:
    """However much is intercepted: in an interval whose figures are above the abort threshold no key is made."""
    seen = 0
    name = "excess_noise" if ics.flag("continuous") else "qber"
    for share in (0.15, 0.3, 0.5, 0.75, 1.0):
        running.disturb(intercept_resend=share)
        running.advance(1)
        before = running.sample()
        told = running.figures_over(2)
        after = running.sample()
        for end in PAIR:
            limits = running.capabilities[end]
            least = min(getattr(one, name) for one in told[end])
            most = limits.excess_noise_abort if ics.flag("continuous") else limits.qber_abort
            if least <= most:
                continue
            seen += 1
            bits, state = made([before, after], end), after.state(end)
            got = f"{end}, {share:.0%} intercepted: {least:.3f} above {most:g}, {bits} bits"
            check("DEV-ABORT-1", bits == 0, expected="no key", got=got)
            check("DEV-ABORT-2", state not in MAKING, expected="not RUNNING", got=f"{got}, {state}")
    if not seen:
        check("DEV-ABORT-1", False, expected="figures above the threshold when all is intercepted", got="none was")
        check.not_judged("DEV-ABORT-2", "no figure was above the threshold")


@case("device.physics.temperature", "DEV-TEMP-1", "DEV-TEMP-2")
def test_keys_stay_equal_when_it_gets_warm(running: Pair, check: Check) -> None:
    """Through a swing of the temperature by 15 degrees up and down, keys stay equal, and the modules run at its end."""
    for offset in (5.0, 15.0, 5.0, -5.0, -15.0, -5.0):
        running.disturb(temperature_offset_c=offset)
        running.advance(4)
        running.collect()
        running.release()
    running.clear()
    _equal(running, check, "DEV-TEMP-1")
    check("DEV-TEMP-2", running.runs(_RECOVERY), expected="runs", got=running.states())


@case("device.physics.tampering", "DEV-TAMPER-1", "DEV-TAMPER-2", "DEV-TAMPER-3", "DEV-TAMPER-4")
def test_tampered_messages_make_no_wrong_key(running: Pair, check: Check) -> None:
    """When bits of the service messages are turned, no block differs between the ends, and an alarm says TAMPERED."""
    tampered = frozenset({"TAMPERED"})
    raised = False
    for share in (0.2, 0.35, 0.5, 1.0):
        running.disturb(tampered_service=share)
        for _ in range(4):
            running.advance(3)
            running.collect()
            running.release()
            raised = raised or _ever(running, "TAMPERED")
    raised = raised or running.alarmed(lambda _: _ever(running, "TAMPERED"))
    check("DEV-TAMPER-2", raised, expected="an alarm TAMPERED", got=_standing(running))
    running.clear()
    check("DEV-TAMPER-3", running.runs(_RECOVERY), expected="runs again", got=running.states())
    running.advance(LAG_TICKS)
    _equal(running, check, "DEV-TAMPER-1")
    check("DEV-TAMPER-4", _quiet(running, tampered), expected="the alarm is cleared", got=_standing(running))


def _ever(pair: Pair, code: str) -> bool:
    return any(alarm.code == code for end in pair.ends for alarm in pair.bench.modules[end].alarms)
