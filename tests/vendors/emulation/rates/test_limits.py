"""What the models must give where theory says it without them."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log, log2, pi, sqrt
from typing import Any

import numpy as np
import pytest

from vendors.emulation.rates import cow, decoy_bb84, gaussian, gg02, mdi, qpsk
from vendors.emulation.rates.conditions import Conditions
from vendors.emulation.rates.photons import binary_entropy

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]


def thermal_entropy(covariance: Matrix) -> float:
    """Of a Gaussian state, from the spectrum of i Omega V: no closed form of the models is used."""
    modes = len(covariance) // 2
    omega = np.kron(np.eye(modes), np.array([[0.0, 1.0], [-1.0, 0.0]]))
    values = np.sort(np.abs(np.linalg.eigvals(1j * omega @ covariance)))[::2]
    photons = [(value - 1) / 2 for value in values if value > 1 + 1e-9]
    return float(sum((n + 1) * log2(n + 1) - n * log2(n) for n in photons))


@pytest.mark.parametrize("loss_db", [1.0, 6.0, 15.0])
@pytest.mark.parametrize("variance", [0.5, 5.0])
def test_holevo_equals_the_entropies_of_the_whole_purification(loss_db: float, variance: float) -> None:
    transmittance, excess, efficiency, electronic = 10 ** (-loss_db / 10), 0.02, 0.56, 0.1
    a, b = 1 + variance, 1 + transmittance * (variance + excess)
    c = sqrt(transmittance * (a**2 - 1))
    # the detector: a beam splitter with one half of an entangled pair as its noise (Lodewyck 2007, Fossier 2009)
    noise = 1 + 2 * electronic / (1 - efficiency)
    pair = sqrt(noise**2 - 1)
    z = np.diag([1.0, -1.0])
    state = np.zeros((8, 8))
    for mode, value in enumerate((a, b, noise, noise)):
        state[2 * mode : 2 * mode + 2, 2 * mode : 2 * mode + 2] = value * np.eye(2)
    state[0:2, 2:4] = state[2:4, 0:2] = c * z
    state[4:6, 6:8] = state[6:8, 4:6] = pair * z
    splitter = np.eye(8)
    through, over = sqrt(efficiency), sqrt(1 - efficiency)
    splitter[2:4, 2:4] = splitter[4:6, 4:6] = through * np.eye(2)
    splitter[2:4, 4:6], splitter[4:6, 2:4] = over * np.eye(2), -over * np.eye(2)
    after = splitter @ state @ splitter.T
    rest, measured = [0, 1, 4, 5, 6, 7], [2, 3]
    cross = after[np.ix_(rest, measured)]
    conditional = (
        after[np.ix_(rest, rest)] - cross @ np.linalg.inv(after[np.ix_(measured, measured)] + np.eye(2)) @ cross.T
    )
    expected = thermal_entropy(state[:4, :4]) - thermal_entropy(conditional)
    detection = (2 - efficiency + 2 * electronic) / efficiency
    assert gaussian.holevo(a, b, c, detection) == pytest.approx(expected, abs=1e-6)


def test_gg02_without_loss_and_noise_keeps_all_mutual_information() -> None:
    ideal = gg02.Parameters(
        efficiency=1.0, electronic_noise=0.0, receiver_excess_noise=0.0, reconciliation=1.0, modulation_variance=4.0
    )
    figures = gg02.estimate(Conditions(0.0), ideal)
    assert figures.skr_bps == pytest.approx(12.5e6 * log2(1 + 4 / 2))
    assert figures.snr == pytest.approx(2.0)
    assert (figures.excess_noise, figures.qber) == (0.0, None)


def test_gg02_reaches_the_loss_that_its_maker_states_and_its_sender_stays_within_its_photons() -> None:
    device = gg02.Parameters()
    assert gg02.estimate(Conditions(23.0), device).skr_bps > 0
    assert gg02.estimate(Conditions(23.1), device).abort == "LOSS_TOO_HIGH"
    assert 2 * 0.0004 <= gg02.emitted_variance(Conditions(0.0), device) < 1
    assert gg02.emitted_variance(Conditions(40.0), device) == 80.0


def test_finite_blocks_cost_key_and_long_ones_come_near_the_asymptotic_rate() -> None:
    path = Conditions(8.0)
    rates = [
        gg02.estimate(path, gg02.Parameters(block_symbols=size, estimation_share=0.1)).skr_bps
        for size in (1e7, 1e9, 1e11, 1e15)
    ]
    assert rates == sorted(rates)
    assert rates[0] == 0
    assert rates[-1] == pytest.approx(0.9 * gg02.estimate(path, gg02.Parameters()).skr_bps, rel=0.01)


@pytest.mark.parametrize("mean_photons", [0.1, 0.4, 1.0])
def test_qpsk_covariance_equals_the_bound_computed_among_photon_numbers(mean_photons: float) -> None:
    size = 40
    numbers = np.arange(size)
    factorial = np.cumprod(np.maximum(numbers, 1).astype(float))
    states = [
        exp(-mean_photons / 2) * (sqrt(mean_photons) * np.exp(1j * pi / 2 * k)) ** numbers / np.sqrt(factorial)
        for k in range(4)
    ]
    mixture = sum(np.outer(state, state.conj()) for state in states) / 4
    values, vectors = np.linalg.eigh(mixture)
    kept = values > 1e-12
    root = (vectors[:, kept] * np.sqrt(values[kept])) @ vectors[:, kept].conj().T
    inverse = (vectors[:, kept] / np.sqrt(values[kept])) @ vectors[:, kept].conj().T
    lower = np.diag(np.sqrt(numbers[1:].astype(float)), 1)
    turned = root @ lower @ inverse
    spread = 0.0
    for state in states:
        moved = turned @ state
        spread += (np.vdot(moved, moved).real - abs(np.vdot(state, moved)) ** 2) / 4
    channel = gaussian.Channel(0.4, 0.02)
    overlap = np.trace(root @ lower @ root @ lower.conj().T).real
    expected = 2 * sqrt(channel.transmittance) * overlap - sqrt(2 * 0.4 * 0.02 * spread)
    assert qpsk.covariance(mean_photons, channel) == pytest.approx(expected, rel=1e-5)


def test_qpsk_is_never_better_than_gaussian_modulation_and_as_good_when_weak() -> None:
    for mean_photons in (0.02, 0.1, 0.3, 0.8):
        full = 1 + 2 * mean_photons
        gaussian_covariance = sqrt(0.5 * (full**2 - 1))
        bound = qpsk.covariance(mean_photons, gaussian.Channel(0.5, 0.0))
        assert bound < gaussian_covariance
        if mean_photons == 0.02:
            assert bound == pytest.approx(gaussian_covariance, rel=3e-3)


def test_qpsk_mutual_information_has_the_known_limits() -> None:
    assert qpsk.mutual_information(1e-4) == pytest.approx(log2(1 + 1e-4), rel=1e-3)
    assert qpsk.mutual_information(1e3) == pytest.approx(2.0)
    # binary-input Gaussian channel at 0 dB: 0.4859 bit a use
    assert qpsk.mutual_information(1.0) / 2 == pytest.approx(0.4859, abs=2e-4)


def test_decoy_bb84_comes_near_infinite_decoys_when_blocks_are_endless() -> None:
    ideal = decoy_bb84.Parameters(
        dark_hz=0.0, afterpulse=0.0, misalignment=0.01, vacuum=0.0, decoy=0.02, block_bits=1e18, longest_block_s=1e15
    )
    path = Conditions(10.0)
    system = path.transmittance * 10 ** (-ideal.receiver_loss_db / 10) * ideal.efficiency
    shares = {ideal.signal: ideal.signal_share, ideal.decoy: ideal.decoy_share}
    single = sum(share * mean * exp(-mean) * system for mean, share in shares.items())
    clicks = sum(share * (1 - exp(-system * mean)) for mean, share in shares.items())
    leaked = clicks * ideal.error_correction * binary_entropy(0.01)
    perfect = 1e9 * ideal.key_basis**2 * (single * (1 - binary_entropy(0.01)) - leaked)
    figures = decoy_bb84.estimate(path, ideal)
    assert 0.95 * perfect < figures.skr_bps <= perfect
    assert figures.qber == pytest.approx(0.01)


def test_decoy_bb84_block_equals_the_key_length_written_out() -> None:
    """Lim et al. 2014, written a second time for one block, from the counts up."""
    p = decoy_bb84.Parameters(block_bits=1e8, afterpulse=0.0)
    path = Conditions(8.0)
    figures = decoy_bb84.estimate(path, p)
    eta = path.transmittance * 10 ** (-p.receiver_loss_db / 10) * p.efficiency
    dark = 1 - exp(-p.dark_hz * p.gate_s)
    mu = np.array([p.signal, p.decoy, p.vacuum])
    prob = np.array([p.signal_share, p.decoy_share, 1 - p.signal_share - p.decoy_share])
    click = 1 - (1 - dark) * np.exp(-eta * mu)
    wrong = p.misalignment * (1 - np.exp(-eta * mu)) + (click - (1 - np.exp(-eta * mu))) / 2
    sent = 1e8 / (p.key_basis**2 * float(prob @ click))
    tau0, tau1 = float(prob @ np.exp(-mu)), float(prob @ (mu * np.exp(-mu)))

    def singles(counts: Any) -> tuple[float, float]:
        delta = sqrt(counts.sum() / 2 * log(21 / p.secrecy))
        low, high = np.exp(mu) / prob * (counts - delta), np.exp(mu) / prob * (counts + delta)
        zero = max(0.0, tau0 * (mu[1] * low[2] - mu[2] * high[1]) / (mu[1] - mu[2]))
        inner = low[1] - high[2] - (mu[1] ** 2 - mu[2] ** 2) / mu[0] ** 2 * (high[0] - zero / tau0)
        return zero, tau1 * mu[0] * inner / (mu[0] * (mu[1] - mu[2]) - mu[1] ** 2 + mu[2] ** 2)

    zero, one = singles(sent * p.key_basis**2 * prob * click)
    _, tested = singles(sent * (1 - p.key_basis) ** 2 * prob * click)
    errors = sent * (1 - p.key_basis) ** 2 * prob * wrong
    delta = sqrt(errors.sum() / 2 * log(21 / p.secrecy))
    most = np.exp(mu[1]) / prob[1] * (errors[1] + delta) - np.exp(mu[2]) / prob[2] * max(0.0, errors[2] - delta)
    b = tau1 * most / (mu[1] - mu[2]) / tested
    c = (one + tested) / (one * tested * (1 - b) * b)
    phase = b + sqrt((one + tested) * (1 - b) * b / (one * tested * log(2)) * log2(c * 21**2 / p.secrecy**2))
    qber = float(prob @ wrong) / float(prob @ click)
    length = zero + one * (1 - binary_entropy(phase)) - 1e8 * p.error_correction * binary_entropy(qber)
    length -= 6 * log2(21 / p.secrecy) + log2(2 / p.correctness)
    assert length > 0
    assert figures.skr_bps == pytest.approx(length / (sent / p.clock_hz), rel=1e-9)


def test_toshiba_gives_more_than_100_kbps_over_50_km_at_1310_nm() -> None:
    """The MadQCI paper says so of systems of this kind; 0.33 dB/km is usual for this wavelength."""
    assert decoy_bb84.estimate(Conditions(50 * 0.33), decoy_bb84.Parameters()).skr_bps > 100e3


def test_decoy_bb84_short_blocks_give_no_key() -> None:
    assert decoy_bb84.estimate(Conditions(5.0), decoy_bb84.Parameters(block_bits=1e4)).abort == "LOSS_TOO_HIGH"


def test_cow_eve_knows_only_what_beam_splitting_gives_when_nothing_is_disturbed() -> None:
    assert cow.eve_information(0.0, 1.0, 0.06) == pytest.approx(binary_entropy((1 + exp(-0.06)) / 2))
    assert cow.eve_information(0.0, 1.0, 1e-9) == pytest.approx(0.0, abs=1e-6)
    assert cow.eve_information(0.0, 0.5, 0.06) == 1.0


def test_cow_visibility_falls_away_from_the_nominal_temperature() -> None:
    device = cow.Parameters()
    cool, warm, hot = (cow.estimate(Conditions(8.0, temperature_c=t), device) for t in (20.0, 30.0, 45.0))
    assert cool.skr_bps > warm.skr_bps > hot.skr_bps
    assert hot.abort == "VISIBILITY_LOW"
    assert (cool.qber or 0) < (warm.qber or 0)
    assert warm == cow.estimate(Conditions(8.0, temperature_c=10.0), device)


def test_cow_detector_is_slower_than_its_dead_time() -> None:
    device = cow.Parameters(duty=0.5)
    assert (cow.estimate(Conditions(0.0), device).sifted_bps or 0) < 0.5 / device.dead_time_s


@pytest.mark.parametrize(("one_db", "other_db"), [(3.0, 3.0), (2.0, 7.0)])
@pytest.mark.parametrize("block_s", [0.0, 1800.0])
def test_mdi_decoys_bound_the_single_photons_from_the_safe_side(one_db: float, other_db: float, block_s: float) -> None:
    """Exact yields of single photons: Ma and Razavi, Physical Review A 86, 062319 (2012)."""
    device = mdi.Parameters(block_s=block_s)
    one, other = (10 ** (-(loss + device.receiver_loss_db) / 10) * device.efficiency for loss in (one_db, other_db))
    dark, wrong = 1e-6, 0.02
    hub = mdi._Hub(one, other, dark, wrong)
    quiet = (1 - dark) ** 2
    empty = (2 * one + 2 * other - 3 * one * other) * dark + 4 * (1 - one) * (1 - other) * dark**2
    true_yield = quiet * (one * other / 2 + empty)
    true_wrong = true_yield / 2 - (0.5 - wrong) * quiet * one * other / 2
    for gain in (mdi._key_gain, mdi._test_gain):
        low, high_wrong = mdi._single_photons(lambda a, b, gain=gain: gain(hub, a, b), device, 0.25)  # type: ignore[misc]
        assert 0.5 * true_yield < low <= true_yield
        assert true_wrong <= high_wrong


def test_mdi_bounds_close_in_on_the_single_photons_as_the_decoys_grow_weak() -> None:
    device = mdi.Parameters(block_s=0.0, decoy=0.001, vacuum=0.0)
    hub = mdi._Hub(0.2, 0.1, 0.0, 0.02)
    low, high_wrong = mdi._single_photons(lambda a, b: mdi._test_gain(hub, a, b), device, 0.25)
    assert 0.98 * 0.01 < low <= 0.01
    assert 0.02 * 0.01 <= high_wrong < 1.05 * 0.02 * 0.01


def test_mdi_makes_no_difference_between_its_arms_and_loses_to_finite_blocks() -> None:
    near, far = Conditions(3.0), Conditions(6.0)
    device = mdi.Parameters()
    assert mdi.estimate(near, far, device).skr_bps == pytest.approx(mdi.estimate(far, near, device).skr_bps)
    assert mdi.estimate(near, far, device).loss_db == 9.0
    endless = mdi.estimate(near, far, replace(device, block_s=0.0))
    assert 0 < mdi.estimate(near, far, device).skr_bps < endless.skr_bps
