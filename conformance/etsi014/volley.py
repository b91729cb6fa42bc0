"""Requests that reach a KME at the same moment, so that races come out in few rounds.

Over HTTPS every request is sent up to its last octet first; then the last octets go out back to back. Over gRPC, and
where connections are served one after the other, threads meet at a barrier. At most `MOST` requests fly at once.
"""

from __future__ import annotations

import http.client
import json
import select
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit
from weakref import WeakSet

from conformance.etsi014.memory import GET_KEY, GET_KEY_WITH_IDS, Seen
from conformance.etsi014.pair import Bench
from conformance.etsi014.roles import Role
from harness.wire.bounds import bounded, received
from harness.wire.etsi014 import Answer, SaeClient
from harness.wire.etsi014.recorder import Record, Recorder
from harness.wire.https import Reply, failure_text
from harness.wire.tls import Credentials, client_context

MOST: Final = 8
_CONNECT_S: Final = 2.0
_LEAST_S: Final = 0.5  # for what may have come while an answer before it was waited for
_ROOM: Final = 8 * 1024 * 1024
_IDLE_LIMIT_S: Final = 0.5
_PROOF_MS: Final = 10
_HEADERS: Final = {"Accept": "application/json", "Content-Type": "application/json"}


@dataclass(frozen=True)
class Take:
    """Get key, of one key, by ``role`` for ``slave``."""

    role: Role
    slave: str


@dataclass(frozen=True)
class Fetch:
    """Get key with key IDs by ``role``."""

    role: Role
    master: str
    ids: tuple[str, ...]


Request = Take | Fetch


_ONE_BY_ONE: WeakSet[Bench] = WeakSet()
"""Campaigns whose KMEs were seen to serve one connection after the other."""


class Volley(ABC):
    """Fires requests at once."""

    @abstractmethod
    def fire(self, requests: Sequence[Request]) -> list[Answer]:
        """The answers, in the order of the requests.

        Raises:
            BudgetExhausted: the campaign may not take the keys asked for; nothing was sent.
        """

    def leave_unfinished(self, request: Request) -> None:
        """Send a request without its last octet, and leave the connection open (HTTPS only)."""
        raise NotImplementedError

    @abstractmethod
    def close(self) -> None:
        """Close all connections."""


@contextmanager
def volley(bench: Bench, binding: str) -> Iterator[Volley]:
    """A volley over ``binding``."""
    made = _HttpsVolley(bench) if binding == "https" else _ThreadVolley(bench, binding)
    try:
        yield made
    finally:
        made.close()


class _Gun:
    """One connection of one SAE."""

    def __init__(self, bench: Bench, role: Role) -> None:
        sae, kme = bench.campaign.reached.sae(role.id), bench.campaign.reached.kme(role.kme_id)
        place = urlsplit(kme.url)
        context = client_context(
            bench.campaign.reached.trust_pem, Credentials(sae.certificate_pem, sae.private_key_pem)
        )
        self.prefix = place.path.rstrip("/")
        self._base = f"https://{place.netloc}"
        self._recorder = Recorder(bench.campaign.evidence, "https", role.id, kme.id)
        self._connection = http.client.HTTPSConnection(
            place.hostname or "", place.port or 443, context=context, timeout=bench.campaign.options.request_timeout_s
        )
        self._idle_since = -1.0
        self._answers = 0
        self._trouble: Exception | None = None
        self._last = b""
        self._version = ""

    def record(self, request: Request, remark: str = "") -> AbstractContextManager[Record]:
        """The evidence of a request."""
        takes = isinstance(request, Take)
        what = f"POST {self._base}{self.prefix}{_path(request)}{remark}"
        wanted = 1 if takes and not remark else 0
        return self._recorder.request(what, _HEADERS, _body(request), wanted, draws=takes)

    def connect(self) -> bool:
        """Make sure of a connection; False when that took too long, as it does where one is served after the other."""
        if time.monotonic() - self._idle_since > _IDLE_LIMIT_S or self._ended():
            self.close()
        self._trouble = None
        try:
            if self._connection.sock is None:
                self._connection.connect()
            self._version = self._connection.sock.version() or ""
        except TimeoutError:
            return False
        except (OSError, http.client.HTTPException) as wrong:
            self._trouble = wrong
        return True

    def _ended(self) -> bool:
        # A server may close after its answer without having said so, a moment later.
        live = self._connection.sock
        if live is None:
            return False
        poll = select.poll()
        poll.register(live, select.POLLIN | select.POLLHUP | select.POLLERR)
        return bool(poll.poll(_PROOF_MS if self._answers == 1 else 0))

    def load(self, path: str, body: bytes) -> None:
        """Send everything but the last octet."""
        self._last = body[-1:]
        if self._trouble is not None:
            return
        try:
            self._connection.putrequest("POST", path)
            for name, value in _HEADERS.items():
                self._connection.putheader(name, value)
            self._connection.putheader("Content-Length", str(len(body)))
            self._connection.endheaders()
            self._connection.send(body[:-1])
        except (OSError, http.client.HTTPException) as wrong:
            self._trouble = wrong

    def fire(self) -> None:
        """Send the last octet."""
        if self._trouble is None:
            try:
                self._connection.send(self._last)
            except (OSError, http.client.HTTPException) as wrong:
                self._trouble = wrong

    def reply(self, deadline_s: float) -> Reply:
        """Read the answer, for as long as ``deadline_s``."""
        began = 0
        try:
            if self._trouble is not None:
                raise self._trouble
            with bounded(deadline_s, _ROOM):
                try:
                    response = self._connection.getresponse()
                    body = response.read()
                finally:
                    began = received()
        except (OSError, http.client.HTTPException) as wrong:
            self.close()
            failure = failure_text(wrong, in_handshake=not self._version)
            return Reply(None, failure, {}, b"", (), self._version, began > 0, False)
        self._idle_since = time.monotonic()
        self._answers += 1
        told = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, "", told, body, (), self._version, True, False)

    def close(self) -> None:
        self._connection.close()


