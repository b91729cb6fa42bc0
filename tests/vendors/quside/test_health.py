"""The health tests of the source: SP 800-90B, 4.4."""

from __future__ import annotations

import random

import pytest
from scipy.stats import binom

from vendors.quside.health import APT_WINDOW, HealthTestError, HealthTests, proportion_cutoff, repetition_cutoff


def sound(octets: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(octets)


@pytest.mark.parametrize("entropy", [0.5, 1, 2, 4, 6.5, 7, 7.9, 8])
@pytest.mark.parametrize("exponent", [20, 30, 40])
def test_the_proportion_cutoff_is_that_of_the_binomial_distribution(entropy: float, exponent: int) -> None:
    expected = 1 + int(binom.isf(2.0**-exponent, APT_WINDOW, 2.0**-entropy))
    assert proportion_cutoff(entropy, exponent) == expected


def test_cutoffs_that_are_known_from_elsewhere() -> None:
    assert proportion_cutoff(1, 20, 1024) == 589  # SP 800-90B, binary sources (recalled)
    assert proportion_cutoff(1, 30) == 325  # the jitter entropy source of Linux (recalled)
    assert repetition_cutoff(1, 20) == 21
    assert repetition_cutoff(7, 40) == 7


@pytest.mark.parametrize("piece", [1, 7, 512, 5000, 100_000])
def test_a_sound_source_passes_in_pieces_of_any_length(piece: int) -> None:
    tests, samples = HealthTests(7.0), sound(100_000)
    for at in range(0, len(samples), piece):
        tests.feed(samples[at : at + piece])
    assert tests.samples == 100_000


@pytest.mark.parametrize("piece", [1, 3, 4096])
def test_a_run_is_found_at_its_cutoff_and_not_before(piece: int) -> None:
    cutoff = repetition_cutoff(7.0, 40)
    around = bytes(range(1, 101))

    def feed(run: int) -> None:
        tests, samples = HealthTests(7.0), around + bytes(run) + around
        for at in range(0, len(samples), piece):
            tests.feed(samples[at : at + piece])

    feed(cutoff - 1)
    with pytest.raises(HealthTestError, match="repetition count"):
        feed(cutoff)


@pytest.mark.parametrize("piece", [1, 200, 4096])
def test_a_frequent_value_is_found_at_its_cutoff_and_not_before(piece: int) -> None:
    cutoff = proportion_cutoff(7.0, 40)

    def window(equal: int) -> bytes:
        """The first sample comes so often in all, never twice in a row."""
        others = [1 + index % 255 for index in range(APT_WINDOW - equal)]
        pairs = [bytes([0, others.pop()]) for _ in range(equal)]
        return b"".join(pairs) + bytes(others)

    def feed(samples: bytes) -> None:
        tests = HealthTests(7.0)
        for at in range(0, len(samples), piece):
            tests.feed(samples[at : at + piece])

    feed(window(cutoff - 1) * 3)
    with pytest.raises(HealthTestError, match="adaptive proportion"):
        feed(window(cutoff - 1) + window(cutoff))


def test_nonsense_is_refused() -> None:
    for entropy, exponent in ((0.0, 30), (8.1, 30), (7.0, 19), (7.0, 41)):
        with pytest.raises(ValueError, match="entropy_per_sample"):
            HealthTests(entropy, exponent)
