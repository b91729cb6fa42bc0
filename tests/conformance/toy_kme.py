"""Two toy KMEs over HTTPS with mutual TLS, in threads of this process; see `toy_keys`."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from harness.pki import Authority, Issued, write
from harness.testbed.reached import Outsiders, Reached, ReachedKme, ReachedSae
from tests.conformance.toy_keys import Refusal, ToyNetwork, Traits

SAES: Mapping[str, str] = {"sae-1": "kme-a", "sae-2": "kme-b", "sae-3": "kme-b"}
_VERSIONS = {
    "1.2": (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2),
    "1.3": (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3),
    "1.2-1.3": (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3),
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, network: ToyNetwork, kme: str, *rest: Any) -> None:
        self.network, self.kme = network, kme
        super().__init__(*rest)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, verb: str) -> None:
        network, traits = self.network, self.network.traits
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length) if length else b""
        if traits.delay_s:
            time.sleep(traits.delay_s)  # noqa: TID251 - being slow is the trait
        try:
            with network.lock:
                document = self._answer(verb, body)
        except Refusal as refused:
            if refused.status == 0:
                self.close_connection = True
                return
            self._refuse(refused)
        else:
            self._send(200, document)

    def _caller(self) -> str:
        certificate = self.connection.getpeercert()
        names = [value for rdn in certificate["subject"] for name, value in rdn if name == "commonName"]
        caller = str(names[0])
        if self.network.flawed("header-believed"):
            caller = self.headers.get("X-SAE-ID", caller)
        if caller not in self.network.kme_of and not self.network.flawed("stranger-served"):
            kind = self.network.traits.unknown_caller
            raise Refusal(0 if kind == "close" else int(kind), "who are you?")
        return caller

    def _answer(self, verb: str, body: bytes) -> dict[str, Any]:
        caller = self._caller()
        parts = urlsplit(self.path)
        steps = parts.path.split("/")
        if len(steps) != 6 or steps[:4] != ["", "api", "v1", "keys"]:
            raise Refusal(404, "no such path")
        other = steps[4] if self.network.flawed("path-not-decoded") else unquote(steps[4])
        query = parse_qs(parts.query, keep_blank_values=True)
        if self.network.flawed("query-believed") and "sae_id" in query:
            caller = query["sae_id"][0]
        if (steps[5], verb) == ("status", "GET"):
            return self.network.status(self.kme, caller, other)
        if steps[5] == "enc_keys":
            return self._enc(verb, caller, other, query, body)
        if steps[5] == "dec_keys":
            return self._dec(verb, caller, other, query, body)
        raise Refusal(404, "no such method")

    def _enc(self, verb: str, caller: str, other: str, query: dict[str, list[str]], body: bytes) -> dict[str, Any]:
        if verb == "GET":
            if self.network.flawed("no-get"):
                raise Refusal(405, "POST only")
            request: dict[str, Any] = {}
            for name in ("number", "size"):
                if name in query and not self.network.flawed(f"get-{name}-ignored"):
                    request[name] = _integer(query[name][0], self.network.traits.bad_input)
            return self.network.enc(caller, other, request)
        return self.network.enc(caller, other, self._object(body))

    def _dec(self, verb: str, caller: str, other: str, query: dict[str, list[str]], body: bytes) -> dict[str, Any]:
        bad = self.network.traits.bad_input
        if verb == "GET":
            if self.network.flawed("no-get"):
                raise Refusal(405, "POST only")
            ids: list[Any] = query.get("key_ID", [])
        else:
            if not body:
                raise Refusal(bad, "no body")
            listed = self._object(body).get("key_IDs")
            if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
                raise Refusal(bad, "key_IDs shall be an array of objects")
            ids = [entry.get("key_ID") for entry in listed]
        if not all(isinstance(entry, str) for entry in ids):
            raise Refusal(bad, "key_ID shall be a string")
        return self.network.dec(caller, other, ids)

    def _object(self, body: bytes) -> dict[str, Any]:
        traits = self.network.traits
        if not body:
            if traits.no_body == "defaults":
                return {}
            raise Refusal(int(traits.no_body), "no body")
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            raise Refusal(traits.bad_input, "no JSON") from None
        if not isinstance(value, dict):
            raise Refusal(traits.bad_input, "no object")
        return value

    def _refuse(self, refused: Refusal) -> None:
        network = self.network
        status, document = refused.status, {"message": refused.message}
        if network.flawed("refusal-says-200"):
            status = 200
        if network.flawed("error-without-message"):
            document = {"error": refused.message}
        if network.flawed("error-details-object"):
            document = {"message": refused.message, "details": {"a": "b"}}  # type: ignore[dict-item]  # the fault
        if refused.status == 401 and not network.traits.body_with_401:
            self._send(status, None)
        else:
            self._send(status, document)

    def _send(self, status: int, document: dict[str, Any] | None) -> None:
        network, traits = self.network, self.network.traits
        body = b"" if document is None else json.dumps(document, indent=2 if traits.pretty else None).encode()
        if network.flawed("body-latin-1") and document is not None:
            body = body[:-1] + b', "toy_note": "\xe9"}'
        if network.flawed("names-twice") and document is not None:
            body = body[:-1] + b', "toy_a": 1, "toy_a": 2}'
        kind = "text/html" if network.flawed("content-type-html") else "application/json"
        self.send_response(status)
        if document is not None:
            self.send_header("Content-Type", kind + ("; charset=utf-8" if traits.charset else ""))
        if traits.close:
            self.send_header("Connection", "close")
        if traits.chunked and body:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, network: ToyNetwork, kme: str, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Handler, network, kme))
        self._context = context

    def finish_request(self, request: Any, client_address: Any) -> None:
        # in the thread of the connection: a handshake must not hold up the others
        secured = self._context.wrap_socket(request, server_side=True)
        try:
            super().finish_request(secured, client_address)
        finally:
            secured.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that go away, or are not let in, are no news."""


