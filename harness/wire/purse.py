"""The keys that a campaign may take from other people's system, counted at the wire."""

from __future__ import annotations

import threading


class BudgetExhausted(Exception):  # noqa: N818 - a state of the campaign, not an error
    """A request would take more keys than the campaign may take; it was not sent."""


class Purse:
    """Counts keys. Thread-safe: concurrency cases draw from several threads.

    ``allowed`` is the most keys that may be drawn (None = no bound). `authorise` is called before a request is sent
    with the number of keys that it asks for, `settle` after the answer with the number that came.
    """

    def __init__(self, allowed: int | None) -> None:
        self.allowed = allowed
        self._drawn = 0
        self._pending = 0
        self._lock = threading.Lock()

    @property
    def drawn(self) -> int:
        """Keys received so far."""
        return self._drawn

    def authorise(self, wanted: int) -> None:
        """Set ``wanted`` keys aside.

        Raises:
            BudgetExhausted: the request would go beyond what is allowed.
        """
        with self._lock:
            if self.allowed is not None and self._drawn + self._pending + wanted > self.allowed:
                left = self.allowed - self._drawn - self._pending
                raise BudgetExhausted(f"{wanted} more keys wanted, {left} of {self.allowed} left")
            self._pending += wanted

    def settle(self, wanted: int, received: int) -> None:
        """Turn ``wanted`` keys set aside into ``received`` keys drawn."""
        with self._lock:
            self._pending -= wanted
            self._drawn += received
