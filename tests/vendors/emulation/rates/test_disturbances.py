"""Rates fall with loss, noise and interception; no model beats the bound on repeaterless channels."""

from __future__ import annotations

from dataclasses import replace
from math import log2
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vendors.emulation.rates import (
    COW,
    DECOY_BB84,
    EXCESS_NOISE_HIGH,
    GG02,
    LOSS_TOO_HIGH,
    MDI,
    MODELS,
    QBER_HIGH,
    QPSK,
    VISIBILITY_LOW,
    Conditions,
    Estimate,
    Model,
    gg02,
)

EVERY = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
CONDITIONS = st.builds(
    Conditions,
    loss_db=st.floats(0, 35),
    noise_photons_per_s_nm=st.one_of(st.just(0.0), st.floats(0, 1e7)),
    error_probability=st.one_of(st.just(0.0), st.floats(0, 0.1)),
    intercepted=st.one_of(st.just(0.0), st.floats(0, 0.3)),
    temperature_c=st.floats(0, 40),
)
quick = settings(max_examples=25, deadline=None, derandomize=True)


def shown(model: Model[Any], conditions: Conditions, parameters: Any = None) -> Estimate:
    """What the model gives; MDI with the same conditions on both arms."""
    return model.estimate(*[conditions] * model.arms, parameters or model.parameters())


@EVERY
@quick
@given(
    conditions=CONDITIONS,
    worse=st.sampled_from(("loss_db", "noise_photons_per_s_nm", "error_probability", "intercepted")),
    share=st.floats(0.001, 1),
)
def test_the_rate_never_rises_when_anything_gets_worse(
    model: Model[Any], conditions: Conditions, worse: str, share: float
) -> None:
    most = {"loss_db": 10.0, "noise_photons_per_s_nm": 1e7, "error_probability": 0.2, "intercepted": 0.5}[worse]
    now = getattr(conditions, worse)
    later = replace(conditions, **{worse: min(now + share * most, {"error_probability": 0.5}.get(worse, most + now))})
    # a sender that follows the loss is another matter under interception: below
    device = gg02.Parameters(modulation_variance=2.0) if model is GG02 else model.parameters()
    before, after = shown(model, conditions, device), shown(model, later, device)
    assert after.skr_bps <= before.skr_bps * (1 + 1e-9)
    for figures in (before, after):
        assert bool(figures.abort) == (figures.skr_bps == 0)
        assert figures.skr_bps >= 0


@quick
@given(loss_db=st.floats(0, 25), more=st.floats(0.01, 10), noise=st.sampled_from((0.0, 1e7, 1e9)))
def test_a_sender_that_follows_the_loss_still_loses_rate_with_it(loss_db: float, more: float, noise: float) -> None:
    before, after = (
        GG02.estimate(Conditions(loss, noise_photons_per_s_nm=noise), GG02.parameters())
        for loss in (loss_db, loss_db + more)
    )
    assert after.skr_bps <= before.skr_bps


def test_a_sender_that_follows_the_loss_is_most_easily_tapped_where_there_is_little() -> None:
    near, far = (shown(GG02, Conditions(loss, intercepted=0.01)) for loss in (1.0, 10.0))
    assert near.abort == EXCESS_NOISE_HIGH
    assert far.skr_bps > 0


@EVERY
@quick
@given(conditions=CONDITIONS)
def test_no_rate_is_above_the_bound_of_its_channel(model: Model[Any], conditions: Conditions) -> None:
    """Pirandola, Laurenza, Ottaviani, Banchi, Nature Communications 8, 15043 (2017): -log2(1 - eta) a mode."""
    figures = shown(model, conditions)
    if figures.loss_db > 1e-6:  # below, the bound itself runs out of digits
        modes = model.parameters().clock_hz * (2 if model is COW else 1)  # two time bins a bit
        assert figures.skr_bps <= -log2(1 - 10 ** (-figures.loss_db / 10)) * modes


@pytest.mark.parametrize("loss_db", [0.1, 1.0, 3.0, 6.0, 10.0])
def test_not_even_an_ideal_gaussian_device_beats_the_bound(loss_db: float) -> None:
    ideal = gg02.Parameters(
        efficiency=1.0, electronic_noise=0.0, receiver_excess_noise=0.0, reconciliation=1.0, modulation_variance=1000.0
    )
    rate = gg02.estimate(Conditions(loss_db), ideal).skr_bps
    bound = -log2(1 - 10 ** (-loss_db / 10)) * ideal.clock_hz
    assert 0.3 * bound < rate < bound


@EVERY
@quick
@given(loss_db=st.floats(0, 6))
def test_full_interception_leaves_no_key_and_is_named(model: Model[Any], loss_db: float) -> None:
    figures = shown(model, Conditions(loss_db, intercepted=1.0))
    assert figures.skr_bps == 0
    assert (
        figures.abort
        == {
            DECOY_BB84.name: QBER_HIGH,
            COW.name: VISIBILITY_LOW,
            GG02.name: EXCESS_NOISE_HIGH,
            QPSK.name: EXCESS_NOISE_HIGH,
            MDI.name: QBER_HIGH,
        }[model.name]
    )


def test_interception_adds_a_quarter_of_its_share_or_two_shot_noise_units() -> None:
    single: tuple[Model[Any], ...] = (DECOY_BB84, COW, MDI)
    for model in single:
        calm, tapped = (shown(model, Conditions(2.0, intercepted=share)).qber or 0 for share in (0.0, 0.1))
        arms = model.arms
        assert tapped - calm == pytest.approx(arms * 0.025, rel=0.1)
    coherent: tuple[Model[Any], ...] = (GG02, QPSK)
    for model in coherent:
        calm, tapped = (shown(model, Conditions(2.0, intercepted=share)).excess_noise or 0 for share in (0.0, 0.1))
        assert tapped - calm == pytest.approx(0.2)
    calm, tapped = (shown(COW, Conditions(2.0, intercepted=share)).visibility or 0 for share in (0.0, 0.1))
    assert tapped == pytest.approx(0.9 * calm)


@EVERY
def test_heavy_loss_leaves_no_key_and_loss_is_to_blame(model: Model[Any]) -> None:
    for loss_db in (60.0, 300.0):
        assert shown(model, Conditions(loss_db)).abort == LOSS_TOO_HIGH
        assert shown(model, Conditions(loss_db, intercepted=0.5)).abort == LOSS_TOO_HIGH


def test_loss_is_to_blame_before_the_range_of_the_device_ends() -> None:
    loud = DECOY_BB84.parameters(max_loss_db=80.0)
    assert shown(DECOY_BB84, Conditions(60.0), loud).abort == LOSS_TOO_HIGH


@EVERY
def test_noise_alone_can_stop_every_model(model: Model[Any]) -> None:
    figures = shown(model, Conditions(2.0, noise_photons_per_s_nm=1e12))
    assert (figures.skr_bps, figures.abort != LOSS_TOO_HIGH) == (0, True)


def test_the_local_oscillator_filters_noise_that_stops_single_photon_detectors() -> None:
    noisy = Conditions(3.0, noise_photons_per_s_nm=3e7)
    assert shown(COW, noisy).abort == VISIBILITY_LOW
    assert shown(GG02, noisy).skr_bps > 0.9 * shown(GG02, Conditions(3.0)).skr_bps


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loss_db", -1.0),
        ("loss_db", float("nan")),
        ("intercepted", 1.1),
        ("error_probability", 0.6),
        ("interval_s", 0.0),
        ("noise_photons_per_s_nm", -1.0),
    ],
)
def test_conditions_that_cannot_be_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        replace(Conditions(3.0), **{name: value})
