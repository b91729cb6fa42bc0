"""Wavelengths as 015 writes them: WDM channel numbers, 1 to 9999 (1310 for the O-band)."""

from __future__ import annotations

import re

_RANGE = re.compile(r"[1-9][0-9]{0,3}(-[1-9][0-9]{0,3})?(,[1-9][0-9]{0,3}(-[1-9][0-9]{0,3})?)*")
_O_BAND = 1310
_O_BAND_MHZ = 228_849_204
_GRID_MHZ = 100_000
_FIRST_MHZ = 190_000_000  # ITU-T G.694.1: channel n of the 100 GHz grid lies at 190.0 THz + n * 0.1 THz


def channels_of(wavelength_range: str) -> list[int]:
    """The channels of a wavelength_range, ascending; none for what is no range."""
    if not _RANGE.fullmatch(wavelength_range):
        return []
    found = set[int]()
    for part in wavelength_range.split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return sorted(found)


def common_channels(one: str, other: str) -> list[int] | None:
    """Channels that two interfaces have; None = one of them names none, so that anything may fit."""
    if not one or not other:
        return None
    return sorted(set(channels_of(one)) & set(channels_of(other)))


def spectrum_of(wavelength: str) -> tuple[int, int] | None:
    """Lower and upper frequency of a channel, MHz; None for what is no channel of either band."""
    if not wavelength.isascii() or not wavelength.isdigit():
        return None
    number = int(wavelength)
    middle = _O_BAND_MHZ if number == _O_BAND else _FIRST_MHZ + number * _GRID_MHZ if 0 < number < 100 else None
    return None if middle is None else (middle - _GRID_MHZ // 2, middle + _GRID_MHZ // 2)
