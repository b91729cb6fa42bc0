"""What a signal meets on its way, and what a module makes of it: the input and the output of every rate model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from math import isfinite
from typing import Final

QBER_HIGH: Final = "QBER_HIGH"
EXCESS_NOISE_HIGH: Final = "EXCESS_NOISE_HIGH"
LOSS_TOO_HIGH: Final = "LOSS_TOO_HIGH"
VISIBILITY_LOW: Final = "VISIBILITY_LOW"


@dataclass(frozen=True, slots=True)
class Conditions:
    """State of one path (`qkd.optical.v1.PathState`) and of the receiver's surroundings.

    Attributes:
        loss_db: of the channel at the signal's wavelength, dB, without the receiver's own.
        length_km: of fibre, kilometres; for reports, no model needs it.
        noise_photons_per_s_nm: that reach the receiver in the quantum channel, per second and nanometre.
        error_probability: that the fibre turns a signal to the wrong state, 0 to 0.5.
        intercepted: share of the signals that were measured and sent anew by somebody, 0 to 1.
        temperature_c: of the receiver's surroundings, degrees Celsius.
        interval_s: length of the stretch of time that is asked about, seconds. Rates are averages over the
            blocks of the post-processing, which span many intervals; no model depends on it.

    Raises:
        ValueError: a figure is out of its range; says which.
    """

    loss_db: float
    length_km: float = 0.0
    noise_photons_per_s_nm: float = 0.0
    error_probability: float = 0.0
    intercepted: float = 0.0
    temperature_c: float = 20.0
    interval_s: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not isfinite(getattr(self, field.name)):
                raise ValueError(f"{field.name} is a finite number")
        if self.loss_db < 0 or self.length_km < 0 or self.noise_photons_per_s_nm < 0:
            raise ValueError("loss_db, length_km and noise_photons_per_s_nm are not negative")
        if not 0 <= self.error_probability <= 0.5:
            raise ValueError("error_probability lies between 0 and 0.5")
        if not 0 <= self.intercepted <= 1:
            raise ValueError("intercepted lies between 0 and 1")
        if self.interval_s <= 0:
            raise ValueError("interval_s is positive")

    @property
    def transmittance(self) -> float:
        """Share of the light that passes the channel, 0 to 1."""
        return float(10 ** (-self.loss_db / 10))

    def calm(self, temperature_c: float) -> Conditions:
        """The same loss with nothing else in the way, at the given temperature."""
        return Conditions(
            self.loss_db, length_km=self.length_km, temperature_c=temperature_c, interval_s=self.interval_s
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a module shows under some conditions. What a protocol has no notion of is None.

    Attributes:
        skr_bps: secret key, bits a second; 0 when `abort` is set.
        loss_db: of the channel, dB.
        qber: error rate of the sifted bits, 0 to 0.5.
        excess_noise: at the channel's input, shot noise units.
        snr: of each measured quadrature, linear.
        visibility: of the interference, 0 to 1.
        sifted_bps: sifted bits a second.
        abort: why there is no key (QBER_HIGH, EXCESS_NOISE_HIGH, LOSS_TOO_HIGH, VISIBILITY_LOW); empty = there is.
    """

    skr_bps: float
    loss_db: float
    qber: float | None = None
    excess_noise: float | None = None
    snr: float | None = None
    visibility: float | None = None
    sifted_bps: float | None = None
    abort: str = ""


def settled(
    figures: Estimate,
    *,
    max_loss_db: float,
    breach: Callable[[Estimate], str],
    otherwise: str,
    calm: Callable[[], Estimate],
) -> Estimate:
    """The figures, or no key and why. Loss is to blame when the path would give no key even if nothing disturbed it.

    Args:
        figures: as computed, with a rate of 0 or less (or no number) when no key is left.
        max_loss_db: largest loss at which the module works.
        breach: the threshold that figures exceed, as a reason; empty = none.
        otherwise: the reason when no threshold is exceeded and yet no key is left.
        calm: the figures of the same loss without disturbances; asked for only when there is no key.
    """

    def keyless(these: Estimate) -> bool:
        return not these.skr_bps > 0 or bool(breach(these))

    if figures.loss_db > max_loss_db:
        return replace(figures, skr_bps=0.0, abort=LOSS_TOO_HIGH)
    if not keyless(figures):
        return figures
    reason = LOSS_TOO_HIGH if keyless(calm()) else breach(figures) or otherwise
    return replace(figures, skr_bps=0.0, abort=reason)
