"""A KME as a caller meets it that has to be turned away: who knocks, and what is handed out."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote, urlsplit

from conformance.etsi014.pair import Bench
from conformance.etsi014.roles import Role
from harness.campaign.check import Check
from harness.pki import Issued
from harness.testbed.reached import ReachedSae
from harness.wire.etsi014 import Answer, HandshakeResult, KmeEndpoint, SaeClient, handshake, open_client
from harness.wire.etsi014.recorder import Recorder
from harness.wire.https import Reply, failure_text
from harness.wire.tls import Credentials

OLDEST: Final = "TLSv1.2"
NEWEST: Final = "TLSv1.3"
_DEADLINE_S: Final = 5.0
_MOST_OCTETS: Final = 65536


class Gate:
    """One KME, with an SAE that it serves and the SAE that the other one shares keys with."""

    def __init__(self, bench: Bench, served: Role, other: Role) -> None:
        campaign = bench.campaign
        kme = campaign.reached.kme(served.kme_id)
        self.kme = KmeEndpoint(kme.id, kme.url, kme.grpc_address or "")
        self.known: ReachedSae = campaign.reached.sae(served.id)
        self.other = other.id
        self._evidence = campaign.evidence
        self._trust_pem = campaign.reached.trust_pem
        self._deadline_s = min(_DEADLINE_S, campaign.options.request_timeout_s)

    def knock(
        self,
        issued: Issued | None,
        caller: str,
        minimum: str = OLDEST,
        maximum: str = NEWEST,
        *,
        within_s: float = _DEADLINE_S,
    ) -> HandshakeResult:
        """Ask for a status over a fresh connection; ``caller`` names the credentials in the evidence."""
        return handshake(
            self.kme,
            self._trust_pem,
            _credentials(issued),
            self._evidence,
            caller=caller,
            slave=self.other,
            minimum=minimum,
            maximum=maximum,
            deadline_s=min(within_s, self._deadline_s),
        )

    def knock_as_known(
        self, minimum: str = OLDEST, maximum: str = NEWEST, *, within_s: float = _DEADLINE_S
    ) -> HandshakeResult:
        """The same with the right certificate."""
        return self.knock(self.known.credentials, self.known.id, minimum, maximum, within_s=within_s)

    def require_known(self, check: Check) -> None:
        """The right caller is served, or else a refusal of another says nothing; raises `Inconclusive`."""
        result = self.knock_as_known()
        check.require(result.admitted, f"{self.known.id} itself is not served at {self.kme.id}: {result.describe()}")

    @contextmanager
    def client(self, issued: Issued | None, caller: str) -> Iterator[SaeClient]:
        """A client with these credentials."""
        client = open_client(
            caller, self.kme, _credentials(issued), self._trust_pem, self._evidence, deadline_s=self._deadline_s
        )
        try:
            yield client
        finally:
            client.close()

    def plain_http(self) -> Answer:
        """Ask for a status over plain HTTP on the port of the KME."""
        place = urlsplit(self.kme.url)
        path = f"{place.path.rstrip('/')}/api/v1/keys/{quote(self.other, safe='')}/status"
        headers = {"Host": place.netloc, "Accept": "application/json", "Connection": "close"}
        recorder = Recorder(self._evidence, "https", "(plain HTTP)", self.kme.id)
        with recorder.request(f"GET http://{place.netloc}{path}", headers, None, 0, draws=False) as record:
            return record.https(_plain_reply(place.hostname or "", place.port or 443, path, headers, self._deadline_s))


def gates(bench: Bench) -> tuple[Gate, ...]:
    """The gates of the KMEs of master and slave."""
    master, slave = bench.roles.master, bench.roles.slave
    first = Gate(bench, master, slave)
    return (first,) if master.kme_id == slave.kme_id else (first, Gate(bench, slave, master))


def gate_of(bench: Bench, sae_id: str) -> Gate:
    """The gate of the KME that serves this SAE."""
    roles = (bench.roles.master, bench.roles.slave, *bench.roles.others)
    role = next(one for one in roles if one.id == sae_id)
    other = bench.roles.slave if role == bench.roles.master else bench.roles.master
    return Gate(bench, role, other)


def turned_away(check: Check, gate: Gate, issued: Issued | None, who: str, *, served: str, connection: str) -> None:
    """Judge that a caller is served nothing (requirement ``served``), and is refused already by its connection.

    The request for a key is made only if the connection stands, so that a KME which guards one method and forgets
    another is found.

    Raises:
        Inconclusive: the right caller is not served either, or the KME cannot be reached.
    """
    gate.require_known(check)
    with gate.client(issued, who) as client:
        answers = [client.get_status(gate.other)]
        _require_reached(check, answers[0])
        if answers[0].status is not None:
            answers.append(client.get_key(gate.other))
    expected = f"neither status nor key for {who} at {gate.kme.id}"
    for answer in answers:
        check(served, not answer.ok and not answer.keys, expected=expected, got=answer)
    at_once = answers[0].status is None
    check(connection, at_once, expected="the connection rejected, no HTTP answer", got=answers[0])


def _require_reached(check: Check, answer: Answer) -> None:
    lost = answer.failure == "refused" or answer.failure.startswith(("unreachable", "tls: server certificate"))
    check.require(not lost, f"the KME cannot be reached: {answer.describe()}")


def _credentials(issued: Issued | None) -> Credentials | None:
    return Credentials(issued.certificate_pem, issued.private_key_pem) if issued is not None else None


def _plain_reply(host: str, port: int, path: str, headers: dict[str, str], deadline_s: float) -> Reply:
    connection = http.client.HTTPConnection(host, port, timeout=deadline_s)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read(_MOST_OCTETS)
    except (OSError, http.client.HTTPException) as wrong:
        return Reply(None, failure_text(wrong, in_handshake=False), {}, b"", (), "", False, False)
    finally:
        connection.close()
    told = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, "", told, body, (), "", True, False)