def _integer(text: str, bad_input: int) -> int:
    try:
        return int(text)
    except ValueError:
        raise Refusal(bad_input, "not an integer") from None


def _context(issued: Issued, trust: bytes, tls: str, folder: Path, stem: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls]
    certificate, key = write(issued, folder, stem)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(cadata=trust.decode())
    context.verify_mode = ssl.CERT_REQUIRED
    return context


class ToyPki:
    """Certificates for toy networks, issued once for all tests."""

    def __init__(self, saes: Mapping[str, str] = SAES) -> None:
        self.authority = Authority()
        self.kmes = {kme: self.authority.issue_kme(kme) for kme in sorted(set(saes.values()))}
        self.saes = {sae: self.authority.issue_sae(sae) for sae in saes}
        self.outsiders = Outsiders(
            stranger=self.authority.issue_sae("sae-stranger"),
            foreign=Authority("another CA").issue_sae("sae-1"),
        )


@contextmanager
def toy_pair(
    pki: ToyPki, traits: Traits | None = None, flaws: frozenset[str] = frozenset(), saes: Mapping[str, str] = SAES
) -> Iterator[Reached]:
    """Two toy KMEs that are up, as a suite reaches them."""
    network = ToyNetwork(saes, traits or Traits(), flaws)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        kmes = []
        for kme, issued in pki.kmes.items():
            context = _context(issued, pki.authority.certificate_pem, network.traits.tls, folder, kme)
            server = stack.enter_context(_Server(network, kme, context))
            thread = threading.Thread(target=partial(server.serve_forever, 0.02), daemon=True)
            thread.start()
            stack.callback(server.shutdown)
            kmes.append(ReachedKme(kme, f"https://127.0.0.1:{server.server_address[1]}"))
        yield Reached(
            pki.authority.certificate_pem,
            tuple(kmes),
            tuple(
                ReachedSae(sae, kme, pki.saes[sae].certificate_pem, pki.saes[sae].private_key_pem)
                for sae, kme in saes.items()
            ),
            pki.outsiders,
        )
