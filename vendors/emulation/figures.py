"""Figures of one tick: what a rate model is told, what it says, and what a module reports of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import sqrt
from statistics import NormalDist
from typing import Any, Protocol, Self

from google.protobuf.duration_pb2 import Duration

from qkd.device.v1.module_pb2 import Performance
from qkd.optical.v1.plant_pb2 import PathState

from .harvest import Harvest


@dataclass(frozen=True, slots=True)
class Scene:
    """What a receiver's detectors are exposed to.

    Attributes:
        paths: what the light has met; two for a hub.
        temperature_c: of the receiver's surroundings, degrees Celsius.
        time_s: the plant's time, seconds.
        interval_s: length of the tick, seconds.
    """

    paths: Sequence[PathState]
    temperature_c: float
    time_s: float
    interval_s: float


@dataclass(frozen=True, slots=True)
class Reading:
    """Figures of a tick as `qkd.device.v1.Performance` has them; None where the protocol has none.

    Attributes:
        skr_bps: secret key, bits a second; 0 = none can be made.
        qber: share of wrong bits among the sifted, 0 to 0.5.
        excess_noise: shot noise units at the channel's input.
        snr: signal-to-noise ratio, linear.
        visibility: of the interference, 0 to 1.
        loss_db: the path's loss, dB.
        sifted_bps: sifted bits a second.
        cause: alarm code of what keeps secret key from being made ("QBER_HIGH", ...); empty = there is key.
    """

    skr_bps: float
    qber: float | None = None
    excess_noise: float | None = None
    snr: float | None = None
    visibility: float | None = None
    loss_db: float | None = None
    sifted_bps: float | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model's modules can do at most; as in `GetCapabilitiesResponse`."""

    clock_hz: float
    max_loss_db: float
    qber_abort: float = 0.0
    excess_noise_abort: float = 0.0


class RateModel(Protocol):
    """What a protocol makes of a scene, on average. Plain arithmetic: called once a tick for every link."""

    @property
    def limits(self) -> Limits:
        """Thresholds and clock."""
        ...

    def read(self, scene: Scene) -> Reading:
        """The expected figures."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """A receiver's figures of a tick, with its judgement; goes to the other end in the offer.

    Attributes:
        reading: the figures.
        slow: less key, or more noise, than is normal.
    """

    reading: Reading
    slow: bool = False

    def values(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self.reading), "slow": self.slow}

    @classmethod
    def of_values(cls, values: dict[str, Any]) -> Self:
        """From `values`."""
        rest = dict(values)
        slow = rest.pop("slow")
        return cls(Reading(**rest), slow)


def fluctuated(reading: Reading, interval_s: float, spread: float, draw: Harvest) -> Reading:
    """The figures of one finite interval around the expected ones; always the same for the same secret.

    Counts follow their statistics (normal approximation of the binomial): the error rate of N sifted bits has the
    variance q (1 - q) / N. Key rate and excess noise spread by `spread`, relative standard deviation.
    """
    normal = NormalDist()

    def around(mean: float, deviation: float, name: str) -> float:
        return max(0.0, mean + deviation * normal.inv_cdf(draw.uniform(name)))

    changed: dict[str, Any] = {"skr_bps": around(reading.skr_bps, spread * reading.skr_bps, "skr")}
    if reading.qber is not None:
        sifted = max(1.0, (reading.sifted_bps or 0.0) * interval_s)
        deviation = sqrt(max(0.0, reading.qber * (1 - reading.qber)) / sifted)
        changed["qber"] = min(0.5, around(reading.qber, deviation, "qber"))
    if reading.sifted_bps:
        deviation = sqrt(reading.sifted_bps * interval_s) / interval_s
        changed["sifted_bps"] = around(reading.sifted_bps, deviation, "sifted")
    if reading.excess_noise is not None:
        changed["excess_noise"] = around(reading.excess_noise, spread * reading.excess_noise, "noise")
    return replace(reading, **changed)


def performance(reading: Reading | None, skr_bps: float, time_s: float, interval_s: float) -> Performance:
    """The contract's message; `time_s` is the end of the interval."""
    interval = Duration()
    interval.FromNanoseconds(round(interval_s * 1e9))
    figures = {} if reading is None else {name: value for name, value in asdict(reading).items() if value is not None}
    figures.pop("cause", None)
    return Performance(**{**figures, "skr_bps": skr_bps, "time_s": time_s, "interval": interval})
