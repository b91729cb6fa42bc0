"""What can be set on an emulated controller of switches: `ProvisionOpticalSwitchRequest.settings` by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

FAILURES = ("", "refuse", "stuck")


@dataclass(frozen=True, slots=True)
class SwitchSettings:
    """Habits of the emulator. Immutable; checked when made.

    Attributes:
        setup_s: from the acceptance of a service to lifecycle INSTALLED, seconds of the emulator's clock.
        failure: "refuse" refuses every new service (409, operation-failed); "stuck": none becomes INSTALLED.
        fibre_pairs: links of more than one pair, "LINK=NUMBER,LINK=NUMBER": so many services can use the same channel
            in the same direction.
        request_s: bounds each call to the plant, seconds.
        port: to listen on; 0 = any.
    """

    setup_s: float = 0.0
    failure: str = ""
    fibre_pairs: str = ""
    request_s: float = 10.0
    port: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.setup_s <= 3600 or not 0 < self.request_s <= 3600 or not 0 <= self.port < 65536:
            raise ValueError("setup_s and request_s are at most 3600 seconds, port is a port")
        if self.failure not in FAILURES:
            raise ValueError(f"failure is one of {', '.join(FAILURES[1:])}, or empty")
        self.pairs()

    def pairs(self) -> dict[str, int]:
        """Fibre pairs by link.

        Raises:
            ValueError: it is not written so.
        """
        found = {}
        for part in filter(None, self.fibre_pairs.split(",")):
            link, _, number = part.rpartition("=")
            if not link or not number.isdecimal() or int(number) < 1:
                raise ValueError(f"fibre_pairs: {part!r} is not LINK=NUMBER")
            found[link.strip()] = int(number)
        return found

    @classmethod
    def from_text(cls, texts: Mapping[str, str]) -> SwitchSettings:
        """The settings in their text form over the defaults.

        Raises:
            ValueError: a name is unknown, or a text does not fit; says which.
        """
        kinds: dict[str, type[int | float | str]] = {
            field.name: type(getattr(cls(), field.name)) for field in fields(cls)
        }
        values: dict[str, int | float | str] = {}
        for name, text in texts.items():
            if name not in kinds:
                raise ValueError(f"unknown setting {name!r}; known are {', '.join(sorted(kinds))}")
            try:
                values[name] = kinds[name](text)
            except ValueError:
                raise ValueError(f"setting {name}: {text!r} is not of type {kinds[name].__name__}") from None
        return cls(**values)  # type: ignore[arg-type]  # converted to the kind of each default above
