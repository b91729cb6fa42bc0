"""Keys that are drawn once, delivered at both ends, and looked at by many cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.etsi014 import limits
from harness.campaign.check import Inconclusive
from harness.wire.etsi014 import Answer, DeliveredKey

if TYPE_CHECKING:
    from conformance.etsi014.pair import Pair


@dataclass(frozen=True)
class SharedKey:
    """One key as the master got it and as the slave got it."""

    at_master: DeliveredKey
    at_slave: DeliveredKey

    @property
    def id(self) -> str:
        """Its key_ID."""
        return self.at_master.id


class Pool:
    """The shared keys of a campaign. The first request for them is as large as the KME allows (and the plan).

    Attributes:
        several_ids: False once a request for several key IDs was refused.
        fetches: what the slave was asked for, and the answers.
    """

    def __init__(self, planned: int) -> None:
        self._planned = planned
        self._keys: list[SharedKey] = []
        self._opening: Answer | None = None
        self._spoilt = ""
        self.several_ids = True
        self.fetches: list[tuple[Sequence[DeliveredKey], Answer]] = []

    def opening(self, pair: Pair) -> Answer:
        """The answer to the first request, which is made when nobody has made it yet."""
        if self._opening is None:
            wanted = min(max(1, self._planned), limits.most(pair.ics))
            self._opening = self._draw(pair, wanted)
        return self._opening

    def keys(self, pair: Pair, number: int) -> tuple[SharedKey, ...]:
        """``number`` shared keys, drawn as far as they are missing.

        Raises:
            Inconclusive: they cannot be had.
        """
        self.opening(pair)
        while len(self._keys) < number and not self._spoilt:
            self._draw(pair, min(number - len(self._keys), limits.most(pair.ics)))
        if len(self._keys) < number:
            there = f"{number} keys at both ends are needed first, {len(self._keys)} are there"
            raise Inconclusive(f"{there}: {self._spoilt}")
        return tuple(self._keys[:number])

    def _draw(self, pair: Pair, wanted: int) -> Answer:
        answer = pair.take(number=wanted)
        if not answer.ok or not answer.keys:
            self._spoilt = f"Get key(number={wanted}): {answer.describe()}"
            return answer
        before = len(self._keys)
        done = pair.fetch_each(answer.keys)
        self.fetches += done
        for part, fetched in done:
            copies = {key.id.lower(): key for key in fetched.keys}
            self._keys += [SharedKey(key, copies[key.id.lower()]) for key in part if key.id.lower() in copies]
            if not fetched.keys:
                self._spoilt = f"Get key with key IDs({len(part)} IDs): {fetched.describe()}"
        if len(self._keys) == before:
            self._spoilt = self._spoilt or "the keys fetched bear other key IDs"
        return answer
