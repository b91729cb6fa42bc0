"""Where the octets come from: the system's generator in the place of phase diffusion, and ways for it to fail."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Self

Noise = Callable[[int], bytes]  # so many octets

FAULTS = ("", "stuck", "biased")
_BIAS = 32  # of 256 values, so many become one


@dataclass(frozen=True, slots=True)
class QrngSettings:
    """Settings of one generator, in text form from the topology file.

    Attributes:
        entropy_per_sample: min-entropy claimed for an octet of the source, bits; sets the health tests' cutoffs.
        alpha_exponent: a sound source fails a health test with probability 2**-alpha_exponent.
        fault: "" (none), "stuck" (one value only) or "biased" (one value with probability above 1/8).
        fault_after_octets: how many octets of the source are sound before the fault.

    Raises:
        ValueError: when one is out of range.
    """

    entropy_per_sample: float = 7.0
    alpha_exponent: int = 40
    fault: str = ""
    fault_after_octets: int = 0

    def __post_init__(self) -> None:
        if self.fault not in FAULTS:
            raise ValueError(f"fault is one of {', '.join(map(repr, FAULTS))}")
        if not 0 < self.entropy_per_sample <= 8 or not 20 <= self.alpha_exponent <= 40:
            raise ValueError("entropy_per_sample is above 0 to 8, alpha_exponent 20 to 40")
        if self.fault_after_octets < 0:
            raise ValueError("fault_after_octets is 0 or more")

    @classmethod
    def from_text(cls, texts: dict[str, str]) -> Self:
        """Settings from their text form, names as above.

        Raises:
            ValueError: when a name is unknown or a text does not fit.
        """
        kinds = {field.name: type(getattr(cls(), field.name)) for field in fields(cls)}
        unknown = sorted(texts.keys() - kinds.keys())
        if unknown:
            raise ValueError(f"no such setting: {', '.join(unknown)}; there are {', '.join(kinds)}")
        values = {}
        for name, text in texts.items():
            try:
                values[name] = kinds[name](text)
            except ValueError:
                raise ValueError(f"setting {name}: {text!r} is not of type {kinds[name].__name__}") from None
        return cls(**values)


def noise_of(settings: QrngSettings, sound: Noise = os.urandom) -> Noise:
    """The source that the settings describe."""
    return _Failing(settings, sound) if settings.fault else sound


class _Failing:
    """A source that is sound at first."""

    def __init__(self, settings: QrngSettings, sound: Noise) -> None:
        self._sound = sound
        self._left = settings.fault_after_octets
        values = bytes(256) if settings.fault == "stuck" else bytes(_BIAS) + bytes(range(_BIAS, 256))
        self._spoilt = values

    def __call__(self, octets: int) -> bytes:
        drawn = self._sound(octets)
        before, after = drawn[: self._left], drawn[self._left :]
        self._left = max(0, self._left - octets)
        return before + after.translate(self._spoilt)
