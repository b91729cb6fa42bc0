"""The published key-rate models (`rates`) as a module uses them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qkd.optical.v1.plant_pb2 import PathState

from .figures import Limits, Reading, Scene
from .rates import Conditions, Model, calibrate

MEASURED = ("measured_skr_bps", "measured_qber", "measured_paths", "measured_temperature_c")
_ROOM_C = "22"


class PublishedRates:
    """A model with its parameters.

    What was measured of a system, and over which paths, moves the parameters that its maker does not publish, so
    that the model gives these averages there and what physics says elsewhere (`rates.calibrate`).

    Args:
        model: one of `rates.MODELS`.
        texts: its parameters by name; what is absent has the model's default. And what was measured:
            `measured_skr_bps` (bits a second), `measured_qber` (0 to 0.5), `measured_paths` (each sender's path as
            "loss in dB,length in km,noise photons per s and nm,error probability", the paths joined by ";"; needed
            for the others), `measured_temperature_c` (default 22).

    Raises:
        ValueError: an unknown name, or a text that does not fit.
    """

    def __init__(self, model: Model[Any], texts: Mapping[str, str]) -> None:
        self._model = model
        measured = {name: text for name, text in texts.items() if name in MEASURED}
        parameters = model.parameters.from_text({name: texts[name] for name in texts.keys() - measured.keys()})
        self._parameters = _met(model, parameters, measured) if "measured_skr_bps" in measured else parameters

    @property
    def limits(self) -> Limits:
        """Thresholds and clock."""
        return Limits(
            clock_hz=self._parameters.clock_hz,
            max_loss_db=self._parameters.max_loss_db,
            qber_abort=getattr(self._parameters, "qber_abort", 0.0),
            excess_noise_abort=getattr(self._parameters, "excess_noise_abort", 0.0),
        )

    def read(self, scene: Scene) -> Reading:
        """The expected figures."""
        met = [_conditions(path, scene) for path in scene.paths]
        found = self._model.estimate(*met, self._parameters)
        return Reading(
            found.skr_bps,
            found.qber,
            found.excess_noise,
            found.snr,
            found.visibility,
            found.loss_db,
            found.sifted_bps,
            found.abort,
        )


def _conditions(path: PathState, scene: Scene) -> Conditions:
    return Conditions(
        path.loss_db,
        length_km=path.length_km,
        noise_photons_per_s_nm=path.noise_photons_per_s_nm,
        error_probability=path.error_probability,
        intercepted=path.intercepted,
        temperature_c=scene.temperature_c,
        interval_s=scene.interval_s,
    )


def _met(model: Model[Any], start: Any, measured: Mapping[str, str]) -> Any:
    """The parameters with which the model gives what was measured, as nearly as its knobs allow."""
    temperature_c = _number("measured_temperature_c", measured.get("measured_temperature_c", _ROOM_C))
    texts = [text for text in measured.get("measured_paths", "").split(";") if text]
    paths = [_path(text, temperature_c) for text in texts]
    if len(paths) != model.arms:
        raise ValueError(f"setting measured_paths: {model.arms} path(s) belong to a measured rate, not {len(paths)}")
    qber = measured.get("measured_qber")
    return calibrate(
        model,
        *paths,
        skr_bps=_number("measured_skr_bps", measured["measured_skr_bps"]),
        qber=None if qber is None else _number("measured_qber", qber),
        start=start,
    ).parameters


def _path(text: str, temperature_c: float) -> Conditions:
    figures = [_number("measured_paths", one) for one in text.split(",")]
    if len(figures) != 4:
        raise ValueError(f"setting measured_paths: a path is four numbers, not {text!r}")
    loss_db, length_km, noise, error = figures
    return Conditions(
        loss_db,
        length_km=length_km,
        noise_photons_per_s_nm=noise,
        error_probability=error,
        temperature_c=temperature_c,
    )


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"setting {name}: {text!r} is not a number") from None
