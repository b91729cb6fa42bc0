"""One SAE that talks to its KME. Every request is authorised first, and recorded after."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from harness.wire.etsi014.answer import Answer
from harness.wire.etsi014.identity import KmeIdentity, read_identity
from harness.wire.etsi014.recorder import Recorder
from harness.wire.evidence import Observer
from harness.wire.https import HttpsTransport
from harness.wire.tls import Credentials, client_context

DEADLINE_S = 10.0


@dataclass(frozen=True)
class KmeEndpoint:
    """Where a KME is: base URL of 014, and host:port of the gRPC binding (empty = not offered)."""

    id: str
    url: str = ""
    grpc_address: str = ""


class SaeClient(ABC):
    """An SAE, by its certificate, at one KME over one binding. Thread-safe.

    What comes back is always an `Answer`; only the observer raises (for instance when a budget is exhausted, before
    anything is sent), or a call that the binding cannot express (ValueError).
    """

    binding: str

    def __init__(self, sae_id: str, kme_id: str) -> None:
        self.id = sae_id
        self.kme_id = kme_id

    @abstractmethod
    def get_status(self, slave: str) -> Answer:
        """Get status (5.2) of the keys shared with ``slave``."""

    @abstractmethod
    def get_key(
        self,
        slave: str,
        *,
        number: int | None = None,
        size: int | None = None,
        additional: Sequence[str] | None = None,
        extension_mandatory: Sequence[object] | None = None,
        extension_optional: Sequence[object] | None = None,
        verb: str = "POST",
    ) -> Answer:
        """Get key (5.3) with the members of a Key request (6.2) that are not None; ``size`` in bits."""

    @abstractmethod
    def get_key_with_ids(self, master: str, ids: Sequence[str], *, verb: str = "POST") -> Answer:
        """Get key with key IDs (5.4) for keys that ``master`` took."""

    @abstractmethod
    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        wanted_keys: int = 0,
    ) -> Answer:
        """Send a request as it is: ``path`` with query, ``body`` and ``headers`` unchanged (HTTPS only)."""

    @property
    @abstractmethod
    def identity(self) -> KmeIdentity | None:
        """Whom the KME's certificate names; None before the first handshake."""

    @abstractmethod
    def close(self) -> None:
        """Close connections."""


class HttpsSaeClient(SaeClient):
    """An SAE over HTTPS with mutual TLS."""

    binding = "https"

    def __init__(self, sae_id: str, kme_id: str, transport: HttpsTransport, observer: Observer) -> None:
        super().__init__(sae_id, kme_id)
        self._transport = transport
        self._recorder = Recorder(observer, self.binding, sae_id, kme_id)
        self._identity: tuple[bytes, KmeIdentity] | None = None

    def get_status(self, slave: str) -> Answer:
        """See `SaeClient.get_status`. Sent again, once, when a connection kept from before was found closed."""
        self._recorder.allow(slave)
        path = f"/api/v1/keys/{_segment(slave)}/status"
        answer = self.send("GET", path)
        if answer.failure == "closed" and answer.reused:
            answer = self.send("GET", path)
        return answer

    def get_key(
        self,
        slave: str,
        *,
        number: int | None = None,
        size: int | None = None,
        additional: Sequence[str] | None = None,
        extension_mandatory: Sequence[object] | None = None,
        extension_optional: Sequence[object] | None = None,
        verb: str = "POST",
    ) -> Answer:
        """See `SaeClient.get_key`. With GET only ``number`` and ``size`` can be said (6.2)."""
        members = {
            "number": number,
            "size": size,
            "additional_slave_SAE_IDs": list(additional) if additional is not None else None,
            "extension_mandatory": list(extension_mandatory) if extension_mandatory is not None else None,
            "extension_optional": list(extension_optional) if extension_optional is not None else None,
        }
        said = {name: value for name, value in members.items() if value is not None}
        self._recorder.allow(slave, *(additional or ()))
        path = f"/api/v1/keys/{_segment(slave)}/enc_keys"
        wanted = max(0, number) if number is not None else 1
        if verb == "GET":
            if unsayable := set(said) - {"number", "size"}:
                raise ValueError(f"GET cannot carry {', '.join(sorted(unsayable))} (6.2)")
            query = f"?{urlencode(said)}" if said else ""
            return self.send("GET", path + query, wanted_keys=wanted)
        return self.send(verb, path, body=json.dumps(said).encode(), wanted_keys=wanted)

    def get_key_with_ids(self, master: str, ids: Sequence[str], *, verb: str = "POST") -> Answer:
        """See `SaeClient.get_key_with_ids`."""
        self._recorder.allow(master)
        path = f"/api/v1/keys/{_segment(master)}/dec_keys"
        if verb == "GET":
            return self.send("GET", f"{path}?{urlencode([('key_ID', entry) for entry in ids])}")
        body = json.dumps({"key_IDs": [{"key_ID": entry} for entry in ids]}).encode()
        return self.send(verb, path, body=body)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        wanted_keys: int = 0,
    ) -> Answer:
        """See `SaeClient.send`. Without ``headers``, a body is said to be application/json.

        Raises:
            ValueError: method, path or a header cannot stand in an HTTP request.
        """
        sent = {"Accept": "application/json", "User-Agent": "qkd-harness"}
        if body is not None and headers is None:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        request = f"{method} {self._transport.base}{path}"
        draws = "/dec_keys" not in path
        with self._recorder.request(request, sent, body, wanted_keys, draws=draws) as record:
            return record.https(self._transport.exchange(method, path, sent, body))

    @property
    def identity(self) -> KmeIdentity | None:
        """See `SaeClient.identity`."""
        certificate = self._transport.peer_certificate
        if certificate is None:
            return None
        if self._identity is None or self._identity[0] != certificate:
            self._identity = (certificate, read_identity(certificate, self.kme_id, self._transport.host))
        return self._identity[1]

    def close(self) -> None:
        """Close the connections that were kept."""
        self._transport.close()


def open_client(
    sae_id: str,
    kme: KmeEndpoint,
    credentials: Credentials | None,
    trust_pem: bytes,
    observer: Observer,
    *,
    binding: str = "https",
    deadline_s: float = DEADLINE_S,
    minimum_tls: str = "TLSv1.2",
    maximum_tls: str = "TLSv1.3",
) -> SaeClient:
    """A client for one SAE at one KME. Nothing is connected yet.

    ``credentials`` None = no client certificate. ``deadline_s`` bounds each request as a whole.

    Raises:
        CredentialsError: certificate, key or trust cannot be used.
        ValueError: the KME has no address for ``binding``.
    """
    observer.scrubber.allow(sae_id, kme.id)
    if binding == "grpc":
        from harness.wire.etsi014.grpc_client import GrpcSaeClient  # noqa: PLC0415 - grpc takes long to import

        if not kme.grpc_address:
            raise ValueError(f"{kme.id} has no gRPC address")
        return GrpcSaeClient(sae_id, kme, credentials, trust_pem, observer, deadline_s=deadline_s)
    context = client_context(trust_pem, credentials, minimum=minimum_tls, maximum=maximum_tls)
    transport = HttpsTransport(kme.url, context, deadline_s=deadline_s)
    return HttpsSaeClient(sae_id, kme.id, transport, observer)


def _segment(identifier: str) -> str:
    return quote(identifier, safe="", errors="surrogatepass")
