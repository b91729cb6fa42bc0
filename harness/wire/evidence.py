"""Evidence: what was said on the wire, recorded as it happens, by case. Everything in it is already redacted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from harness.wire.purse import Purse
from harness.wire.redact import Scrubber
from qkd.run.v1.run_record_pb2 import Exchange

Reference = Callable[[], int]
"""Keeps an exchange in the evidence of the case that runs when it is called, and gives its index there."""


class Observer(Protocol):
    """Sees every request before it is sent, and every exchange after it. Called from several threads."""

    @property
    def scrubber(self) -> Scrubber:
        """Makes what is recorded fit to be written."""
        ...

    def authorise(self, wanted: int) -> None:
        """Called before a request that asks for ``wanted`` keys; what it raises keeps the request from being sent."""
        ...

    def observe(self, exchange: Exchange, *, wanted: int, received: int) -> Reference:
        """Called once for every authorised request, with the number of keys that came."""
        ...

    def clock(self) -> float:
        """Seconds since the start of the run."""
        ...


class EvidenceLog:
    """The `Observer` of a campaign: hands exchanges to the running case and keys to the purse. Thread-safe.

    Of a case with more than ``keep`` exchanges the first ones stay, and those that a judgement refers to; the rest
    is counted. ``now`` is a monotonic clock in seconds.
    """

    def __init__(
        self,
        purse: Purse | None = None,
        scrubber: Scrubber | None = None,
        *,
        keep: int = 200,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.purse = purse or Purse(None)
        self._scrubber = scrubber or Scrubber()
        self._keep = keep
        self._now = now
        self._origin = now()
        self._lock = threading.Lock()
        self._kept: list[Exchange] = []
        self._count = 0

    @property
    def scrubber(self) -> Scrubber:
        """Makes what is recorded fit to be written."""
        return self._scrubber

    def scrub(self, text: str) -> str:
        """``text`` without anything that could be a secret, for messages that did not come through the wire."""
        return self._scrubber.text(text)

    def begin_case(self) -> None:
        """From now on, what is observed belongs to a new case."""
        with self._lock:
            self._kept, self._count = [], 0

    def end_case(self) -> tuple[Exchange, ...]:
        """The exchanges of the case that ends, those that were kept; indices are those that references gave."""
        with self._lock:
            kept, self._kept, self._count = tuple(self._kept), [], 0
            return kept

    @property
    def not_kept(self) -> int:
        """Exchanges of the running case that were counted and not kept."""
        return max(0, self._count - len(self._kept))

    def authorise(self, wanted: int) -> None:
        """Set keys aside in the purse.

        Raises:
            BudgetExhausted: the campaign may not take that many more.
        """
        if wanted:
            self.purse.authorise(wanted)

    def observe(self, exchange: Exchange, *, wanted: int, received: int) -> Reference:
        """Record an exchange with the running case, and settle with the purse."""
        if wanted or received:
            self.purse.settle(wanted, received)
        with self._lock:
            self._count += 1
            if len(self._kept) < self._keep:
                self._kept.append(exchange)
        return lambda: self._refer(exchange)

    def clock(self) -> float:
        """Seconds since this log was made."""
        return self._now() - self._origin

    def _refer(self, exchange: Exchange) -> int:
        with self._lock:
            for index, held in enumerate(self._kept):
                if held is exchange:
                    return index
            self._kept.append(exchange)
            return len(self._kept) - 1
