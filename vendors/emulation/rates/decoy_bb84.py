"""BB84 with two decoy states, efficient basis choice and finite keys (Toshiba's T12 is of this kind).

Key length: C. C. W. Lim, M. Curty, N. Walenta, F. Xu, H. Zbinden, "Concise security bounds for practical
decoy-state quantum key distribution", Physical Review A 89, 022307 (2014); general attacks, one-way
post-processing. T12: M. Lucamarini, K. A. Patel, J. F. Dynes, B. Fröhlich, A. W. Sharpe, A. R. Dixon, Z. L. Yuan,
R. V. Penty, A. J. Shields, "Efficient decoy-state quantum key distribution with quantified security", Optics
Express 21, 24550 (2013); its own finite-size bound differs in detail from Lim's, which stands in for it here.

Counts are expectation values of the channel model of Lim et al. (phase-randomised coherent states, threshold
detectors, after-pulses); noise photons of the fibre add to the dark counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, log2, sqrt
from typing import NamedTuple

from .conditions import QBER_HIGH, Conditions, Estimate, settled
from .photons import background, error_entropy, flipped, intercept_resend_error
from .settings import Settings, above_zero, shares

_CALM_C = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters(Settings):
    """One pair of modules. Defaults: a T12 system at 1 GHz and 1310 nm; figures not in the seeds are our choice.

    Attributes:
        clock_hz: pulses a second.
        duty: share of the pulses that count for a key (rest: alignment, calibration, saturation), 0 to 1.
        efficiency: of a detector, 0 to 1.
        receiver_loss_db: of the receiver's optics, dB.
        dark_hz: dark counts of both detectors together, per second of open gate.
        gate_s: time that a gate is open, seconds.
        filter_nm: width of the receiver's spectral filter, nanometres.
        afterpulse: probability that a click is followed by another without signal, 0 to 1.
        misalignment: probability that a photon reaches the wrong detector, 0 to 0.5.
        key_basis: probability of the basis that makes the key, 0 to 1, chosen by both ends.
        signal, decoy, vacuum: mean photons of the three intensities; signal > decoy + vacuum, decoy > vacuum.
        signal_share, decoy_share: probabilities of the first two; the rest is the third.
        error_correction: bits disclosed over the Shannon limit, factor of 1 or more.
        block_bits: sifted bits of the key basis in one block.
        longest_block_s: a block ends after this time even when it is not full, seconds.
        secrecy, correctness: failure probabilities of a block.
        qber_abort: QBER above which there is no key.
        max_loss_db: largest loss at which the module works, dB.
    """

    clock_hz: float = 1e9
    duty: float = 1.0
    efficiency: float = 0.2
    receiver_loss_db: float = 2.5
    dark_hz: float = 20e3
    gate_s: float = 100e-12
    filter_nm: float = 0.1
    afterpulse: float = 0.02
    misalignment: float = 0.015
    key_basis: float = 0.9
    signal: float = 0.4
    decoy: float = 0.1
    vacuum: float = 0.001
    signal_share: float = 0.9
    decoy_share: float = 0.06
    error_correction: float = 1.16
    block_bits: float = 1e9
    longest_block_s: float = 1200.0
    secrecy: float = 1e-10
    correctness: float = 1e-15
    qber_abort: float = 0.11
    max_loss_db: float = 30.0

    def check(self) -> None:
        """Bounds of Lim et al. on intensities, and shares that are shares.

        Raises:
            ValueError: one is broken; says which.
        """
        shares(duty=self.duty, efficiency=self.efficiency, afterpulse=self.afterpulse, key_basis=self.key_basis)
        shares(others=self.signal_share + self.decoy_share, secrecy=self.secrecy, correctness=self.correctness)
        shares(misalignment=2 * self.misalignment, qber_abort=2 * self.qber_abort)
        above_zero(clock_hz=self.clock_hz, block_bits=self.block_bits, longest_block_s=self.longest_block_s)
        above_zero(secrecy=self.secrecy, correctness=self.correctness, decoy_share=self.decoy_share)
        if not (self.signal > self.decoy + self.vacuum and self.decoy > self.vacuum):
            raise ValueError("signal > decoy + vacuum and decoy > vacuum is broken")
        if not (self.signal_share > 0 and self.signal_share + self.decoy_share < 1 and 0 < self.key_basis < 1):
            raise ValueError("every intensity and every basis has a share of the pulses")
        if self.error_correction < 1:
            raise ValueError("error_correction is 1 or more")


class _Pulse(NamedTuple):
    """One intensity: its mean photons, its share of the pulses, clicks and wrong clicks per pulse."""

    mean: float
    share: float
    clicks: float
    errors: float


def estimate(conditions: Conditions, parameters: Parameters) -> Estimate:
    """Secret key rate, QBER and sifted rate of a pair of modules over a path."""

    def breach(figures: Estimate) -> str:
        return QBER_HIGH if (figures.qber or 0) > parameters.qber_abort else ""

    return settled(
        _figures(conditions, parameters),
        max_loss_db=parameters.max_loss_db,
        breach=breach,
        otherwise=QBER_HIGH,
        calm=lambda: _figures(conditions.calm(_CALM_C), parameters),
    )


def _figures(conditions: Conditions, p: Parameters) -> Estimate:
    optics = 10 ** (-p.receiver_loss_db / 10)
    system = conditions.transmittance * optics * p.efficiency
    dark = background(
        conditions,
        dark_hz=p.dark_hz,
        filter_nm=p.filter_nm,
        transmittance=optics,
        efficiency=p.efficiency,
        gate_s=p.gate_s,
    )
    wrong = flipped(p.misalignment, conditions.error_probability, intercept_resend_error(conditions.intercepted))

    def pulse(mean: float, share: float) -> _Pulse:
        from_signal = 1 - exp(-system * mean)
        first = 1 - (1 - dark) * (1 - from_signal)
        # a click without signal is wrong half of the time, an after-pulse too
        return _Pulse(
            mean,
            share,
            first * (1 + p.afterpulse),
            wrong * from_signal + 0.5 * (first - from_signal) + 0.5 * p.afterpulse * first,
        )

    rest = 1 - p.signal_share - p.decoy_share
    pulses = (pulse(p.signal, p.signal_share), pulse(p.decoy, p.decoy_share), pulse(p.vacuum, rest))
    clicks = sum(each.share * each.clicks for each in pulses)
    qber = min(0.5, sum(each.share * each.errors for each in pulses) / clicks) if clicks else 0.5
    sifted_bps = p.clock_hz * p.duty * p.key_basis**2 * clicks
    if not sifted_bps:
        return Estimate(0.0, conditions.loss_db, qber=qber, sifted_bps=0.0)
    block_s = min(p.block_bits / sifted_bps, p.longest_block_s)
    skr_bps = _key_bits(pulses, p, p.clock_hz * p.duty * block_s, qber) / block_s
    return Estimate(skr_bps, conditions.loss_db, qber=qber, sifted_bps=sifted_bps)


def _key_bits(pulses: tuple[_Pulse, _Pulse, _Pulse], p: Parameters, sent: float, qber: float) -> float:
    """Secret bits of a block of so many pulses, below 0 when there are none: the length of Lim et al. (2014)."""
    signal, decoy, vacuum = pulses
    span = signal.mean * (decoy.mean - vacuum.mean) - decoy.mean**2 + vacuum.mean**2

    def emitted(photons: int) -> float:
        return sum(each.share * exp(-each.mean) * each.mean**photons for each in pulses)  # photons is 0 or 1

    def spread(count: float) -> float:
        return sqrt(count / 2 * log(21 / p.secrecy))

    def weighed(each: _Pulse, count: float, total: float, sign: int) -> float:
        return exp(each.mean) / each.share * max(0.0, count + sign * spread(total))

    def bounds(matching: float) -> tuple[float, float, float]:
        """Detections of a basis, and lower bounds on those of vacuum and of single photons."""
        counts = [sent * matching * each.share * each.clicks for each in pulses]
        total = sum(counts)
        low = [weighed(each, count, total, -1) for each, count in zip(pulses, counts, strict=True)]
        high = [weighed(each, count, total, 1) for each, count in zip(pulses, counts, strict=True)]
        empty = max(0.0, emitted(0) * (decoy.mean * low[2] - vacuum.mean * high[1]) / (decoy.mean - vacuum.mean))
        beyond = (decoy.mean**2 - vacuum.mean**2) / signal.mean**2 * (high[0] - empty / emitted(0))
        single = emitted(1) * signal.mean * (low[1] - high[2] - beyond) / span
        return total, empty, max(0.0, single)

    test_share = (1 - p.key_basis) ** 2
    total, empty, single = bounds(p.key_basis**2)
    _, _, test_single = bounds(test_share)
    if not single or not test_single:
        return 0.0
    errors = [sent * test_share * each.share * each.errors for each in pulses]
    high_errors = weighed(decoy, errors[1], sum(errors), 1)
    low_errors = weighed(vacuum, errors[2], sum(errors), -1)
    test_errors = max(0.0, emitted(1) * (high_errors - low_errors) / (decoy.mean - vacuum.mean))
    observed = test_errors / test_single
    phase = observed + _gap(p.secrecy, observed, test_single, single)
    leaked = total * p.error_correction * error_entropy(qber)
    secret = empty + single * (1 - error_entropy(phase)) - leaked
    return secret - 6 * log2(21 / p.secrecy) - log2(2 / p.correctness)


def _gap(secrecy: float, rate: float, tested: float, kept: float) -> float:
    """How much the phase error of the kept bits may exceed that of the tested ones (gamma in Lim et al.)."""
    if not 0 < rate < 1:
        return 1.0 if rate else 0.0
    both = (tested + kept) / (tested * kept)
    inner = both * (1 - rate) * rate / log(2) * log2(both / ((1 - rate) * rate) * (21 / secrecy) ** 2)
    return sqrt(max(0.0, inner))
