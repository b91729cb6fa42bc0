"""Which applications may have keys, where an SDN agent says so (`qkd.kms.v1.KmsControlService`).

An application is a master SAE and those that it shares keys with. What its master asks for is decided here:

1. No application that has not ended names this master and all these slaves: 503. Where none names them at all, the
   pair waits for the agent (`requests`), once.
2. More than `max_bandwidth`: 503. A token bucket: it holds the bits of one second and fills at that rate; a request
   for more than it can ever hold is served when it is full, and paid for afterwards.
3. Not its turn: 503. A request that was refused for want of keys stands in line at the links that it asked, for
   `PATIENCE_S` from its last try or until it is served. Meanwhile requests of lower priority at these links are
   refused, so that what comes in is left for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from qkd.kms.v1.control_pb2 import AdmittedApplication, ApplicationUse

from .clock import Clock
from .database import Database
from .refusals import RefusedError, unavailable

_log = logging.getLogger(__name__)
PATIENCE_S = 1.0
_MOST_WAITING = 4096


@dataclass(slots=True)
class Application:
    """One application and what it has used.

    Attributes:
        body: as the agent has set it.
        tokens: bits that it may take now; may be below 0.
        filled: when `tokens` was right, `Clock.steady`.
        consumed: bits handed to its master.
        asked: when one of its SAEs last asked, `Clock.wall`; None = never.
        refused: requests beyond its bandwidth.
    """

    body: AdmittedApplication
    tokens: float
    filled: float
    consumed: int = 0
    asked: float | None = None
    refused: int = 0

    def fill(self, now: float) -> None:
        """Time has passed."""
        rate = self.body.max_bandwidth
        self.tokens = min(float(rate), self.tokens + rate * (now - self.filled))
        self.filled = now

    def affords(self, bits: int) -> bool:
        """Whether its bandwidth allows so many bits now."""
        rate = self.body.max_bandwidth
        return not rate or bits <= self.tokens or self.tokens >= rate


class Applications:
    """The applications of one KME. They are in its store; what they have used is not.

    All methods belong to one event loop.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        """Goes on with the applications of the last life."""
        self._database = database
        self._clock = clock
        self._by_id: dict[str, Application] = {}
        self._by_server: dict[str, list[Application]] = {}
        self._waiting: dict[tuple[str, tuple[str, ...]], int] = {}  # pairs, and in which order they came
        self._came = 0
        self._changed = asyncio.Event()
        self._lines: dict[str, dict[int, float]] = {}  # by KME ID of the other end: until when, by priority
        rows = database.read("SELECT body FROM application")
        self._use([AdmittedApplication.FromString(body) for (body,) in cast(list[tuple[bytes]], rows)])

    # -- as the agent says ---------------------------------------------------------------------------

    def set(self, bodies: Iterable[AdmittedApplication]) -> None:
        """These from now on, all at once. Those that stay keep what they have used.

        Raises:
            ValueError: two have the same app_id, or one shares keys with itself; nothing has changed.
            sqlite3.Error: the store fails; nothing has changed.
        """
        listed = list(bodies)
        if len({body.app_id for body in listed}) < len(listed):
            raise ValueError("two applications have the same app_id")
        for body in listed:
            if body.server_sae_id in body.client_sae_ids:
                raise ValueError(f"application {body.app_id} shares keys with itself")
        with self._database.transaction():
            self._database.write("DELETE FROM application", [()])
            self._database.write(
                "INSERT INTO application VALUES (?, ?)", [(body.app_id, body.SerializeToString()) for body in listed]
            )
        self._use(listed)

    def _use(self, bodies: Sequence[AdmittedApplication]) -> None:
        now, known = self._clock.steady(), self._by_id
        self._by_id = {}
        self._by_server = {}
        for body in bodies:
            application = known.get(body.app_id)
            if application is None or _parties(application.body) != _parties(body):
                application = Application(body, float(body.max_bandwidth), now)
            application.fill(now)
            application.body = body
            application.tokens = min(application.tokens, float(body.max_bandwidth))
            self._by_id[body.app_id] = application
            self._by_server.setdefault(body.server_sae_id, []).append(application)
        for server, clients in [pair for pair in self._waiting if self._named(*pair)]:
            del self._waiting[server, clients]

    def uses(self) -> list[ApplicationUse]:
        """What each has taken since it was set."""
        listed = []
        for app_id, one in self._by_id.items():
            use = ApplicationUse(app_id=app_id, consumed_bits=one.consumed, refused=one.refused)
            if one.asked is not None:
                use.last_asked.FromNanoseconds(int(one.asked * 1e9))
            listed.append(use)
        return listed

    async def requests(self) -> AsyncIterator[tuple[str, tuple[str, ...]]]:
        """Pairs that wait to be admitted: master and slaves. First those that do, then each once as it asks."""
        seen = 0
        while True:
            changed = self._changed
            for pair, number in sorted(self._waiting.items(), key=lambda item: item[1]):
                if number > seen and pair in self._waiting:
                    seen = number
                    yield pair
            if changed is self._changed:
                await changed.wait()

    # -- what SAEs ask for ---------------------------------------------------------------------------

    def _named(self, server: str, clients: Collection[str]) -> list[Application]:
        """Applications that name this master and all these slaves."""
        return [one for one in self._by_server.get(server, ()) if set(clients) <= set(one.body.client_sae_ids)]

    def _live(self, server: str, clients: Collection[str]) -> Application | None:
        """The one of highest priority that has not ended."""
        named, now = self._named(server, clients), self._clock.wall()
        live = [one for one in named if not one.body.HasField("expiration_time") or now < _end(one.body)]
        return max(live, key=lambda one: one.body.priority, default=None)

    def knock(self, server: str, clients: Collection[str]) -> Application | None:
        """The application of a request; without one, the pair waits for the agent from now on."""
        named = self._named(server, clients)
        for one in named:
            one.asked = self._clock.wall()
        pair = (server, tuple(sorted(clients)))
        if not named and pair not in self._waiting and len(self._waiting) < _MOST_WAITING:
            self._came += 1
            self._waiting[pair] = self._came
            self._changed.set()
            self._changed = asyncio.Event()
            _log.info("SAE %s asks for keys with %s and is no application", server, ", ".join(pair[1]))
        return self._live(server, clients) if named else None

    def admit(self, server: str, clients: Collection[str], bits: int, peers: Collection[str]) -> Application:
        """The application that a request for so many bits at the links to these KMEs is served for.

        Raises:
            RefusedError: 503; see above.
        """
        application = self.knock(server, clients)
        if application is None:
            raise not_admitted()
        application.fill(self._clock.steady())
        if not application.affords(bits):
            application.refused += 1
            raise unavailable("the application has used up its bandwidth", "BANDWIDTH_EXCEEDED")
        if any(self._first(peer) > application.body.priority for peer in peers):
            raise unavailable("keys are scarce: applications of higher priority come first", "LOWER_PRIORITY")
        return application

    def _first(self, peer: str) -> int:
        """The highest priority that stands in line at a link; -1 = nobody does."""
        line, now = self._lines.get(peer, {}), self._clock.steady()
        for priority in [priority for priority, until in line.items() if until <= now]:
            del line[priority]
        return max(line, default=-1)

    def short(self, application: Application, peers: Iterable[str]) -> None:
        """Its request was refused for want of keys: it stands in line."""
        for peer in peers:
            self._lines.setdefault(peer, {})[application.body.priority] = self._clock.steady() + PATIENCE_S

    def take(self, application: Application, bits: int, peers: Iterable[str]) -> None:
        """Bits are set aside for it."""
        application.tokens -= bits
        for peer in peers:
            self._lines.get(peer, {}).pop(application.body.priority, None)

    def give_back(self, application: Application, bits: int) -> None:
        """They were not handed out."""
        application.tokens += bits

    def consume(self, application: Application, bits: int) -> None:
        """They were handed to its master."""
        application.consumed += bits

    # -- keys that wait ------------------------------------------------------------------------------

    def time_to_live(self) -> Callable[[str, str], float | None] | None:
        """By master and slave, how long a key may wait, seconds; None = the KME's own. None = no application says."""
        if not any(one.body.HasField("ttl") for one in self._by_id.values()):
            return None

        def of(master: str, slave: str) -> float | None:
            named = self._named(master, (slave,))
            lives = [one.body.ttl.ToTimedelta().total_seconds() for one in named if one.body.HasField("ttl")]
            return min(lives, default=None)

        return of


def not_admitted() -> RefusedError:
    """503: no application, or not any more."""
    return unavailable("these SAEs are not admitted as an application", "NOT_ADMITTED")


def _parties(body: AdmittedApplication) -> tuple[str, ...]:
    return (body.server_sae_id, *sorted(body.client_sae_ids))


def _end(body: AdmittedApplication) -> float:
    return body.expiration_time.ToNanoseconds() / 1e9
