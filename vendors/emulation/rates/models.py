"""The rate models by name, and what of each may be turned to meet measured figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from . import cow, decoy_bb84, gg02, mdi, qpsk
from .conditions import Estimate
from .settings import Settings

P = TypeVar("P", bound=Settings)


class Knob(NamedTuple):
    """A parameter that measurements may move, between two bounds."""

    name: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Model(Generic[P]):
    """One key-rate model.

    Attributes:
        name: for settings and tables.
        parameters: its `Parameters`.
        estimate: (conditions, parameters) to figures; MDI takes the conditions of both arms.
        arms: how many conditions it takes.
        skr_knobs: turned in this order, the next one only when the one before is at a bound.
        qber_knob: for the QBER; None where the protocol has none.
    """

    name: str
    parameters: type[P]
    estimate: Callable[..., Estimate]
    skr_knobs: tuple[Knob, ...]
    qber_knob: Knob | None = None
    arms: int = 1


# A duty below a fiftieth would be no explanation; what is left to explain then is noise (CV) or the detector (DV).
_DUTY = Knob("duty", 0.02, 1.0)
# At the receiver for the Gaussian sender, which follows the loss: it must cost more the more loss there is.
_RECEIVER_NOISE = Knob("receiver_excess_noise", 0.0, 0.02)
_SENDER_NOISE = Knob("excess_noise_zero", 0.0, 0.3)
_DETECTOR = Knob("efficiency", 0.01, 0.6)
_COHERENT_DETECTOR = Knob("efficiency", 0.3, 0.9)
_ERRORS = Knob("misalignment", 0.0, 0.2)

DECOY_BB84 = Model("decoy-bb84", decoy_bb84.Parameters, decoy_bb84.estimate, (_DUTY, _DETECTOR), _ERRORS)
COW = Model("cow", cow.Parameters, cow.estimate, (_DUTY, _DETECTOR), _ERRORS)
GG02 = Model("gg02", gg02.Parameters, gg02.estimate, (_DUTY, _RECEIVER_NOISE, _COHERENT_DETECTOR))
QPSK = Model("qpsk", qpsk.Parameters, qpsk.estimate, (_DUTY, _SENDER_NOISE, _COHERENT_DETECTOR))
MDI = Model("mdi", mdi.Parameters, mdi.estimate, (_DUTY, _DETECTOR), _ERRORS, arms=2)

MODELS: Mapping[str, Model[Any]] = MappingProxyType({model.name: model for model in (DECOY_BB84, COW, GG02, QPSK, MDI)})
