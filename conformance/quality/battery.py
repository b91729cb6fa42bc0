"""All tests on one sample, and what they can and cannot find.

False alarms. Each test gives a bound on the probability that keys of independent, even bits look at least as odd
(exact binomial tails, union bounds, Chernoff's and counting bounds; several looks in one test are paid for by
Bonferroni). A test rejects below ``FALSE_ALARM / number of tests``, so that by the union bound all tests together
reject honest keys in a campaign with a probability of at most ``FALSE_ALARM`` = 5·10⁻⁷, whatever depends on what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from conformance.quality import frequency, origin, repetition
from conformance.quality.bounds import at_least
from conformance.quality.oddity import Oddity
from conformance.quality.sample import Sample

FALSE_ALARM = 5e-7
"""Probability at most that a campaign blames honest keys."""
POWER = 0.95
LEAST_KEYS = 8
LEAST_BITS = 1536
"""In fewer bits a bias of a tenth could go unseen: too few to call keys good."""


class Property(StrEnum):
    """What a test is about."""

    BALANCED = "balanced"
    RUNS = "runs"
    PATTERNS = "patterns"
    NOT_REPEATED = "not repeated within a key"
    INDEPENDENT = "independent"
    NOT_COMPUTABLE = "not computable"


Test = Callable[[Sample], Oddity]
NamedTest = Callable[[Sample, Sequence[str]], Oddity]
_TESTS: Mapping[Property, tuple[Test, ...]] = {
    Property.BALANCED: (
        frequency.monobit,
        frequency.key_weight,
        frequency.blocks,
        frequency.positions,
        frequency.position_scatter,
        frequency.octet_bits,
    ),
    Property.RUNS: (frequency.runs, frequency.autocorrelation),
    Property.PATTERNS: (
        partial(frequency.patterns, width=2),
        partial(frequency.patterns, width=3),
        frequency.octet_values,
        frequency.octet_positions,
        frequency.text_like,
        frequency.compression,
    ),
    Property.NOT_REPEATED: (repetition.inner_windows, repetition.inner_periods, repetition.inner_differences),
    Property.INDEPENDENT: (
        repetition.equal_keys,
        repetition.shared_windows,
        repetition.turned_windows,
        repetition.close_numbers,
        repetition.constant_steps,
        repetition.linear_dependence,
        frequency.pair_distances,
        frequency.neighbours,
        origin.id_inside,
    ),
    Property.NOT_COMPUTABLE: (origin.mersenne_twister, repetition.linear_complexity),
}
_NAMED_TESTS: Mapping[Property, tuple[NamedTest, ...]] = {
    Property.INDEPENDENT: (origin.computed_from_id,),
    Property.NOT_COMPUTABLE: (origin.computed_from_public,),
}
TESTS = sum(len(tests) for tests in (*_TESTS.values(), *_NAMED_TESTS.values()))
ALPHA = FALSE_ALARM / TESTS


@dataclass(frozen=True)
class Judgement:
    """What all tests of one property say. ``odd`` holds those that reject; ``nearest`` the one nearest to it."""

    property: Property
    tests: int
    odd: tuple[Oddity, ...]
    nearest: Oddity

    def describe(self) -> str:
        """One line, no key material."""
        if not self.odd:
            return f"{self.tests} tests, none rejects (nearest: {self.nearest.test}, {self.nearest.bound:.2g})"
        return "; ".join(f"{entry.test}: {entry.text} (by chance {entry.bound:.2g})" for entry in self.odd)


def oddities(sample: Sample, names: Sequence[str] = ()) -> dict[Property, tuple[Oddity, ...]]:
    """The result of every test."""
    return {
        about: (
            *(test(sample) for test in _TESTS[about]),
            *(named(sample, names) for named in _NAMED_TESTS.get(about, ())),
        )
        for about in Property
    }


def judge(sample: Sample, names: Sequence[str] = ()) -> dict[Property, Judgement]:
    """Judge ``sample``; ``names`` are the SAE and KME IDs from which a key must not follow."""
    judgements = {}
    for about, found in oddities(sample, names).items():
        odd = tuple(entry for entry in found if entry.bound < ALPHA)
        nearest = min(found, key=lambda entry: entry.bound)
        judgements[about] = Judgement(about, len(found), odd, nearest)
    return judgements


def detectable_bias(tosses: int, alpha: float = ALPHA, power: float = POWER) -> float:
    """The least distance from 1/2 that a binomial test on ``tosses`` bits finds with ``power``; 1/2 = none."""
    edge = _bisected(lambda hits: at_least(int(hits), tosses, 0.5) < alpha / 2, tosses / 2, tosses + 1.0)
    if edge > tosses:
        return 0.5
    return _bisected(lambda chance: at_least(int(edge), tosses, chance) >= power, 0.5, 1.0) - 0.5


def _bisected(reached: Callable[[float], Any], low: float, high: float) -> float:
    """Where ``reached`` becomes true between ``low`` and ``high``, from above; integers when they are far apart."""
    whole = high - low > 1.0
    for _ in range(60):
        middle = float(int((low + high) / 2)) if whole else (low + high) / 2
        if middle in {low, high}:
            break
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def power(sample: Sample) -> str:
    """What the sample is large enough for, in one line of numbers."""
    overall = detectable_bias(sample.bits)
    places, keys = 0, 0
    for group in sample.groups:
        places, keys = max(places, 16 * group.length), max(keys, group.count)
    at_place = detectable_bias(keys, ALPHA / places) if places else 0.5
    stuck = "a stuck bit is found at any position" if at_place < 0.5 else "too few keys to find a single stuck bit"
    return (
        f"{len(sample.keys)} keys, {sample.bits} bits; {TESTS} tests, false alarm below {FALSE_ALARM:.0e}; "
        f"found with {POWER:.0%}: a bias of {overall:.3f} over all bits, of {at_place:.2f} at one position; {stuck}"
    )


def shortage(sample: Sample) -> str:
    """Why the sample is too small for a judgement, in numbers; empty when it is not."""
    if len(sample.keys) < LEAST_KEYS:
        return f"{len(sample.keys)} keys were seen, {LEAST_KEYS} are needed"
    if sample.bits < LEAST_BITS:
        bias = detectable_bias(sample.bits)
        return f"{sample.bits} bits were seen, {LEAST_BITS} are needed: a bias of {bias:.2f} could go unseen"
    return ""
