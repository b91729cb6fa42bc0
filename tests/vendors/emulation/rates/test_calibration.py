"""Calibrated parameters meet what was measured, say how far they are off where they cannot, and travel as text."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from vendors.emulation.rates import COW, DECOY_BB84, GG02, MDI, MODELS, QPSK, Conditions, Model, calibrate
from vendors.emulation.rates.__main__ import main
from vendors.emulation.rates.madqci import LOSSES, TABLE_1, Comparison, LinkLoss, compare, path_loss

EVERY = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())


@pytest.fixture(scope="module")
def table() -> tuple[Comparison, ...]:
    return compare()


def test_table_1_is_met_row_by_row(table: tuple[Comparison, ...]) -> None:
    assert len(table) == len(TABLE_1) == 39
    for each in table:
        assert each.calibrated.abort == ""
        assert abs(each.calibrated.skr_deviation) < 1e-3, each.row.label
        assert each.calibrated.knobs
        assert (each.calibrated.qber_deviation is None) == (each.row.qber is None)
        assert abs(each.calibrated.qber_deviation or 0) < 1e-4, each.row.label


def test_calibrated_parameters_still_obey_physics_after_they_have_travelled(table: tuple[Comparison, ...]) -> None:
    for each in table:
        model = each.row.model
        arrived = model.parameters.from_text(each.calibrated.parameters.to_text())
        assert arrived == each.calibrated.parameters
        assert model.estimate(Conditions(each.loss_db), arrived).skr_bps == each.calibrated.skr_bps
        bent = model.estimate(Conditions(each.loss_db + 1), arrived)
        assert bent.skr_bps < each.calibrated.skr_bps
        tapped = model.estimate(Conditions(each.loss_db, intercepted=1.0), arrived)
        assert tapped.abort in ("QBER_HIGH", "VISIBILITY_LOW", "EXCESS_NOISE_HIGH")


def test_losses_say_how_they_are_known() -> None:
    by_label = {(row.label, row.maker): row for row in TABLE_1}
    loss_db, standing = path_loss(by_label["8", "Toshiba"])
    assert (round(loss_db, 9), standing) == (17.7, "derived")
    switched = by_label["6 + 7", "HWDU"]
    assert path_loss(switched) == (6.0 + 7.5 + 1.0, "assumed")
    assert path_loss(switched, {**LOSSES, "6": LinkLoss(9.0)})[0] == pytest.approx(17.5)
    assert all(2.0 <= loss.c_band_db <= 14.3 for loss in LOSSES.values())


@EVERY
def test_a_known_device_is_found_again(model: Model[Any]) -> None:
    paths = [Conditions(4.0, noise_photons_per_s_nm=1e3)] * model.arms
    knobs = {"duty": 0.4} | ({"misalignment": 0.023} if model.qber_knob else {})
    device = model.parameters(**knobs)
    measured = model.estimate(*paths, device)
    found = calibrate(model, *paths, skr_bps=measured.skr_bps, qber=measured.qber)
    for name, value in knobs.items():
        assert getattr(found.parameters, name) == pytest.approx(value, rel=1e-4)
    assert set(found.knobs) == set(knobs)
    assert abs(found.skr_deviation) < 1e-5


@EVERY
def test_a_device_that_fits_is_left_as_it_is(model: Model[Any]) -> None:
    paths = [Conditions(4.0)] * model.arms
    device = model.parameters(duty=0.3)
    measured = model.estimate(*paths, device)
    found = calibrate(model, *paths, skr_bps=measured.skr_bps, qber=measured.qber, start=device)
    assert (found.parameters, found.knobs, found.skr_deviation) == (device, (), 0.0)


def test_a_rate_out_of_reach_is_reported_as_such() -> None:
    found = calibrate(DECOY_BB84, Conditions(18.0), skr_bps=1e9, qber=0.03)
    assert found.skr_deviation < -0.9
    assert found.parameters.duty == 1.0
    assert found.parameters.efficiency == 0.6
    assert found.skr_bps == pytest.approx(1e9 * (1 + found.skr_deviation))


def test_an_error_rate_below_the_floor_of_the_detectors_is_reported_as_such() -> None:
    found = calibrate(DECOY_BB84, Conditions(10.0), skr_bps=1e5, qber=0.001)
    assert found.parameters.misalignment == 0.0
    assert found.qber_deviation is not None
    assert found.qber_deviation > 0.005
    assert abs(found.skr_deviation) < 1e-3


def test_noise_explains_what_a_duty_factor_cannot() -> None:
    found = calibrate(GG02, Conditions(14.5), skr_bps=110.0)
    assert found.knobs == ("duty", "receiver_excess_noise")
    assert found.parameters.duty == 0.02
    assert abs(found.skr_deviation) < 1e-3


def test_calibration_refuses_what_it_cannot_use() -> None:
    with pytest.raises(ValueError, match=r"mdi takes conditions of 2 path\(s\), not 1"):
        calibrate(MDI, Conditions(3.0), skr_bps=1.0)
    with pytest.raises(ValueError, match="skr_bps is a finite number above 0"):
        calibrate(COW, Conditions(3.0), skr_bps=0.0)
    with pytest.raises(ValueError, match="qber lies between"):
        calibrate(COW, Conditions(3.0), skr_bps=1.0, qber=0.5)


@EVERY
def test_settings_travel_as_text(model: Model[Any]) -> None:
    defaults = model.parameters()
    assert model.parameters.from_text({}) == defaults
    odd = model.parameters(duty=1 / 3)
    assert set(odd.to_text()) == {field.name for field in fields(model.parameters)}
    assert model.parameters.from_text(odd.to_text()) == odd


@EVERY
@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ({"dutty": "1"}, "unknown setting 'dutty'; known are .*clock_hz, "),
        ({"duty": "half"}, "setting duty: 'half' is not a number"),
        ({"duty": "nan"}, "duty is a finite number"),
        ({"duty": "1.5"}, "duty lies between 0 and 1"),
        ({"duty": "-0.1"}, "duty is not negative"),
        ({"clock_hz": "0"}, "clock_hz is more than 0"),
    ],
)
def test_settings_that_do_not_fit_are_refused(model: Model[Any], texts: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match="^" + says):
        model.parameters.from_text(texts)


def test_qpsk_refuses_amplitudes_outside_its_closed_form() -> None:
    with pytest.raises(ValueError, match="mean_photons"):
        QPSK.parameters(mean_photons=0.001)


def test_the_command_prints_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    printed = capsys.readouterr().out
    assert printed.count("HWDU") == 30
    assert sum(printed.count(maker) for maker in ("HWDU", "ID Quantique", "Toshiba", "AIT")) == len(TABLE_1)
    assert "ASSUMED" in printed
