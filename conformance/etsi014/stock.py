"""Whether a refused request was refused for want of keys, and waiting for keys to grow.

Status is asked, but not believed blindly: stored_key_count may be anything from exact to constantly 0 (A19).
"""

from __future__ import annotations

from collections.abc import Callable

from conformance.etsi014 import limits
from conformance.etsi014.messages import PRESCRIBED
from harness.campaign.campaign import Campaign
from harness.wire.etsi014 import Answer, SaeClient

_FIRST_WAIT_S = 5.0
_PER_KEY_S = 0.25
_LONGEST_S = 45.0


class Stock:
    """What is known of one KME's stock for one pair of SAEs."""

    def __init__(self, campaign: Campaign, master: SaeClient, slave: str) -> None:
        self._campaign = campaign
        self._master = master
        self._slave = slave
        self._informative = campaign.ics.number("stored_key_count", 0) > 0
        self._futile = False

    def count(self) -> int | None:
        """stored_key_count now, or None when Status does not say it."""
        answer = self._master.get_status(self._slave)
        value = answer.document.get("stored_key_count") if isinstance(answer.document, dict) else None
        if not answer.ok or not isinstance(value, int) or isinstance(value, bool):
            return None
        self._informative |= value > 0
        return value

    @property
    def informative(self) -> bool:
        """True when stored_key_count was ever seen above 0."""
        return self._informative

    def cost(self, number: int | None, size: int | None) -> int:
        """Keys of the default size that a request needs."""
        default = limits.key_size(self._campaign.ics)
        return max(1, number or 1) * max(1, -(-(size or default) // default))

    def could_lack(self, answer: Answer, number: int | None = None, size: int | None = None) -> bool:
        """True when ``answer`` may have been a refusal for want of keys (A6), as far as can be told."""
        if not answer.refused_with(400, 503) or answer.error_message in PRESCRIBED:
            return False
        stored = self.count()
        if stored is not None and self._informative:
            # Twice the cost: the stock may have grown since the refusal, or be cut in pieces of another size.
            return stored < 2 * self.cost(number, size)
        # Status says nothing useful. A plain request tells whether there is any key at all.
        return self.cost(number, size) > 1 or not self._master.get_key(self._slave).ok

    def serve(self, request: Callable[[], Answer], number: int | None = None, size: int | None = None) -> Answer:
        """Make ``request``; if keys may lack, wait for them with a bound and make it again. Gives the last answer."""
        answer = request()
        if answer.ok:
            self._futile = False
            return answer
        if self._futile or not self.could_lack(answer, number, size):
            # A KME that has just begun may refuse its first request, and there are enough keys: once more, at once.
            return request() if answer.status == 503 and not self._futile else answer
        cost = self.cost(number, size)
        bound = min(_LONGEST_S, _FIRST_WAIT_S + _PER_KEY_S * cost)
        last = [answer]

        def served() -> bool:
            last[0] = request()
            return last[0].ok or not last[0].refused_with(400, 503)

        if not self._campaign.await_until(served, f"stock of keys worth {cost} of the default size", bound):
            self._futile = True
        return last[0]
