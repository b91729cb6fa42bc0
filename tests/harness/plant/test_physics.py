"""What light meets: figures that add up, fall and rise the way they should."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from harness.plant import physics
from harness.plant.physics import Piece


def test_losses_add_in_db_and_weaken_the_noise_of_what_lies_before() -> None:
    whole = physics.along([Piece(3.0, 10.0, 100.0, 0.5), Piece(10.0, 5.0, 7.0, 0.5)])
    assert whole.loss_db == 13.0
    assert whole.length_km == 15.0
    assert whole.noise_photons_per_s_nm == pytest.approx(100.0 * 0.1 + 7.0)
    assert whole.intercepted == 0.75


def test_a_bend_costs_a_third_at_1310() -> None:
    assert physics.disturbance_loss_db(1.0, 6.0, o_band=False) == 7.0
    assert physics.disturbance_loss_db(1.0, 6.0, o_band=True) == 3.0


def test_raman_scattering_is_that_of_the_paper_when_both_waves_are_weakened_alike() -> None:
    launch, length, loss, rho = 1e-3, 25.0, 5.0, 2e-9
    out, alpha = launch * 10**-0.5, loss * math.log(10) / 10 / length
    assert physics.raman_forward_w_nm(launch, length, loss, loss, rho) == pytest.approx(out * length * rho)
    backward = physics.raman_backward_w_nm(launch, length, loss, loss, rho)
    assert backward == pytest.approx(out * math.sinh(alpha * length) / alpha * rho)
    # and runs over into the case of unequal ones without a jump
    assert physics.raman_forward_w_nm(launch, length, loss, loss * 1.0001, rho) == pytest.approx(
        out * length * rho, rel=1e-3
    )


def raman(channels: int = 4, *, o_band: bool = False, length: float = 10.0, dbm: float = 0.0) -> float:
    return physics.raman_photons_per_s_nm(channels, length, 0.25 * length, 0.4 * length, o_band=o_band, launch_dbm=dbm)


def test_noise_grows_with_channels_and_power_and_is_far_less_at_1310() -> None:
    assert raman(0) == raman(length=0.0) == 0.0
    assert raman(8) == pytest.approx(2 * raman(4))
    assert raman(dbm=-10) == pytest.approx(raman() / 10)
    assert 0 < raman(o_band=True) < raman() / 500
    # 4 channels at 0 dBm over 10 km: about 4 mW · 0.56 · 10 km · 2e-9 = 45 pW/nm
    assert raman() == pytest.approx(45e-12 * 1550e-9 / (6.626e-34 * 2.998e8), rel=0.02)


def test_wrong_states_wander_slowly_stay_small_and_grow_with_warmth_and_length() -> None:
    hours = [physics.misalignment(1, "l", 25.0, 600.0 * i) for i in range(300)]
    assert 0 <= min(hours) < max(hours) < 0.005
    assert max(abs(b - a) for a, b in pairwise(hours)) < 0.003
    assert physics.misalignment(1, "l", 25.0, 0.0, 20.0) > physics.misalignment(1, "l", 25.0, 0.0)
    assert physics.misalignment(1, "l", 25.0, 0.0, -20.0) == physics.misalignment(1, "l", 25.0, 0.0, 20.0)
    assert physics.misalignment(1, "l", 100.0, 9.0) > physics.misalignment(1, "l", 25.0, 9.0)
    assert physics.misalignment(1, "l", 1e6, 0.0, 80.0) <= 0.5
    assert physics.misalignment(1, "l", 25.0, 77.0) == physics.misalignment(1, "l", 25.0, 77.0)
    assert physics.misalignment(2, "l", 25.0, 77.0) != physics.misalignment(1, "l", 25.0, 77.0)


def test_turned_twice_is_turned_back() -> None:
    assert physics.either(0.5, 0.3) == pytest.approx(0.5)
    assert physics.either(0.1, 0.0) == 0.1
