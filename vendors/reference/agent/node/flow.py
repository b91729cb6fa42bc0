"""How fast relayed keys come, out of counters that are looked at now and then."""

from __future__ import annotations

from collections.abc import Mapping

_LARGEST = 0xFFFFFFFF
_SHORTEST_S = 1.0  # over less the figure means nothing: blocks come one at a time


class Flow:
    """Bits a second by KME ID, over the time between two looks that are far enough apart."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[float, int]] = {}
        self._rates: dict[str, float] = {}
        self._last: dict[str, float] = {}  # that were not 0

    def look(self, bits: Mapping[str, int], now: float) -> None:
        """The counters are so now; one that is lower than before has begun anew."""
        for kme_id, count in bits.items():
            since, before = self._before.setdefault(kme_id, (now, count))
            if now - since >= _SHORTEST_S:
                self._rates[kme_id] = (count - before if count >= before else count) / (now - since)
                self._before[kme_id] = (now, count)
                if self._rates[kme_id]:
                    self._last[kme_id] = self._rates[kme_id]

    def rate(self, kme_id: str, *, idle: bool = False) -> int | None:
        """Bits a second; None = not known.

        Args:
            idle: nothing is asked for now, as the stock is full: it is the last rate that counts.
        """
        rate = self._rates.get(kme_id, 0.0)
        found = rate or (self._last.get(kme_id) if idle else rate)
        return None if found is None else min(_LARGEST, round(found))
