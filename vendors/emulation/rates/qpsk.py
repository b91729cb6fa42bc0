"""Four coherent states with heterodyne detection and reverse reconciliation (AIT).

A. Denys, P. Brown, A. Leverrier, "Explicit asymptotic secret key rate of continuous-variable quantum key
distribution with an arbitrary modulation", Quantum 5, 540 (2021): a lower bound on the covariance that Alice and
Bob's state must have, given the observed transmittance and excess noise; collective attacks. The four states in
closed form: A. Leverrier, P. Grangier, "Unconditional security proof of long-distance continuous-variable quantum
key distribution with discrete modulation", Physical Review Letters 102, 180504 (2009). Trusted detector and finite
keys as in `gaussian` (its finite-size terms were derived for Gaussian modulation and serve here as a penalty, not as
a proof). The maker's optional post-selection is not modelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, cosh, exp, sin, sinh, sqrt

import numpy as np

from .conditions import EXCESS_NOISE_HIGH, Conditions, Estimate, settled
from .gaussian import (
    Channel,
    Coherent,
    amplification_loss,
    excess_noise,
    holevo,
    kept_share,
    snr,
    worst_channel,
)
from .settings import above_zero

_CALM_C = 20.0
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters(Coherent):
    """One pair of modules. Defaults: AIT's 100 MBd; the rest is our choice.

    Attributes:
        mean_photons: of a symbol (the amplitude squared), 0.01 to 4.
    """

    clock_hz: float = 100e6
    excess_noise_abort: float = 0.2
    max_loss_db: float = 15.0
    mean_photons: float = 0.3

    def check(self) -> None:
        """Amplitudes for which the closed form keeps its digits.

        Raises:
            ValueError: one is not; says which.
        """
        Coherent.check(self)
        above_zero(mean_photons=self.mean_photons)
        if not 0.01 <= self.mean_photons <= 4:
            raise ValueError("mean_photons lies between 0.01 and 4")


def estimate(conditions: Conditions, parameters: Parameters) -> Estimate:
    """Secret key rate, excess noise and SNR of a pair of modules over a path."""

    def breach(figures: Estimate) -> str:
        deaf = (figures.snr or 0) < 10 ** (parameters.snr_floor_db / 10)
        return EXCESS_NOISE_HIGH if deaf or (figures.excess_noise or 0) > parameters.excess_noise_abort else ""

    return settled(
        _figures(conditions, parameters),
        max_loss_db=parameters.max_loss_db,
        breach=breach,
        otherwise=EXCESS_NOISE_HIGH,
        calm=lambda: _figures(conditions.calm(_CALM_C), parameters),
    )


def _figures(conditions: Conditions, p: Parameters) -> Estimate:
    variance = 2 * p.mean_photons
    channel = Channel(conditions.transmittance, excess_noise(conditions, p, variance))
    ratio = snr(channel, p, variance)
    shown = Estimate(0.0, conditions.loss_db, excess_noise=channel.excess_noise, snr=ratio)
    worst = worst_channel(channel, p, variance)
    if worst is None:
        return shown
    b = 1 + worst.transmittance * (variance + worst.excess_noise)
    c = covariance(p.mean_photons, worst)
    secret = (
        p.reconciliation * mutual_information(ratio)
        - holevo(1 + variance, b, c, p.detection_noise)
        - amplification_loss(p)
    )
    skr_bps = p.clock_hz * p.duty * kept_share(p) * secret
    return Estimate(skr_bps, conditions.loss_db, excess_noise=channel.excess_noise, snr=ratio)


def covariance(mean_photons: float, channel: Channel) -> float:
    """Lower bound on the covariance of Alice's and Bob's modes (Z* of Denys, Brown, Leverrier), never below 0."""
    populations = _populations(mean_photons)
    before = np.roll(populations, 1)
    overlap = float(np.sum(before**1.5 / np.sqrt(populations)))
    spread = mean_photons * (float(np.sum(before**2 / populations)) - overlap**2)
    penalty = sqrt(2 * channel.transmittance * channel.excess_noise * max(0.0, spread))
    return max(0.0, 2 * sqrt(channel.transmittance) * mean_photons * overlap - penalty)


def _populations(x: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Eigenvalues of the mixture of four coherent states with x mean photons (Leverrier, Grangier 2009)."""
    ranks = (cosh(x) + cos(x), sinh(x) + sin(x), cosh(x) - cos(x), sinh(x) - sin(x))
    return np.array(ranks) * exp(-x) / 2


def mutual_information(ratio: float) -> float:
    """Bits per symbol of two binary-input Gaussian channels with this SNR (one a quadrature)."""
    amplitude = sqrt(ratio)
    lost = np.logaddexp2(0.0, -2 * amplitude * (amplitude + _NODES) / np.log(2))
    return 2 * (1 - float(np.dot(_WEIGHTS, lost)) / sqrt(2 * np.pi))
