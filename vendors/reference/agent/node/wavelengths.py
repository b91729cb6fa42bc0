"""Channels of modules ("C-37", "O") as the numbers that the model of ETSI GS QKD 015 has. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBERED = re.compile(r"[A-Z]+-([1-9][0-9]{0,3})")
_BANDS = {"O": 1310}  # nm; the typedef calls it a channel number, the description a wavelength


def number_of(channel: str) -> int | None:
    """The number of a channel; None = it has none that fits the model (1 to 9999)."""
    found = _NUMBERED.fullmatch(channel)
    return int(found[1]) if found else _BANDS.get(channel)


def channel_of(number: str, channels: Iterable[str]) -> str | None:
    """The one of these channels that a phys_wavelength means; None = none of them."""
    return next((channel for channel in channels if str(number_of(channel)) == number), None)


def ranges_of(channels: Iterable[str]) -> str:
    """All of them as wavelength_range: ascending, neighbours merged, "32-34,37"."""
    parts: list[list[int]] = []
    for number in sorted({number for channel in channels if (number := number_of(channel)) is not None}):
        if parts and number == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    return ",".join("-".join(map(str, part)) for part in parts)
