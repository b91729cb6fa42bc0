"""What coherent-state protocols with heterodyne detection share: noise, Eve's information, finite keys.

Convention: shot noise units, the variance of vacuum is 1 in each quadrature. Sources:
J. Lodewyck et al., "Quantum key distribution over 25 km with an all-fiber continuous-variable system", Physical
Review A 76, 042305 (2007): trusted detector, collective attacks, reverse reconciliation.
S. Fossier, E. Diamanti, T. Debuisschert, R. Tualle-Brouri, P. Grangier, "Improvement of continuous-variable quantum
key distribution systems by using optical preamplifiers", Journal of Physics B 42, 114014 (2009): the same for
heterodyne detection.
A. Leverrier, F. Grosshans, P. Grangier, "Finite-size analysis of a continuous-variable quantum key distribution",
Physical Review A 81, 062343 (2010): worst-case estimation of the channel and privacy amplification.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2, sqrt
from statistics import NormalDist

from .conditions import Conditions
from .settings import Settings, above_zero, shares

_LIGHT_NM_PER_S = 2.99792458e17
_INTERCEPT_RESEND = 2.0
"""Shot noise units at the channel's input when all signals are measured by heterodyning and sent anew: one for the
measurement, one for the new coherent states (Lodewyck et al., "Experimental implementation of non-Gaussian attacks
on a continuous-variable quantum-key-distribution system", Physical Review Letters 98, 030503 (2007))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coherent(Settings):
    """Parameters that all coherent-state protocols have. Subclasses set the defaults of their makers.

    Attributes:
        clock_hz: symbols a second.
        duty: share of the symbols that end in key (rest: frames, calibration, failed blocks), 0 to 1.
        efficiency: of the receiver with its optics, 0 to 1; trusted.
        electronic_noise: of the receiver, shot noise units at its output; trusted.
        excess_noise_zero: of the sender, shot noise units at the channel's input; Eve's.
        receiver_excess_noise: of the receiver's side, shot noise units at its input; Eve's.
        reconciliation: share of the mutual information that error correction yields (beta), 0 to 1.
        wavelength_nm: of the signal, nanometres.
        block_symbols: symbols of one block; 0 = asymptotic rate.
        estimation_share: of the symbols, disclosed to estimate the channel, 0 to 1; asymptotically none is needed.
        estimation_failure: probability that the estimate of the channel is too good.
        secrecy: failure probability of smoothing, and of privacy amplification.
        excess_noise_abort: at the channel's input, shot noise units, above which there is no key.
        snr_floor_db: SNR that the error-correcting code needs, dB.
        max_loss_db: largest loss at which the module works, dB.
    """

    clock_hz: float = 12.5e6
    duty: float = 1.0
    efficiency: float = 0.56
    electronic_noise: float = 0.1
    excess_noise_zero: float = 0.005
    receiver_excess_noise: float = 0.0
    reconciliation: float = 0.95
    wavelength_nm: float = 1550.0
    block_symbols: float = 0.0
    estimation_share: float = 0.5
    estimation_failure: float = 1e-10
    secrecy: float = 1e-10
    excess_noise_abort: float = 0.3
    snr_floor_db: float = -30.0
    max_loss_db: float = 23.0

    def check(self) -> None:
        """Shares that are shares.

        Raises:
            ValueError: one is not; says which.
        """
        shares(duty=self.duty, efficiency=self.efficiency, reconciliation=self.reconciliation)
        shares(estimation_share=self.estimation_share)
        shares(estimation_failure=self.estimation_failure, secrecy=self.secrecy)
        above_zero(clock_hz=self.clock_hz, efficiency=self.efficiency, wavelength_nm=self.wavelength_nm)
        above_zero(secrecy=self.secrecy, estimation_failure=self.estimation_failure)

    @property
    def detection_noise(self) -> float:
        """Noise of trusted heterodyne detection, shot noise units at the receiver's input (chi of Fossier et al.)."""
        return (2 - self.efficiency + 2 * self.electronic_noise) / self.efficiency


@dataclass(frozen=True, slots=True)
class Channel:
    """A Gaussian channel.

    Attributes:
        transmittance: 0 to 1.
        excess_noise: shot noise units at its input.
    """

    transmittance: float
    excess_noise: float


def excess_noise(conditions: Conditions, parameters: Coherent, variance: float) -> float:
    """Excess noise at the channel's input, shot noise units, under an emitted modulation variance.

    Of the noise photons only those in the local oscillator's mode are seen: one polarisation, one mode a second
    and hertz, each of which raises the variance by 2 per photon. A fibre that turns the phase with an error
    probability e (of a bit coded in phase) has a phase variance of about 4e, which turns signal into noise.
    """
    nm_per_hz = parameters.wavelength_nm**2 / _LIGHT_NM_PER_S
    photons_per_mode = conditions.noise_photons_per_s_nm * nm_per_hz / 2
    at_output = parameters.receiver_excess_noise + 2 * photons_per_mode
    return (
        parameters.excess_noise_zero
        + at_output / conditions.transmittance
        + 4 * conditions.error_probability * variance
        + _INTERCEPT_RESEND * conditions.intercepted
    )


def snr(channel: Channel, parameters: Coherent, variance: float) -> float:
    """Signal-to-noise ratio of one measured quadrature, linear."""
    half = parameters.efficiency * channel.transmittance / 2
    return half * variance / (1 + parameters.electronic_noise + half * channel.excess_noise)


def worst_channel(channel: Channel, parameters: Coherent, variance: float) -> Channel | None:
    """The worst channel that a finite sample cannot exclude (Leverrier, Grosshans, Grangier 2010).

    Gain lower and noise higher by as many standard deviations as `estimation_failure` allows, from both quadratures
    of the disclosed symbols. None when not even the gain is known to be positive.
    """
    if not parameters.block_symbols:
        return channel
    points = 2 * parameters.block_symbols * parameters.estimation_share
    if not points or not variance:
        return None
    deviations = NormalDist().inv_cdf(1 - parameters.estimation_failure / 2)
    half = parameters.efficiency * channel.transmittance / 2
    noise = 1 + parameters.electronic_noise + half * channel.excess_noise
    gain = sqrt(half) - deviations * sqrt(noise / (points * variance))
    if gain <= 0:
        return None
    excess_at_output = half * channel.excess_noise + deviations * noise * sqrt(2 / points)
    return Channel(2 * gain**2 / parameters.efficiency, excess_at_output / gain**2)


def kept_share(parameters: Coherent) -> float:
    """Share of the symbols that is left for the key."""
    return 1 - parameters.estimation_share if parameters.block_symbols else 1.0


def amplification_loss(parameters: Coherent) -> float:
    """Bits per kept symbol lost to smoothing and privacy amplification of a finite block (same source)."""
    kept = parameters.block_symbols * kept_share(parameters)
    if not parameters.block_symbols:
        return 0.0
    if not kept:
        return float("inf")
    return 7 * sqrt(log2(2 / parameters.secrecy) / kept) + 2 / kept * log2(1 / parameters.secrecy)


def holevo(a: float, b: float, c: float, detection: float) -> float:
    """Eve's information on heterodyne results, bits per symbol, when Eve holds what the channel took.

    Args:
        a: variance of the sender's mode of the equivalent entangled state.
        b: variance of the mode that leaves the channel.
        c: their covariance. Of all states with these three, the Gaussian one tells Eve most.
        detection: trusted noise of the detection, at the receiver's input.
    """
    # sum and difference of the symplectic eigenvalues, in forms that lose no digits when they are close
    wide = sqrt(max(0.0, (a + b) ** 2 - 4 * c**2))
    before = _entropy((wide + abs(b - a)) / 2) + _entropy((wide - abs(b - a)) / 2)
    determinant = a * b - c**2
    known = b + detection
    trace = (
        (a**2 + b**2 - 2 * c**2) * detection**2 + determinant**2 + 1 + 2 * detection * (a * determinant + b) + 2 * c**2
    ) / known**2
    product = (a + determinant * detection) / known
    total, apart = sqrt(max(0.0, trace + 2 * product)), sqrt(max(0.0, trace - 2 * product))
    after = _entropy((total + apart) / 2) + _entropy((total - apart) / 2)
    return before - after


def _entropy(eigenvalue: float) -> float:
    """Entropy of a thermal state with this symplectic eigenvalue, bits."""
    photons = (eigenvalue - 1) / 2
    if photons <= 0:
        return 0.0
    return (photons + 1) * log2(photons + 1) - photons * log2(photons)
