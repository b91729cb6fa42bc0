"""Probes of the transport (5.1): which versions, certificates and callers a KME lets in."""

from __future__ import annotations

from dataclasses import dataclass

from harness.wire.etsi014.answer import Answer
from harness.wire.etsi014.client import DEADLINE_S, HttpsSaeClient, KmeEndpoint
from harness.wire.etsi014.identity import KmeIdentity
from harness.wire.evidence import Observer
from harness.wire.https import HttpsTransport
from harness.wire.tls import Credentials, can_offer, client_context


@dataclass(frozen=True)
class HandshakeResult:
    """What became of a handshake and of the Get status request sent right after it.

    With TLS 1.3 a server sees the client's certificate only after the client believes that the handshake is
    complete; whether the server let the caller in shows in the answer to a first request, not before.

    Attributes:
        offered: the versions offered, for instance "TLSv1.1" or "TLSv1.2 to TLSv1.3".
        possible: False when this machine cannot offer them: the probe then says nothing about the server.
        completed: the handshake was complete from where the client stands.
        version: as negotiated; empty without a handshake.
        failure: as `Answer.failure`.
        answer: of the request; its ``exchange`` is the evidence.
        identity: whom the server's certificate names, if it got that far.
    """

    offered: str
    possible: bool
    completed: bool
    version: str
    failure: str
    answer: Answer
    identity: KmeIdentity | None = None

    @property
    def refused_connection(self) -> bool:
        """The server ended the connection, during the handshake or on the first request, without an HTTP answer."""
        return self.answer.status is None and self.answer.rejected

    @property
    def refused(self) -> bool:
        """The server refused: the connection, or the request with a 4xx or 5xx."""
        return self.answer.rejected

    @property
    def admitted(self) -> bool:
        """The server served the request."""
        return self.answer.ok

    def describe(self) -> str:
        """One line for people."""
        if not self.possible:
            return f"{self.offered} cannot be offered by this machine's TLS library"
        done = f"handshake complete ({self.version})" if self.completed else "no handshake"
        return f"{self.offered} offered: {done}; {self.answer.describe()}"


def handshake(
    kme: KmeEndpoint,
    trust_pem: bytes,
    credentials: Credentials | None,
    observer: Observer,
    *,
    caller: str,
    slave: str,
    minimum: str = "TLSv1.2",
    maximum: str = "TLSv1.3",
    deadline_s: float = DEADLINE_S,
) -> HandshakeResult:
    """Make a fresh connection, ask for the status of the keys shared with ``slave``, and say how far it got.

    ``caller`` names the presented identity in the evidence, for instance "no certificate". Versions are "TLSv1",
    "TLSv1.1", "TLSv1.2", "TLSv1.3".

    Raises:
        CredentialsError: certificate, key or trust cannot be used.
    """
    offered = minimum if minimum == maximum else f"{minimum} to {maximum}"
    if minimum == maximum and not can_offer(minimum):
        nothing = Answer(status=None, failure="tls: not offered")
        return HandshakeResult(offered, False, False, "", nothing.failure, nothing)
    context = client_context(trust_pem, credentials, minimum=minimum, maximum=maximum)
    transport = HttpsTransport(kme.url, context, deadline_s=deadline_s, keep_alive=False)
    client = HttpsSaeClient(caller, kme.id, transport, observer)
    try:
        answer = client.get_status(slave)
        return HandshakeResult(
            offered, True, bool(answer.tls_version), answer.tls_version, answer.failure, answer, client.identity
        )
    finally:
        client.close()


def plain_http(
    kme: KmeEndpoint, observer: Observer, *, caller: str = "plain HTTP", slave: str, deadline_s: float = DEADLINE_S
) -> Answer:
    """Ask for a status without TLS, on the port of the KME's URL; see `handshake` for the arguments."""
    transport = HttpsTransport(kme.url, None, deadline_s=deadline_s, keep_alive=False)
    client = HttpsSaeClient(caller, kme.id, transport, observer)
    try:
        return client.get_status(slave)
    finally:
        client.close()