class _HttpsVolley(Volley):
    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._deadline_s = bench.campaign.options.request_timeout_s
        self._guns: dict[tuple[str, int], _Gun] = {}
        self._threads = _ThreadVolley(bench, "https")

    def fire(self, requests: Sequence[Request]) -> list[Answer]:
        shots = [(request, self._gun(request.role, seat)) for request, seat in _seated(requests)]
        if not self._connected([gun for _, gun in shots]):
            return self._threads.fire(requests)
        with ExitStack() as stack:
            records = [stack.enter_context(gun.record(request)) for request, gun in shots]
            with bounded(self._deadline_s, _ROOM):
                for request, gun in shots:
                    gun.load(gun.prefix + _path(request), _body(request))
                for _, gun in shots:
                    gun.fire()
            until = time.monotonic() + self._deadline_s
            return [
                self._remember(request, record.https(gun.reply(max(_LEAST_S, until - time.monotonic()))))
                for (request, gun), record in zip(shots, records, strict=True)
            ]

    def _connected(self, guns: Sequence[_Gun]) -> bool:
        # A KME may serve one connection after the other, so that all of them at once cannot be had.
        if self._bench not in _ONE_BY_ONE:
            with bounded(min(_CONNECT_S, self._deadline_s), _ROOM):
                if all(gun.connect() for gun in guns):
                    return True
            _ONE_BY_ONE.add(self._bench)
            self.close()
        return False

    def leave_unfinished(self, request: Request) -> None:
        gun = self._gun(request.role, -1)
        with gun.record(request, " (without its last octet)"), bounded(self._deadline_s, _ROOM):
            gun.connect()
            gun.load(gun.prefix + _path(request), _body(request))

    def _gun(self, role: Role, seat: int) -> _Gun:
        if (role.id, seat) not in self._guns:
            self._guns[role.id, seat] = _Gun(self._bench, role)
        return self._guns[role.id, seat]

    def _remember(self, request: Request, answer: Answer) -> Answer:
        bench, role = self._bench, request.role
        if isinstance(request, Take):
            bench.ledger.enter(role.kme_id, answer)
            return bench.memory.add(Seen(GET_KEY, role.id, request.slave, "https", answer))
        return bench.memory.add(Seen(GET_KEY_WITH_IDS, role.id, request.master, "https", answer, len(request.ids)))

    def close(self) -> None:
        for gun in self._guns.values():
            gun.close()
        self._threads.close()


class _ThreadVolley(Volley):
    def __init__(self, bench: Bench, binding: str) -> None:
        self._bench = bench
        self._binding = binding
        self._clients: dict[tuple[str, int], SaeClient] = {}

    def fire(self, requests: Sequence[Request]) -> list[Answer]:
        shots = [(request, self._client(request, seat)) for request, seat in _seated(requests)]
        start = threading.Barrier(len(shots))

        def shoot(shot: tuple[Request, SaeClient]) -> Answer:
            request, client = shot
            start.wait(self._bench.campaign.options.request_timeout_s)
            if isinstance(request, Take):
                return client.get_key(request.slave)
            return client.get_key_with_ids(request.master, request.ids)

        with ThreadPoolExecutor(len(shots)) as threads:
            return list(threads.map(shoot, shots))

    def _client(self, request: Request, seat: int) -> SaeClient:
        role = request.role
        if (role.id, seat) not in self._clients:
            client = self._bench.fresh_client(role, self._binding)
            client.get_status(request.slave if isinstance(request, Take) else request.master)  # connects
            self._clients[role.id, seat] = client
        return self._clients[role.id, seat]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


def _seated(requests: Sequence[Request]) -> Iterator[tuple[Request, int]]:
    """Each request with the number of the connection of its SAE that it goes over."""
    taken: Counter[str] = Counter()
    for request in requests[:MOST]:
        yield request, taken[request.role.id]
        taken[request.role.id] += 1


def _path(request: Request) -> str:
    if isinstance(request, Take):
        return f"/api/v1/keys/{quote(request.slave, safe='')}/enc_keys"
    return f"/api/v1/keys/{quote(request.master, safe='')}/dec_keys"


def _body(request: Request) -> bytes:
    if isinstance(request, Fetch):
        return json.dumps({"key_IDs": [{"key_ID": entry} for entry in request.ids]}).encode()
    return b"{}"
