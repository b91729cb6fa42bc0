"""What one test says about a sample."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Oddity:
    """How odd a sample looks to one test.

    Attributes:
        test: name of the test.
        bound: an honest source looks at least this odd with no more than this probability; 1 = nothing odd.
        text: what was seen, in numbers; no key material.
    """

    test: str
    bound: float
    text: str
