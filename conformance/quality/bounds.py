"""Bounds on chance: each is exact or too large, never too small, for keys of independent, even bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]
_SEARCH_STEPS = 25
_GOLDEN = 0.381966
Whole = int | float | Sequence[int] | npt.NDArray[np.integer[Any]] | Reals


def two_sided(ones: Whole, tosses: Whole) -> Reals:
    """P(a fair coin lands at least as unevenly), for each entry."""
    return uneven(ones, tosses, 0.5)


def uneven(hits: Whole, tosses: Whole, chance: float) -> Reals:
    """Like `two_sided` for hits of probability ``chance``."""
    nearer = np.minimum(at_most(hits, tosses, chance), at_least(hits, tosses, chance))
    return np.minimum(1.0, 2.0 * nearer)


def at_least(hits: Whole, tosses: Whole, chance: float | Sequence[float]) -> Reals:
    """P(at least so many hits), for each entry, by the incomplete beta function."""
    found, thrown = np.asarray(hits, dtype=np.float64), np.asarray(tosses, dtype=np.float64)
    inside = _special().betainc(np.maximum(found, 1.0), np.maximum(thrown - found + 1.0, 1.0), np.asarray(chance))
    return np.where(found <= 0, 1.0, np.where(found > thrown, 0.0, inside))


def at_most(hits: Whole, tosses: Whole, chance: float) -> Reals:
    """P(at most so many hits), for each entry."""
    found, thrown = np.asarray(hits, dtype=np.float64), np.asarray(tosses, dtype=np.float64)
    return at_least(thrown - found, thrown, 1.0 - chance)


def least(bounds: npt.ArrayLike, looks: int | None = None) -> float:
    """Bonferroni: the bound for the oddest of ``looks`` looks (default: as many as there are entries)."""
    values = np.asarray(bounds, dtype=np.float64).ravel()
    if values.size == 0:
        return 1.0
    return float(min(1.0, values.min() * (values.size if looks is None else looks)))


def collision(pairs: float, bits: float) -> float:
    """P(any of ``pairs`` pairs of random strings of ``bits`` bits agrees), by the union bound."""
    exponent = np.log2(pairs) - bits if pairs > 0 else -np.inf
    return float(min(1.0, 2.0**exponent))


def spread(tosses: int, ones: npt.ArrayLike) -> float:
    """The squared standardised distance of each count of ones from its mean, summed."""
    return float(np.sum((2.0 * np.asarray(ones, dtype=np.float64) - tosses) ** 2) / tosses)


def dispersion(total: float, groups: Mapping[int, int]) -> float:
    """P(the counts of ones scatter at least as oddly as ``total``), two-sided, by Chernoff's bound.

    ``groups`` maps tosses to the number of counts made of so many tosses; ``total`` is the sum of their `spread`.
    """
    sizes = tuple(sorted((tosses, many) for tosses, many in groups.items() if tosses > 0 and many > 0))
    mean = float(sum(many for _, many in sizes))
    if not sizes or total == mean:
        return 1.0
    low, high = (0.0, 2.0) if total > mean else (-40.0, 0.0)
    # Any argument gives a true bound; the search (the function is convex) only makes it a tight one.
    best = 0.0
    for _ in range(_SEARCH_STEPS):
        one, other = low + _GOLDEN * (high - low), high - _GOLDEN * (high - low)
        at_one, at_other = _log_chernoff(one, total, sizes), _log_chernoff(other, total, sizes)
        best = min(best, at_one, at_other)
        low, high = (low, other) if at_one < at_other else (one, high)
    return float(min(1.0, 2.0 * np.exp(best)))


def _log_chernoff(tilt: float, total: float, sizes: tuple[tuple[int, int], ...]) -> float:
    moments = (many * float(_special().logsumexp(_law(tosses)[0] + tilt * _law(tosses)[1])) for tosses, many in sizes)
    return sum(moments) - tilt * total


@lru_cache(maxsize=1024)
def _law(tosses: int) -> tuple[Reals, Reals]:
    ones = np.arange(tosses + 1)
    values = (2.0 * ones - tosses) ** 2 / tosses
    return _log_ways(ones, tosses) - tosses * np.log(2.0), values


def _log_ways(ones: npt.NDArray[np.integer[Any]], tosses: int) -> Reals:
    gammaln = _special().gammaln
    return np.asarray(gammaln(tosses + 1) - gammaln(ones + 1) - gammaln(tosses - ones + 1), dtype=np.float64)


@lru_cache(maxsize=1)
def _special() -> ModuleType:
    # Takes a third of a second to import, and many campaigns judge no keys.
    from scipy import special  # noqa: PLC0415

    return special
