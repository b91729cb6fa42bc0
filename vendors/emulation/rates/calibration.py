"""Free parameters of a device from a measured average rate and QBER.

What is turned here is not known: the makers publish neither duty factors nor detector efficiencies. A calibrated
model reproduces its own calibration point by construction, which says nothing for the model; what the model adds is
how rate and errors move away from that point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic

from .conditions import Conditions, Estimate
from .models import Knob, Model, P

_MET = 1e-6
"""Relative deviation at which a target counts as met."""
_ROUNDS = 6
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Calibrated(Generic[P]):
    """Parameters that come as near to the measurement as their knobs allow.

    Attributes:
        parameters: of the model.
        skr_bps: that the model gives with them, bits a second.
        qber: likewise, None where the protocol has none.
        skr_deviation: (model - measured) / measured.
        qber_deviation: model - measured, absolute; None when no QBER was measured or the protocol has none.
        knobs: names of the parameters that were moved; empty = the defaults fit as they are.
        uncalibrated_skr_bps: what the model gave before, bits a second.
        abort: why the model gives no key even so; empty = it gives one.
    """

    parameters: P
    skr_bps: float
    qber: float | None
    skr_deviation: float
    qber_deviation: float | None
    knobs: tuple[str, ...]
    uncalibrated_skr_bps: float
    abort: str = ""


def calibrate(
    model: Model[P], *conditions: Conditions, skr_bps: float, qber: float | None = None, start: P | None = None
) -> Calibrated[P]:
    """Turns the model's knobs until it gives the measured rate and QBER under the conditions.

    Args:
        model: one of `models`.
        conditions: of the path; for MDI of both arms.
        skr_bps: measured average, bits a second, more than 0.
        qber: measured average, 0 to 0.5; None = not measured, or no QBER in the protocol.
        start: where to start; default: the model's defaults.

    Raises:
        ValueError: not as many conditions as the model has arms, or no rate to meet, or no such QBER.
    """
    if len(conditions) != model.arms:
        raise ValueError(f"{model.name} takes conditions of {model.arms} path(s), not {len(conditions)}")
    if not 0 < skr_bps < float("inf"):
        raise ValueError("skr_bps is a finite number above 0")
    if qber is not None and not 0 <= qber < 0.5:
        raise ValueError("qber lies between 0 and 0.5")
    first = start if start is not None else model.parameters()
    knob = model.qber_knob if qber is not None else None

    def figures(parameters: P) -> Estimate:
        return model.estimate(*conditions, parameters)

    def rate(parameters: P) -> float:
        return figures(parameters).skr_bps / skr_bps - 1

    def errors(parameters: P) -> float:
        return (figures(parameters).qber or 0.0) - (qber or 0.0)

    found = first
    for _ in range(_ROUNDS):  # rate and errors share the detector, so each turn may move the other a little
        if knob:
            found = _turned(found, knob, errors)
        for each in model.skr_knobs:
            if abs(rate(found)) <= _MET:
                break
            found = _turned(found, each, rate)
        if abs(rate(found)) <= _MET and (not knob or abs(errors(found)) <= _MET):
            break
    last = figures(found)
    names = [each.name for each in (*model.skr_knobs, *([knob] if knob else []))]
    return Calibrated(
        parameters=found,
        skr_bps=last.skr_bps,
        qber=last.qber,
        skr_deviation=rate(found),
        qber_deviation=None if qber is None or last.qber is None else last.qber - qber,
        knobs=tuple(name for name in names if getattr(found, name) != getattr(first, name)),
        uncalibrated_skr_bps=figures(first).skr_bps,
        abort=last.abort,
    )


def _turned(parameters: P, knob: Knob, deviation: Callable[[P], float]) -> P:
    """The parameters with the knob where the deviation is smallest: where it changes sign, or at a bound."""
    tried: dict[float, float] = {}

    def at(value: float) -> float:
        tried[value] = deviation(replace(parameters, **{knob.name: value}))
        return tried[value]

    at(getattr(parameters, knob.name))  # listed first: stays where turning it changes nothing
    low, high = knob.low, knob.high
    if (below := at(low)) * at(high) < 0:
        # Halving and not scipy's root finders: those cost each maker's process a second and 100 MiB to load.
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if not low < middle < high:
                break
            low, high = (low, middle) if at(middle) * below < 0 else (middle, high)
    best = min(tried, key=lambda value: abs(tried[value]))
    return replace(parameters, **{knob.name: best})
