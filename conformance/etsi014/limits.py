"""The limits of the KME under test, as the ICS has them, and the requests that follow from them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from harness.campaign.ics import Ics

# Assumed where neither a claim nor Status says anything; the figures of the example in 6.1, made modest.
ASSUMED = {"key_size": 256, "max_key_per_request": 1, "max_SAE_ID_count": 0}
LARGEST_REQUEST = 1025
"""The most keys that the harness asks for at once where no budget says less."""


def key_size(ics: Ics) -> int:
    """Default size of a key, bits."""
    return max(1, ics.number("key_size", ASSUMED["key_size"]))


def smallest(ics: Ics) -> int:
    """min_key_size, bits."""
    return max(1, ics.number("min_key_size", key_size(ics)))


def largest(ics: Ics) -> int:
    """max_key_size, bits."""
    return max(1, ics.number("max_key_size", key_size(ics)))


def per_request(ics: Ics) -> int:
    """max_key_per_request."""
    return max(1, ics.number("max_key_per_request", ASSUMED["max_key_per_request"]))


def ids_per_fetch(ics: Ics) -> int:
    """Most key IDs in one Get key with key IDs: as claimed, or as max_key_per_request (A16)."""
    return max(1, ics.number("max_key_IDs_per_request", per_request(ics)))


def largest_request(ics: Ics) -> int:
    """The most keys that the harness itself asks for in one request, be it to see it refused."""
    return ics.number("largest_request", LARGEST_REQUEST)


def most(ics: Ics) -> int:
    """The largest number of keys in one request that is tried: max_key_per_request, unless that is too costly.

    A pool that never holds that many keys (max_key_count) is asked for half of what it can hold.
    """
    held = ics.number("max_key_count", 0)
    room = per_request(ics) if held <= 0 or held >= per_request(ics) else max(1, held // 2)
    return min(room, largest_request(ics) - 1)


def fits_pool(ics: Ics, size: int) -> bool:
    """True unless one key of ``size`` bits is worth more keys of the default size than the pool ever holds."""
    held = ics.number("max_key_count", 0)
    return held <= 0 or -(-size // key_size(ics)) <= held


def few(ics: Ics, wanted: int) -> int:
    """``wanted`` keys, or as many as one request may ask for."""
    return min(wanted, per_request(ics))


def odd_size(ics: Ics) -> int | None:
    """A size within the limits that is no multiple of 8, near the default; None when there is none."""
    near = key_size(ics)
    for size in (near + 1, near - 1, near + 4, near - 4, smallest(ics) + 1, largest(ics) - 1):
        if smallest(ics) <= size <= largest(ics) and size % 8:
            return size
    return None


def size_between(ics: Ics) -> int | None:
    """A multiple of 8 strictly within the limits that is not the default; prefers multiples of 64 and 32."""
    low, high, default = smallest(ics), largest(ics), key_size(ics)
    for step in (64, 32, 8):
        for size in (default + step, default - step, (low // step + 1) * step, ((high - 1) // step) * step):
            if low < size < high and size != default and size % 8 == 0:
                return size
    return None


def sizes_below(ics: Ics) -> tuple[int, ...]:
    """Positive sizes below the limit: the next multiple of 8 and the next size at all."""
    low = smallest(ics)
    return tuple(size for size in dict.fromkeys(((low - 1) // 8 * 8, low - 1)) if size > 0)


def sizes_above(ics: Ics) -> tuple[int, ...]:
    """Sizes above the limit: the next multiple of 8 and the next size at all."""
    high = largest(ics)
    return tuple(dict.fromkeys((high // 8 * 8 + 8, high + 1)))


def extension(ics: Ics, name: str) -> Mapping[str, object] | None:
    """The extension parameter claimed under ``name`` as "name=value"; the value is JSON, or else text."""
    claimed = ics.get(name)
    if not isinstance(claimed, str) or "=" not in claimed:
        return None
    parameter, _, text = claimed.partition("=")
    try:
        value: object = json.loads(text)
    except ValueError:
        value = text.strip()
    return {parameter.strip(): value}


# ---- when a case applies -------------------------------------------------------------------------------------------


def several_keys(ics: Ics) -> str:
    """The case needs requests for more than one key."""
    return "" if per_request(ics) >= 2 else "max_key_per_request is 1"


def several_ids(ics: Ics) -> str:
    """The case needs more than one key ID in one request."""
    if ids_per_fetch(ics) < 2:
        return "one key ID a request"
    return ""


def sizes_vary(ics: Ics) -> str:
    """The case needs more than one key size."""
    return "" if smallest(ics) < largest(ics) else f"all keys have {key_size(ics)} bits"
