"""What all single-photon receivers share: background counts, errors that add up, entropy of a bit."""

from __future__ import annotations

from math import expm1, log2

from .conditions import Conditions


def background(
    conditions: Conditions, *, dark_hz: float, filter_nm: float, transmittance: float, efficiency: float, gate_s: float
) -> float:
    """Probability of a click without signal in one gate of one detector: dark counts and noise photons.

    Args:
        conditions: noise photons per second and nanometre before the receiver.
        dark_hz: dark counts, per second of open gate.
        filter_nm: width of the receiver's spectral filter, nanometres.
        transmittance: of the receiver's optics, 0 to 1.
        efficiency: of the detector, 0 to 1.
        gate_s: time that a gate is open, seconds.
    """
    noise_hz = conditions.noise_photons_per_s_nm * filter_nm * transmittance * efficiency
    return -expm1(-(dark_hz + noise_hz) * gate_s)


def flipped(*probabilities: float) -> float:
    """Probability that a bit is wrong after independent flips, each 0 to 0.5 (two flips undo each other)."""
    product = 1.0
    for probability in probabilities:
        product *= 1 - 2 * probability
    return (1 - product) / 2


def intercept_resend_error(intercepted: float) -> float:
    """Errors from intercept-resend on a share of the signals, in a random one of two conjugate bases.

    Half of the bases are wrong, and half of those bits come out wrong: a quarter of the share (Bennett and
    Brassard, "Quantum cryptography: public key distribution and coin tossing", Bangalore 1984).
    """
    return intercepted / 4


def binary_entropy(probability: float) -> float:
    """Entropy of a bit that is 1 with the given probability, bits; 0 outside 0 to 1."""
    if not 0 < probability < 1:
        return 0.0
    return -probability * log2(probability) - (1 - probability) * log2(1 - probability)


def error_entropy(probability: float) -> float:
    """Binary entropy of an error rate that is bounded from above: 1 from 0.5 on, as nothing is known there."""
    return 1.0 if probability >= 0.5 else binary_entropy(probability)
