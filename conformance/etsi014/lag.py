"""Keys that the master has and the slave's KME not yet: how late they come is judged once, and waited for elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from conformance.etsi014.memory import GET_KEY, GET_KEY_WITH_IDS, Memory
from conformance.etsi014.messages import M5
from harness.campaign.campaign import Campaign
from harness.wire.etsi014 import Answer

_RECENT_S = 3.0
_BOUND_S = 1.5
_TRIES = 3


class Lag:
    """How long keys take to reach the slave's KME. Nothing in 014 says that they are there before the master has them.

    Attributes:
        seconds: the longest time after which keys were there although a first request did not get them; 0 = none seen.
    """

    def __init__(self, campaign: Campaign, memory: Memory) -> None:
        self._campaign = campaign
        self._memory = memory
        self._futile = 0
        self.seconds = 0.0

    def bridge(self, answer: Answer, slave: str, ids: Sequence[str], again: Callable[[], Answer]) -> Answer:
        """``answer``, or a later one when the keys were taken just now for ``slave`` and may still be on their way."""
        late = answer.refused_with(503) or (answer.refused_with(400) and answer.error_message == M5)
        if not late or self._futile >= _TRIES or not self._just_taken(slave, ids):
            return answer
        last = [answer]

        def there() -> bool:
            last[0] = again()
            return last[0].ok

        clock = self._campaign.clock
        started = clock()
        if self._campaign.await_until(there, "keys just taken to reach the slave's KME", _BOUND_S):
            self.seconds = max(self.seconds, clock() - started)
        else:
            self._futile += 1
        return last[0]

    def let_pass(self) -> None:
        """Wait as long as keys were seen to take."""
        if self.seconds:
            threading.Event().wait(min(_BOUND_S, 1.5 * self.seconds))

    def _just_taken(self, slave: str, ids: Sequence[str]) -> bool:
        recent = {
            key.id
            for entry in self._memory.seen(GET_KEY)
            if slave in (entry.other, *entry.additional) and entry.at_s >= self._memory.now() - _RECENT_S
            for key in entry.answer.keys
        }
        had = {
            key.id
            for entry in self._memory.seen(GET_KEY_WITH_IDS)
            if entry.caller == slave
            for key in entry.answer.keys
        }
        # As they were given, each once: whatever else is asked for is not simply late.
        wanted = set(ids)
        return bool(ids) and len(wanted) == len(ids) and wanted <= recent - had
