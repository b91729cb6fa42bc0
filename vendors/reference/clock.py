"""Time, as an argument: tests hand in a clock of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Clock:
    """What the KME knows of time.

    Attributes:
        wall: seconds since 1970; dates what outlives the process.
        steady: seconds since whenever, never set back or forward; measures patience.
    """

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic

    @classmethod
    def off_by(cls, file: str) -> Clock:
        """A clock whose wall is off by as many seconds as a file says now; for tests of a clock that is set.

        Empty = the clock of the machine. No such file, or no number in it: not off.
        """
        if not file:
            return cls()
        path = Path(file)

        def wall() -> float:
            with suppress(OSError, ValueError):
                return time.time() + float(path.read_text(encoding="ascii"))
            return time.time()

        return cls(wall)
