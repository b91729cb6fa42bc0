"""Gaussian modulation with heterodyne detection and reverse reconciliation (Huawei Düsseldorf).

F. Grosshans, P. Grangier, "Continuous variable quantum cryptography using coherent states", Physical Review Letters
88, 057902 (2002); heterodyne detection: C. Weedbrook et al., "Quantum cryptography without switching", Physical
Review Letters 93, 170504 (2004). Eve's information, trusted detector and finite keys: see `gaussian`. Collective
attacks. One fixed-rate code means one SNR: the sender raises its modulation as loss grows, to hold it.

That has a consequence. Noise at the channel's input (an eavesdropper on few signals, `excess_noise_zero`) hurts
most where loss is small, because little modulation stands against it there: under such noise, and only then, more
loss can mean more key. With a fixed `modulation_variance` the rate falls with loss whatever the noise.

The maker's "Gaussian-like" constellation is taken for a Gaussian one, as the MadQCI paper does.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2, sqrt

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

_CALM_C = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters(Coherent):
    """One pair of modules. Defaults from the MadQCI paper, the rest is our choice.

    Read there: 12.5 MBd, 2.5 dB of receiver loss, 0.15 thousandths of a shot noise unit at the receiver, 0.0004 to 40
    photons a symbol, one code that works down to an SNR of -19.5 dB, 23 dB of channel loss. The paper does not say how
    finite keys are treated, and 23 dB leave no key in blocks of 1e11 symbols: asymptotic unless `block_symbols` is set.

    Attributes:
        modulation_variance: shot noise units; 0 = the sender sets it for `snr_target_db` at the path's loss.
        snr_target_db: SNR that the sender aims at, dB.
        max_photons: mean photons a symbol that the sender can emit at most.
        min_photons: and at least.
    """

    efficiency: float = 10**-0.25
    receiver_excess_noise: float = 0.15e-3
    excess_noise_zero: float = 0.0
    snr_floor_db: float = -19.5
    modulation_variance: float = 0.0
    snr_target_db: float = -19.0
    max_photons: float = 40.0
    min_photons: float = 0.0004


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


def emitted_variance(conditions: Conditions, parameters: Parameters) -> float:
    """Modulation variance that the sender sets for the path's loss, shot noise units (twice the mean photons)."""
    if parameters.modulation_variance:
        return parameters.modulation_variance
    gain = parameters.efficiency * conditions.transmittance / 2
    wanted = 10 ** (parameters.snr_target_db / 10) * (1 + parameters.electronic_noise) / gain
    return min(max(wanted, 2 * parameters.min_photons), 2 * parameters.max_photons)


def _figures(conditions: Conditions, p: Parameters) -> Estimate:
    variance = emitted_variance(conditions, p)
    channel = Channel(conditions.transmittance, excess_noise(conditions, p, variance))
    ratio = snr(channel, p, variance)
    shown = Estimate(0.0, conditions.loss_db, excess_noise=channel.excess_noise, snr=ratio)
    worst = worst_channel(channel, p, variance)
    if worst is None:
        return shown
    a = 1 + variance
    b = 1 + worst.transmittance * (variance + worst.excess_noise)
    c = sqrt(worst.transmittance * (a**2 - 1))
    secret = p.reconciliation * log2(1 + ratio) - holevo(a, b, c, p.detection_noise) - amplification_loss(p)
    skr_bps = p.clock_hz * p.duty * kept_share(p) * secret
    return Estimate(skr_bps, conditions.loss_db, excess_noise=channel.excess_noise, snr=ratio)
