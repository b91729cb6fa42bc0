"""Published key-rate models of the emulated modules: what rate and errors a path gives, and why no key.

Pure functions: `estimate(conditions, parameters)` of each model, `calibrate` to meet measured figures.
"""

from .calibration import Calibrated, calibrate
from .conditions import (
    EXCESS_NOISE_HIGH,
    LOSS_TOO_HIGH,
    QBER_HIGH,
    VISIBILITY_LOW,
    Conditions,
    Estimate,
)
from .models import COW, DECOY_BB84, GG02, MDI, MODELS, QPSK, Knob, Model

__all__ = [
    "COW",
    "DECOY_BB84",
    "EXCESS_NOISE_HIGH",
    "GG02",
    "LOSS_TOO_HIGH",
    "MDI",
    "MODELS",
    "QBER_HIGH",
    "QPSK",
    "VISIBILITY_LOW",
    "Calibrated",
    "Conditions",
    "Estimate",
    "Knob",
    "Model",
    "calibrate",
]
