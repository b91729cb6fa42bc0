"""Continuous health tests of a noise source: NIST SP 800-90B, 4.4. A sample is one octet.

They find a source that has failed badly; they say nothing of how good a sound one is.
"""

from __future__ import annotations

import math
import re
from functools import cache

APT_WINDOW = 512  # samples, for sources with more than two values (4.4.2)
START_UP_SAMPLES = 128 * APT_WINDOW  # 4.3 asks for 1024 at least; a biased source passes a few windows by luck


class HealthTestError(Exception):
    """A health test has failed. Holds no octet of what was tested.

    Attributes:
        test: "repetition count" or "adaptive proportion".
    """

    def __init__(self, test: str) -> None:
        super().__init__(f"the {test} test failed")
        self.test = test


def repetition_cutoff(entropy_per_sample: float, alpha_exponent: int) -> int:
    """4.4.1: so many equal samples in a row come by chance with probability 2**-alpha_exponent at most."""
    return 1 + math.ceil(alpha_exponent / entropy_per_sample)


@cache
def proportion_cutoff(entropy_per_sample: float, alpha_exponent: int, window: int = APT_WINDOW) -> int:
    """4.4.2: 1 + CRITBINOM(window, 2**-entropy_per_sample, 1 - 2**-alpha_exponent).

    CRITBINOM is the smallest k such that at most k of `window` samples are equal to a given value with that
    probability. The tail is summed from its thin end, where floating point loses nothing.
    """
    p = 2.0**-entropy_per_sample
    above = 0.0  # probability of k or more
    for k in range(window, -1, -1):
        above += math.comb(window, k) * p**k * (1 - p) ** (window - k)
        if above > 2.0**-alpha_exponent:
            return 1 + k
    raise AssertionError("probabilities sum up to 1")


class HealthTests:
    """Both tests over one endless stream of samples, from call to call.

    Args:
        entropy_per_sample: min-entropy that the maker claims for an octet of the source, bits, above 0 to 8.
        alpha_exponent: a sound source fails with probability 2**-alpha_exponent a test; 90B recommends 20 to 40.

    Raises:
        ValueError: when an argument is out of range.

    Attributes:
        samples: how many were tested.
    """

    def __init__(self, entropy_per_sample: float, alpha_exponent: int = 40) -> None:
        if not 0 < entropy_per_sample <= 8 or not 20 <= alpha_exponent <= 40:
            raise ValueError("entropy_per_sample is above 0 to 8, alpha_exponent 20 to 40")
        self.samples = 0
        self._cutoff = proportion_cutoff(entropy_per_sample, alpha_exponent)
        run = repetition_cutoff(entropy_per_sample, alpha_exponent)
        self._run = run
        self._repeated = re.compile(rb"(.)\1{%d}" % (run - 1), re.DOTALL)
        self._tail = b""  # samples whose run may go on
        self._first = b""  # of the window under way
        self._seen = 0
        self._equal = 0

    def feed(self, samples: bytes) -> None:
        """Tests further samples.

        Raises:
            HealthTestError: they must not be used.
        """
        self.samples += len(samples)
        self._count_repetitions(samples)
        self._weigh_proportion(samples)

    def _count_repetitions(self, samples: bytes) -> None:
        stretch = self._tail + samples
        if self._repeated.search(stretch):
            raise HealthTestError("repetition count")
        last = stretch[-1:]
        run = len(stretch) - len(stretch.rstrip(last)) if last else 0
        self._tail = last * min(run, self._run - 1)

    def _weigh_proportion(self, samples: bytes) -> None:
        at = 0
        while at < len(samples):
            if self._seen == 0:
                self._first = samples[at : at + 1]
                self._equal = 0
            end = min(len(samples), at + APT_WINDOW - self._seen)
            self._equal += samples.count(self._first, at, end)
            if self._equal >= self._cutoff:
                raise HealthTestError("adaptive proportion")
            self._seen = (self._seen + end - at) % APT_WINDOW
            at = end
