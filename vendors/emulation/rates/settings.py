"""Parameters of a model in text form, as they travel in `ProvisionModuleRequest.settings`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Base of all `Parameters`: numbers by name, each with a default. Immutable; checked when made.

    Subclasses give bounds in `check`.

    Raises:
        ValueError: a number is not finite, negative, or breaks a rule of `check`; says which.
    """

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isfinite(value):
                raise ValueError(f"{field.name} is a finite number")
            if value < 0 and not field.name.endswith(("_db", "_c")):
                raise ValueError(f"{field.name} is not negative")
        self.check()

    def check(self) -> None:
        """Rules of the model at hand; raises ValueError when one is broken."""

    @classmethod
    def from_text(cls, texts: Mapping[str, str]) -> Self:
        """The settings in their text form over the defaults.

        Raises:
            ValueError: a name is unknown, or a text is no number or breaks a rule; says which.
        """
        known = {field.name for field in fields(cls)}
        values: dict[str, float] = {}
        for name, text in texts.items():
            if name not in known:
                raise ValueError(f"unknown setting {name!r}; known are {', '.join(sorted(known))}")
            try:
                values[name] = float(text)
            except ValueError:
                raise ValueError(f"setting {name}: {text!r} is not a number") from None
        return cls(**values)

    def to_text(self) -> dict[str, str]:
        """Every setting by name; `from_text` gives equal settings back, to the last bit."""
        return {field.name: repr(float(getattr(self, field.name))) for field in fields(self)}


def shares(**values: float) -> None:
    """Checks that each value lies between 0 and 1.

    Raises:
        ValueError: one does not; says which.
    """
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} lies between 0 and 1")


def above_zero(**values: float) -> None:
    """Checks that each value is more than 0.

    Raises:
        ValueError: one is not; says which.
    """
    for name, value in values.items():
        if value <= 0:
            raise ValueError(f"{name} is more than 0")
