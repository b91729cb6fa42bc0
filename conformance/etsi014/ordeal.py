"""Bad requests one after another, and a watch over what they must not harm."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

from conformance.etsi014.pair import Pair, Told, same_keys, told
from harness.campaign.check import Check
from harness.wire.etsi014 import Answer, DeliveredKey

JSON: Final[Mapping[str, str]] = {"Content-Type": "application/json"}
_NO_CRASH: Final = frozenset({501, 503, 505})
ANSWERED: Final = "ETSI014-A8-R3"
UNHARMED: Final = "ETSI014-A8-R4"
IN_TIME: Final = "ETSI014-A8-R10"
WATCHED: Final = (ANSWERED, IN_TIME, UNHARMED)
"""What every ordeal judges."""


def sound(answer: Answer, *, hard: bool = False) -> bool:
    """True for an answer that is no sign of a crash; ``hard`` input may also have its connection closed."""
    if answer.status is None:
        return hard and answer.rejected
    return answer.status < 500 or answer.status in _NO_CRASH


def judge_answer(check: Check, what: str, answer: Answer, *, hard: bool = False) -> None:
    """Judge that a bad request was answered in time, and not by a crash."""
    in_time = answer.failure != "timeout"
    check(IN_TIME, in_time, expected=f"an answer to a request with {what}", got=answer)
    if in_time:
        expected = f"an answer that is no crash to a request with {what}"
        check(ANSWERED, sound(answer, hard=hard), expected=expected, got=answer)
    else:
        check.not_judged(ANSWERED, "there was no answer")


class Ordeal:
    """Sends bad requests, judges what is asked of each answer, and looks at the end whether harm was done.

    A key is drawn first and waits for the slave while the bad requests are made; in the end the slave fetches it, and
    another one is drawn and fetched: two keys in all. Each case that uses this names `WATCHED` and the requirement
    ``guarded`` (an answer other than 200 carries no key).

    Attributes:
        key: the key that waits.
        given: keys that bad requests were handed.
    """

    def __init__(self, pair: Pair, check: Check, *, guarded: str, most_given: int) -> None:
        self.pair = pair
        self.check = check
        for end in (pair, pair.back):
            status = end.master.get_status(end.slave.id)
            check.require(status.ok, f"Get status is not served before: {status.describe()}")
        self.given = 0
        self._guarded = guarded
        self._most_given = most_given
        self._dead = self._silent = False
        self._left_out = 0
        self.key: DeliveredKey = pair.draw_one()
        # On connections of their own, so that no good request follows a bad one on the same connection.
        self._master = pair.bench.fresh_client(pair.master_role, pair.binding)
        self._slave = pair.bench.fresh_client(pair.slave_role, pair.binding)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._master.close()
        self._slave.close()
        if kind is not None:
            return
        if self._left_out:
            why = "one was not answered" if self._silent else f"{self.given} keys were handed out already"
            self.check.observe(f"{self._left_out} bad requests not sent: {why}")
        if not self._dead:
            self._look_back()

    def _look_back(self) -> None:
        pair = self.pair
        fetched = pair.fetch(self.key)
        expected = f"200, the key that waited for {pair.slave.id} meanwhile"
        self.check(UNHARMED, same_keys(fetched, [self.key]), expected=expected, got=told(fetched, [self.key]))
        for end in (pair, pair.back):
            status = end.master.get_status(end.slave.id)
            expected = f"a Status of {end.master.kme_id} afterwards"
            if not self.check(UNHARMED, status.ok, expected=expected, got=status):
                return
        taken = pair.take()
        if not taken.ok and pair.lacks(taken):
            self.check.observe("whether Get key still works could not be seen: there may be no keys left")
            return
        if self.check(UNHARMED, taken.ok, expected="a key for a good request afterwards", got=taken):
            again = pair.fetch(taken.keys)
            self.check(UNHARMED, same_keys(again, taken.keys), expected="200, that key", got=told(again, taken.keys))

    @property
    def over(self) -> bool:
        """True when no further bad request may be sent."""
        return self._dead or self._silent or self.given >= self._most_given

    def take(
        self, what: str, body: bytes | None, headers: Mapping[str, str] = JSON, *, hard: bool = False
    ) -> Answer | None:
        """POST on enc_keys by the master; None when it was not sent."""
        path = f"/api/v1/keys/{quote(self.pair.slave.id, safe='')}/enc_keys"
        return self._meet(
            what, lambda: self._master.send("POST", path, body=body, headers=headers, wanted_keys=1), hard=hard
        )

    def ask(self, what: str, method: str, path: str, body: bytes | None = None, *, wanted: int = 1) -> Answer | None:
        """Any request by the master; None when it was not sent."""
        headers = JSON if body is not None else {}
        send = lambda: self._master.send(method, path, body=body, headers=headers, wanted_keys=wanted)  # noqa: E731
        return self._meet(what, send, hard=False)

    def fetch(self, what: str, body: bytes | None, query: str = "") -> Answer | None:
        """POST (with a body) or GET on dec_keys by the slave; None when it was not sent."""
        path = f"/api/v1/keys/{quote(self.pair.master.id, safe='')}/dec_keys{query}"
        method, headers = ("GET", {}) if body is None else ("POST", JSON)
        return self._meet(what, lambda: self._slave.send(method, path, body=body, headers=headers), hard=False)

    def no_key(self, requirement: str, what: str, answer: Answer | None) -> None:
        """Judge that a bad request was handed no key."""
        if answer is not None:
            self.check(requirement, not answer.keys, expected=f"no key for a request with {what}", got=answer)

    def refused(self, requirement: str, what: str, answer: Answer | None) -> None:
        """Judge that a bad request was answered 400 with an Error."""
        if answer is not None:
            held = answer.refused_with(400) and not answer.error_problems()
            self.check(requirement, held, expected=f"400 with an Error for {what}", got=answer)

    def _meet(self, what: str, send: Callable[[], Answer], *, hard: bool) -> Answer | None:
        if self.over:
            self._left_out += 1
            return None
        answer = send()
        self.given += len(answer.keys)
        judge_answer(self.check, what, answer, hard=hard)
        self._silent = answer.failure == "timeout"
        shown = Told(answer, "the key that waits stands in it" if _tells(answer, self.key) else "")
        quiet = answer.ok or not (answer.keys or shown.text)
        self.check(self._guarded, quiet, expected=f"no key in a refusal of {what}", got=shown)
        if answer.status is None:
            self._look_after(what)
        return answer

    def _look_after(self, what: str) -> None:
        # A restart that a supervisor makes takes a moment; a KME that is gone stays gone.
        pair = self.pair
        status = pair.master.get_status(pair.slave.id)
        if not status.ok and not pair.bench.campaign.await_until(
            lambda: pair.master.get_status(pair.slave.id).ok, "the KME to answer again", 5.0
        ):
            self._dead = True
            self.check(UNHARMED, False, expected=f"a KME that still answers after {what}", got=status)


def _tells(answer: Answer, key: DeliveredKey) -> bool:
    octets, body = key.material.octets(), answer.body.octets()
    if len(octets) < 8:
        return False
    forms = (octets, base64.b64encode(octets).rstrip(b"="), octets.hex().encode(), octets.hex().upper().encode())
    escaped = json.dumps(base64.b64encode(octets).decode())[1:-1].replace("/", "\\/").rstrip("=").encode()
    return any(form in body for form in (*forms, escaped))
