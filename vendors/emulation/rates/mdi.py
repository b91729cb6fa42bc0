"""Measurement-device-independent QKD with decoy states, two arms of possibly unequal loss (Q*Bird's kind).

Protocol and rate: H.-K. Lo, M. Curty, B. Qi, "Measurement-device-independent quantum key distribution", Physical
Review Letters 108, 130503 (2012). Gains and error rates of phase-randomised coherent states: X. Ma, C.-H. F. Fung,
M. Razavi, "Statistical fluctuation analysis for measurement-device-independent quantum key distribution", Physical
Review A 86, 052305 (2012). Single-photon yield and error from two decoys, in closed form: F. Xu, M. Curty, B. Qi,
H.-K. Lo, "Practical aspects of measurement-device-independent quantum key distribution", New Journal of Physics 15,
113007 (2013); see also F. Xu, H. Xu, H.-K. Lo, Physical Review A 89, 052333 (2014).

Finite keys: each gain that enters a bound is moved to its worse side by `deviations` standard deviations of a
counting statistics over `block_s` (as Ma, Fung, Razavi do). That is a Gaussian approximation and no composable proof.

The senders do not adapt their intensities to each other: where one arm has much less loss than the other, more loss
in it can balance the interference and raise the rate. The rate falls with loss that both arms share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import exp, sqrt
from typing import NamedTuple

import numpy as np

from .conditions import QBER_HIGH, Conditions, Estimate, settled
from .photons import background, error_entropy, flipped, intercept_resend_error
from .settings import Settings, above_zero, shares

_CALM_C = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters(Settings):
    """Two senders and a hub. Defaults: our choice; the maker's figures are not public.

    Attributes:
        clock_hz: pairs of pulses a second.
        duty: share of them that counts for a key, 0 to 1.
        efficiency: of the hub's detectors, 0 to 1.
        receiver_loss_db: of the hub's optics, dB.
        dark_hz: dark counts of one detector, per second of open gate.
        gate_s: time that a gate is open, seconds.
        filter_nm: width of the hub's spectral filter, nanometres.
        misalignment: error of the interference at the hub and in preparation, 0 to 0.5.
        signal, decoy, vacuum: mean photons of the three intensities, in falling order; the same for both senders.
        signal_share, decoy_share: probabilities of the first two; the rest is the third.
        key_basis: probability of the basis that makes the key, 0 to 1.
        error_correction: bits disclosed over the Shannon limit, factor of 1 or more.
        block_s: time over which counts are gathered, seconds; 0 = asymptotic.
        deviations: standard deviations by which each count is moved to its worse side.
        qber_abort: QBER above which there is no key.
        max_loss_db: largest loss of both arms together at which there may be a key, dB.
    """

    clock_hz: float = 200e6
    duty: float = 1.0
    efficiency: float = 0.6
    receiver_loss_db: float = 1.5
    dark_hz: float = 100.0
    gate_s: float = 1e-9
    filter_nm: float = 0.1
    misalignment: float = 0.01
    signal: float = 0.4
    decoy: float = 0.06
    vacuum: float = 0.0005
    signal_share: float = 0.5
    decoy_share: float = 0.35
    key_basis: float = 0.6
    error_correction: float = 1.16
    block_s: float = 1800.0
    deviations: float = 5.0
    qber_abort: float = 0.11
    max_loss_db: float = 30.0

    def check(self) -> None:
        """Intensities in order, and shares that are shares.

        Raises:
            ValueError: one is broken; says which.
        """
        shares(duty=self.duty, efficiency=self.efficiency, key_basis=self.key_basis)
        shares(misalignment=2 * self.misalignment, qber_abort=2 * self.qber_abort)
        above_zero(clock_hz=self.clock_hz, gate_s=self.gate_s)
        if not self.signal > self.decoy > self.vacuum:
            raise ValueError("signal > decoy > vacuum is broken")
        if not (self.signal_share > 0 and self.decoy_share > 0 and self.signal_share + self.decoy_share < 1):
            raise ValueError("every intensity has a share of the pulses")
        if not 0 < self.key_basis < 1:
            raise ValueError("every basis has a share of the pulses")
        if self.error_correction < 1:
            raise ValueError("error_correction is 1 or more")


class _Gain(NamedTuple):
    """Probabilities per pair of pulses: of a Bell outcome, and of a wrong one."""

    all: float
    wrong: float


class _Hub(NamedTuple):
    """What both arms come to at the hub: transmittances with detector, dark probability, error of the optics."""

    one: float
    other: float
    dark: float
    wrong: float


def estimate(one: Conditions, other: Conditions, parameters: Parameters) -> Estimate:
    """Secret key rate, QBER and sifted rate of two senders over their paths to the hub; loss is of both together."""

    def breach(figures: Estimate) -> str:
        return QBER_HIGH if (figures.qber or 0) > parameters.qber_abort else ""

    return settled(
        _figures(one, other, parameters),
        max_loss_db=parameters.max_loss_db,
        breach=breach,
        otherwise=QBER_HIGH,
        calm=lambda: _figures(one.calm(_CALM_C), other.calm(_CALM_C), parameters),
    )


def _figures(one: Conditions, other: Conditions, p: Parameters) -> Estimate:
    optics = 10 ** (-p.receiver_loss_db / 10)
    both = replace(one, noise_photons_per_s_nm=one.noise_photons_per_s_nm + other.noise_photons_per_s_nm)
    hub = _Hub(
        one.transmittance * optics * p.efficiency,
        other.transmittance * optics * p.efficiency,
        # the noise of both arms is spread over four detectors
        background(
            both,
            dark_hz=p.dark_hz,
            filter_nm=p.filter_nm,
            transmittance=optics / 4,
            efficiency=p.efficiency,
            gate_s=p.gate_s,
        ),
        flipped(
            p.misalignment,
            one.error_probability,
            other.error_probability,
            intercept_resend_error(one.intercepted),
            intercept_resend_error(other.intercepted),
        ),
    )
    loss_db = one.loss_db + other.loss_db
    signals = _key_gain(hub, p.signal, p.signal)
    qber = min(0.5, signals.wrong / signals.all) if signals.all else 0.5
    key_pairs = p.clock_hz * p.duty * (p.key_basis * p.signal_share) ** 2
    shown = Estimate(0.0, loss_db, qber=qber, sifted_bps=key_pairs * signals.all)
    single, _ = _single_photons(lambda a, b: _key_gain(hub, a, b), p, p.key_basis**2)
    test_single, test_wrong = _single_photons(lambda a, b: _test_gain(hub, a, b), p, (1 - p.key_basis) ** 2)
    if not single or not test_single:
        return shown
    phase = test_wrong / test_single
    arrived = (p.signal * exp(-p.signal)) ** 2 * single
    secret = arrived * (1 - error_entropy(phase)) - signals.all * p.error_correction * error_entropy(qber)
    return replace(shown, skr_bps=key_pairs * secret)


def _key_gain(hub: _Hub, one: float, other: float) -> _Gain:
    """Of the basis in which different bits give an outcome (rectilinear)."""
    dark, light, beat = _arrived(hub, one, other)
    quiet = (1 - dark) ** 2 * exp(-light / 2)
    clicks = [1 - (1 - dark) * exp(-each / 2) for each in (hub.one * one, hub.other * other)]
    right = 2 * quiet * clicks[0] * clicks[1]
    wrong = 2 * dark * quiet * (float(np.i0(2 * beat)) - (1 - dark) * exp(-light / 2))
    return _Gain(right + wrong, hub.wrong * right + (1 - hub.wrong) * wrong)


def _test_gain(hub: _Hub, one: float, other: float) -> _Gain:
    """Of the basis that shows by interference what was done to the phase (diagonal)."""
    dark, light, beat = _arrived(hub, one, other)
    quiet = (1 - dark) * exp(-light / 4)
    i0, i0_twice = float(np.i0(beat)), float(np.i0(2 * beat))
    total = 2 * quiet**2 * (1 + 2 * quiet**2 - 4 * quiet * i0 + i0_twice)
    return _Gain(total, total / 2 - 2 * (0.5 - hub.wrong) * quiet**2 * (i0_twice - 1))


def _arrived(hub: _Hub, one: float, other: float) -> tuple[float, float, float]:
    """Dark probability, mean photons that arrive, and the argument of their interference."""
    return hub.dark, hub.one * one + hub.other * other, sqrt(hub.one * one * hub.other * other) / 2


def _single_photons(gain: Callable[[float, float], _Gain], p: Parameters, matching: float) -> tuple[float, float]:
    """Bounds on single-photon pairs: yield from below, wrong yield from above (Xu, Curty, Qi, Lo 2013)."""
    strong, weak, none = p.signal, p.decoy, p.vacuum
    shares_of = {strong: p.signal_share, weak: p.decoy_share, none: 1 - p.signal_share - p.decoy_share}

    def bounded(one: float, other: float, *, wrong: bool, sign: int) -> float:
        value = gain(one, other).wrong if wrong else gain(one, other).all
        if p.block_s:
            sent = p.clock_hz * p.duty * p.block_s * matching * shares_of[one] * shares_of[other]
            value = max(0.0, value + sign * p.deviations * sqrt(value / sent)) if sent else 0.5 * (1 + sign)
        return value * exp(one + other)

    def without_vacuum(mean: float, *, wrong: bool, sign: int) -> float:
        """What is left when neither sender's empty pulses count, moved up or down as a whole."""
        plus = bounded(mean, mean, wrong=wrong, sign=sign) + bounded(none, none, wrong=wrong, sign=sign)
        return plus - bounded(mean, none, wrong=wrong, sign=-sign) - bounded(none, mean, wrong=wrong, sign=-sign)

    low = (strong**2 - none**2) * (strong - none) * without_vacuum(weak, wrong=False, sign=-1)
    high = (weak**2 - none**2) * (weak - none) * without_vacuum(strong, wrong=False, sign=1)
    single = (low - high) / ((strong - none) ** 2 * (weak - none) ** 2 * (strong - weak))
    wrong_single = without_vacuum(weak, wrong=True, sign=1) / (weak - none) ** 2
    return max(0.0, single), max(0.0, wrong_single)
