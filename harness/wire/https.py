"""One exchange over HTTPS: bounded in time and volume, sent at most once, no exception for what comes back.

It stands on `http.client` and not on a client library above it: those send requests again, undo codings, follow
redirects and log what they could not parse, and what cannot be parsed may hold a key.
"""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from harness.wire.bounds import BoundedPlainSocket, TooMuch, bounded, ended, received, remaining
from harness.wire.tls import tls_failure

BODY_LIMIT: Final = 4 * 1024 * 1024
_OVERHEAD: Final = 1024 * 1024  # room for status line, headers and chunk sizes
_IDLE_LIMIT_S: Final = 0.5  # beyond this a server may be about to close a connection that it kept
_PROOF_S: Final = 0.01
_SPARE: Final = 16


class UnsendableError(ValueError):
    """A request that HTTP cannot carry; a fault of whoever made it, not of the other side."""


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        status: None when there was no complete answer.
        failure: why, in the words of `harness.wire.etsi014.Answer.failure`.
        headers: lower-case names, repeated headers joined by ", ".
        body: at most the limit of the transport; content codings are undone.
        problems: HTTP below the level of the standard under test.
        began: True once a first octet of an answer was read.
        reused: the request went over a connection that had been used before.
    """

    status: int | None
    failure: str
    headers: Mapping[str, str]
    body: bytes
    problems: tuple[str, ...]
    tls_version: str
    began: bool
    reused: bool


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None


class _Connection(http.client.HTTPConnection):
    """A connection that keeps the bounds of the thread, and knows its past. Without a context it has no TLS."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        super().__init__(host, port)
        self._context = context
        self.live: ssl.SSLSocket | None = None
        self.version = ""
        self.idle_since = 0.0

    def connect(self) -> None:
        """Connect and shake hands."""
        bare = _connected(self.host, self.port)
        if self._context is None:
            self.sock = bare
            return
        try:
            self.live = self._context.wrap_socket(bare, server_hostname=self.host)
        except BaseException:
            bare.close()
            raise
        self.sock = self.live
        self.version = self.live.version() or ""


class HttpsTransport:
    """Exchanges with one server. Thread-safe; connections are kept and reused as long as the server plays along.

    ``url`` is the base, for instance "https://127.0.0.1:8443"; ``deadline_s`` bounds a whole exchange. With
    ``context`` None it speaks plain HTTP to the port of that URL, to see whether anybody there answers.

    Raises:
        ValueError: ``url`` is no https URL with a host, or names a user.
    """

    def __init__(
        self,
        url: str,
        context: ssl.SSLContext | None,
        *,
        deadline_s: float = 10.0,
        body_limit: int = BODY_LIMIT,
        keep_alive: bool = True,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
            raise ValueError("not an https URL with a host and without a user")
        self.host, self.port = parts.hostname, parts.port or 443
        self.base = f"{'https' if context is not None else 'http'}://{parts.netloc}{parts.path.rstrip('/')}"
        self.prefix = parts.path.rstrip("/")
        self.deadline_s = deadline_s
        self.peer_certificate: bytes | None = None
        self._context = context
        self._limit = body_limit
        self._keep = keep_alive
        self._proven = False
        self._spare: list[_Connection] = []
        self._lock = threading.Lock()

    def exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        """Send one request, once, and read what comes back.

        ``path`` (with query) goes out as it is, after the path of the base URL.

        Raises:
            UnsendableError: method, path or a header cannot stand in an HTTP request.
        """
        request = _Request(method, self.prefix + path, headers, body)
        with bounded(self.deadline_s, self._limit + _OVERHEAD):
            connection = self._spare_connection()
            reused = connection is not None
            connection = connection or _Connection(self.host, self.port, self._context)
            try:
                if not reused:
                    connection.connect()
                    if connection.live is not None:
                        self.peer_certificate = connection.live.getpeercert(binary_form=True)
                return self._converse(connection, request, reused=reused)
            except UnsendableError:
                connection.close()
                raise
            except (OSError, http.client.HTTPException, ValueError) as wrong:
                connection.close()
                if reused and not received():
                    self._keep = False  # a server that closes what it kept: every request gets its own from now on
                failure = failure_text(wrong, in_handshake=not connection.version and self._context is not None)
                return Reply(None, failure, {}, b"", (), connection.version, received() > 0, reused)

    def close(self) -> None:
        """Close the connections that were kept."""
        while self._spare:
            self._spare.pop().close()

    def _spare_connection(self) -> _Connection | None:
        while self._keep:
            with self._lock:
                connection = self._spare.pop() if self._spare else None
            if connection is None:
                return None
            # Until one reuse has worked, a server that closes after its answer without saying so gets time to do it:
            # a request on a dying connection is lost, and this transport never sends one twice.
            if time.monotonic() - connection.idle_since < _IDLE_LIMIT_S and not _readable(
                connection, 0.0 if self._proven else _PROOF_S
            ):
                return connection
            connection.close()
        return None

    def _converse(self, connection: _Connection, request: _Request, *, reused: bool) -> Reply:
        unsent: OSError | None = None
        try:
            connection.request(request.method, request.path, request.body, dict(request.headers))
        except (http.client.InvalidURL, UnicodeError, ValueError) as wrong:
            raise UnsendableError("method, path or a header cannot stand in an HTTP request") from wrong
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError) as wrong:
            unsent = wrong  # a server that refuses early says why before it closes: an alert, or a 413
        try:
            response = connection.getresponse()
        except (OSError, http.client.HTTPException, ValueError) as wrong:
            raise unsent if unsent is not None and not isinstance(wrong, ssl.SSLError) else wrong  # noqa: B904
        if ended():
            response.close()
            raise http.client.IncompleteRead(b"")
        if reused:
            self._proven = True
        version = connection.version
        told: dict[str, str] = {}
        for name, value in response.getheaders():
            told[name.lower()] = f"{told[name.lower()]}, {value}" if name.lower() in told else value
        problems = _header_problems(response)
        content, cut = self._read(response, problems)
        if cut:
            response.close()
            connection.close()
            return Reply(None, cut, told, content, tuple(problems), version, True, reused)
        if len(content) > self._limit or connection.sock is None or not self._keep:
            connection.close()
        else:
            connection.idle_since = time.monotonic()
            self._put_back(connection)
        if len(content) > self._limit:
            problems.append(f"body is larger than {self._limit} octets; the rest was not read")
            content = content[: self._limit]
        content = self._decoded(content, told.get("content-encoding", ""), problems)
        return Reply(response.status, "", told, content, tuple(problems), version, True, reused)

    def _put_back(self, connection: _Connection) -> None:
        with self._lock:
            if len(self._spare) < _SPARE:
                self._spare.append(connection)
                return
        connection.close()

    def _read(self, response: http.client.HTTPResponse, problems: list[str]) -> tuple[bytes, str]:
        pieces: list[bytes] = []
        size = 0
        try:
            while size <= self._limit and (piece := response.read(self._limit + 1 - size)):
                pieces.append(piece)
                size += len(piece)
        except (OSError, http.client.HTTPException, ValueError) as wrong:
            return b"".join(pieces), failure_text(wrong, in_handshake=False, in_body=True)
        cut = size <= self._limit and response.length not in (None, 0)
        return b"".join(pieces), "http: body ends early" if cut else ""

    def _decoded(self, content: bytes, coding: str, problems: list[str]) -> bytes:
        coding = coding.strip().lower()
        if coding in ("", "identity") or not content:
            return content
        problems.append("body has a content coding that the request did not accept")
        if coding not in ("gzip", "x-gzip", "deflate"):
            return content
        undo = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            plain = undo.decompress(content, self._limit)
        except zlib.error:
            problems.append("body does not have the content coding that it names")
            return content
        if undo.unconsumed_tail:
            problems.append(f"body is larger than {self._limit} octets; the rest was not read")
        return plain


