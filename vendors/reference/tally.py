"""Which deliveries have left this process: one octet for each, in a file that is mapped into memory.

A store into the mapping takes no time and outlives the process. So between the moment when the kernel has an
answer (and will send it, whatever becomes of the process) and the moment when that is on record there are a
few instructions, not a commit. See `Copies` for what it decides.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

_PLACES = 1 << 16  # deliveries under way at a time; more are recorded by their commit alone


class Tally:
    """Places that are free, taken, or sent. Holds no key material and does not say whose delivery it is."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file; places keep what an earlier life left in them until `clear`."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(descriptor, _PLACES)
            self._map = mmap.mmap(descriptor, _PLACES)
        finally:
            os.close(descriptor)
        self._free = list(range(_PLACES - 1, -1, -1))

    def clear(self) -> None:
        """All places are free and not sent."""
        self._map[:] = bytes(_PLACES)
        self._free = list(range(_PLACES - 1, -1, -1))

    def take(self) -> int | None:
        """A free place, not sent; None when all are taken."""
        if not self._free:
            return None
        place = self._free.pop()
        self._map[place] = 0
        return place

    def sent(self, place: int) -> None:
        """Notes that the delivery has left this process."""
        self._map[place] = 1

    def was_sent(self, place: int) -> bool:
        """Whether that was noted, in this life or an earlier one."""
        return self._map[place] == 1

    def free(self, place: int) -> None:
        """Nobody refers to the place any more."""
        self._free.append(place)

    def close(self) -> None:
        """Ends the mapping."""
        self._map.close()
