"""Time, as an argument: tests hand in a clock of their own."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """What the KME knows of time.

    Attributes:
        wall: seconds since 1970; dates what outlives the process.
        steady: seconds since whenever, never set back or forward; measures patience.
    """

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
