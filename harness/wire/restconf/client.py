"""A controller that speaks RESTCONF with one server. Adds nothing to a request, and sends none twice."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote
from xml.etree import ElementTree as ET

from harness.wire.etsi014.document import NO_BODY, NoDocument, read_document
from harness.wire.evidence import Observer
from harness.wire.https import HttpsTransport
from harness.wire.restconf.answer import RestconfAnswer
from harness.wire.restconf.stream import EventStream
from harness.wire.tls import Credentials, client_context
from qkd.run.v1.run_record_pb2 import Exchange

YANG_JSON: Final = "application/yang-data+json"
DATA: Final = "/data"
DEADLINE_S: Final = 10.0
_LINK = "{http://docs.oasis-open.org/ns/xri/xrd-1.0}Link"
_PLAIN = frozenset({"", "refused", "timeout", "closed", "tls: closed"})


class RestconfClient:
    """One controller at one server. Thread-safe.

    Paths are below the root of RESTCONF (`root`), percent-encoded: "/data/etsi-qkd-sdn-node:qkd_node". What comes back
    is always an answer, whatever happens on the wire.

    Args:
        name: who asks, for the evidence.
        server: whom, likewise.
        transport: to the base URL.
        context: for streams, which have connections of their own.
        observer: sees every exchange.

    Attributes:
        root: path of the RESTCONF root below the base URL; "/restconf" until `discover_root` finds another.
    """

    def __init__(
        self, name: str, server: str, transport: HttpsTransport, context: ssl.SSLContext, observer: Observer
    ) -> None:
        self.name = name
        self.server = server
        self.root = "/restconf"
        self._transport = transport
        self._context = context
        self._observer = observer

    # -- the verbs ------------------------------------------------------------------------------------

    def get(self, path: str, *, query: str = "", headers: Mapping[str, str] | None = None) -> RestconfAnswer:
        """GET; `query` without "?", as it is to be sent."""
        return self.send("GET", self.root + path + (f"?{query}" if query else ""), headers=headers)

    def head(self, path: str) -> RestconfAnswer:
        """HEAD."""
        return self.send("HEAD", self.root + path)

    def options(self, path: str) -> RestconfAnswer:
        """OPTIONS."""
        return self.send("OPTIONS", self.root + path)

    def post(self, path: str, body: Any, *, headers: Mapping[str, str] | None = None) -> RestconfAnswer:
        """POST of a JSON document."""
        return self._with_body("POST", path, body, headers)

    def put(self, path: str, body: Any, *, headers: Mapping[str, str] | None = None) -> RestconfAnswer:
        """PUT of a JSON document."""
        return self._with_body("PUT", path, body, headers)

    def patch(self, path: str, body: Any, *, headers: Mapping[str, str] | None = None) -> RestconfAnswer:
        """PATCH (plain) of a JSON document."""
        return self._with_body("PATCH", path, body, headers)

    def delete(self, path: str, *, headers: Mapping[str, str] | None = None) -> RestconfAnswer:
        """DELETE."""
        return self.send("DELETE", self.root + path, headers=headers)

    def _with_body(self, verb: str, path: str, body: Any, headers: Mapping[str, str] | None) -> RestconfAnswer:
        sent = {"Content-Type": YANG_JSON, **(headers or {})}
        return self.send(verb, self.root + path, body=json.dumps(body).encode(), headers=sent)

    def send(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> RestconfAnswer:
        """Sends a request as it is: `path` below the base URL, with query; `body` and `headers` unchanged.

        Raises:
            UnsendableError: method, path or a header cannot stand in an HTTP request.
        """
        sent = {"Accept": YANG_JSON, "User-Agent": "qkd-harness", **(headers or {})}
        scrubber, request = self._observer.scrubber, f"{method} {self._transport.base}{path}"
        self._observer.authorise(0)
        exchange = Exchange(
            at_s=self._observer.clock(),
            binding="restconf",
            caller=self.name,
            kme=self.server,
            request=scrubber.text(request),
            request_headers=scrubber.headers(sent),
        )
        if body:
            exchange.request_body = self._written(body)
        reply = self._transport.exchange(method, path, sent, body)
        document, problems = read_document(reply.body) if _is_json(reply.headers) else (NO_BODY, [])
        failure = reply.failure if reply.failure in _PLAIN else scrubber.text(reply.failure)
        exchange.took_s = self._observer.clock() - exchange.at_s
        exchange.status = reply.status or 0
        exchange.failure = failure
        exchange.tls_version = reply.tls_version
        for name, value in scrubber.headers(reply.headers).items():
            exchange.response_headers[name] = value
        if reply.body:
            exchange.response_body = self._written(reply.body)
        reference = self._observer.observe(exchange, wanted=0, received=0)
        told = f"{reply.status}" if reply.status is not None else f"no answer ({failure})"
        answer = RestconfAnswer(
            reply.status, failure, reply.headers, reply.body, document, (*reply.problems, *problems), "", reference
        )
        if answer.error is not None:
            told += f" {answer.error.tag}: {answer.error.message}" if answer.error.message else f" {answer.error.tag}"
        shown = scrubber.text(f"{method} {path}: {told}", 300)
        return RestconfAnswer(**{**answer.__dict__, "shown": shown})

    def _written(self, body: bytes) -> str:
        document, _ = read_document(body)
        scrubber = self._observer.scrubber
        return scrubber.octets(body) if isinstance(document, NoDocument) else scrubber.document(document)

    # -- discovery and streams ------------------------------------------------------------------------

    def discover_root(self) -> tuple[RestconfAnswer, list[str]]:
        """Asks for the root (RFC 8040, 3.1): the answer, and the href of every link relation "restconf"; takes it."""
        answer = self.send("GET", "/.well-known/host-meta", headers={"Accept": "application/xrd+xml"})
        found: list[str] = []
        if answer.status == 200 and b"<!" not in answer.body:  # no document type: entities could be expanded
            try:
                tree = ET.fromstring(answer.body)  # noqa: S314 - without a DTD there is nothing to expand
                found = [one.get("href", "") for one in tree.iter(_LINK) if one.get("rel") == "restconf"]
            except ET.ParseError:
                found = []
        if len(found) == 1 and found[0].startswith("/"):
            self.root = found[0].rstrip("/")
        return answer, found

    def stream(self, location: str) -> EventStream:
        """Opens an event stream; `location` is an absolute URL of this server or a path on it.

        Raises:
            OSError: it cannot be opened; the text says what was answered.
        """
        path = location if location.startswith("/") else "/" + location.split("://", 1)[-1].partition("/")[2]
        return EventStream(self._transport.host, self._transport.port, self._context, path)

    def close(self) -> None:
        """Closes the connections that were kept."""
        self._transport.close()


def entry(container: str, name: str, key: str) -> str:
    """The path of a list entry in qkd_node: `entry("qkd_links", "qkd_link", uuid)`."""
    return f"{DATA}/etsi-qkd-sdn-node:qkd_node/{container}/{name}={quote(key, safe='')}"


def open_restconf(
    url: str,
    credentials: Credentials | None,
    trust_pem: bytes,
    observer: Observer,
    *,
    name: str = "controller",
    server: str = "agent",
    deadline_s: float = DEADLINE_S,
) -> RestconfClient:
    """A client for the server at a base URL ("https://127.0.0.1:8443"). Nothing is connected yet.

    Args:
        url: base URL, as the IXIT has it.
        credentials: of the controller; None = it shows no certificate.
        trust_pem: the CA that the server's certificate must come from.
        observer: sees every exchange.
        name, server: for the evidence.
        deadline_s: bounds each request as a whole.

    Raises:
        CredentialsError: certificate, key or trust cannot be used.
        ValueError: `url` is no https URL.
    """
    observer.scrubber.allow(name, server, YANG_JSON, "etsi-qkd-sdn-node:qkd_node", "application/yang-data")
    context = client_context(trust_pem, credentials)
    transport = HttpsTransport(url, context, deadline_s=deadline_s)
    return RestconfClient(name, server, transport, context, observer)


def _is_json(headers: Mapping[str, str]) -> bool:
    return "json" in headers.get("content-type", "").lower()