def failure_text(cause: BaseException, *, in_handshake: bool, in_body: bool = False) -> str:
    """The failure of an exchange, in the words of `harness.wire.etsi014.Answer.failure`. Quotes nothing received."""
    if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "tls: closed" if in_handshake else "closed"
    if isinstance(cause, ssl.SSLError):
        return tls_failure(cause)
    if isinstance(cause, TimeoutError):
        return "timeout"
    if isinstance(cause, TooMuch):
        return "http: more octets than an exchange may take"
    if isinstance(cause, ConnectionRefusedError):
        return "refused"
    if isinstance(cause, http.client.RemoteDisconnected):
        return "closed"
    if isinstance(cause, ConnectionResetError | BrokenPipeError | ConnectionAbortedError):
        return "tls: closed" if in_handshake else "closed"
    if isinstance(cause, http.client.IncompleteRead):
        return "http: body ends early" if in_body else "http: head ends early"
    if isinstance(cause, socket.gaierror):
        return "unreachable: the name is not known"
    if isinstance(cause, OSError):
        return f"unreachable: {cause.strerror or type(cause).__name__}"
    return f"http: {'broken body' if in_body else type(cause).__name__}"


def _connected(host: str, port: int) -> socket.socket:
    failure: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        opened = BoundedPlainSocket(family, kind, protocol)
        try:
            opened.settimeout(remaining())  # all addresses of a name share the deadline
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.connect(address)
        except OSError as wrong:
            opened.close()
            failure = wrong
            continue
        return opened
    raise failure or OSError("the name has no address")


def _readable(connection: _Connection, wait_s: float) -> bool:
    live = connection.live
    if live is None or live.pending():
        return True
    poll = select.poll()
    poll.register(live, select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(wait_s * 1000))


def _header_problems(response: http.client.HTTPResponse) -> list[str]:
    problems = [
        f"header {name} stands more than once, with different values"
        for name in ("content-length", "content-type", "transfer-encoding")
        if len(set(response.headers.get_all(name, ()))) > 1
    ]
    if response.headers.defects:
        problems.append("a header line is not well formed")
    if "transfer-encoding" in response.headers and "content-length" in response.headers:
        problems.append("both transfer-encoding and content-length")
    if response.status < 200:
        problems.append(f"interim status {response.status} as the answer")
    return problems
