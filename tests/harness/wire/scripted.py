"""A scripted TLS server that plays whatever a test asks for, and the credentials around it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.pki import Authority, write
from harness.wire.etsi014 import HttpsSaeClient, KmeEndpoint, SaeClient, open_client
from harness.wire.evidence import EvidenceLog
from harness.wire.tls import VERSIONS, Credentials

Script = Callable[[ssl.SSLSocket, bytes], object]
"""Plays one request: gets the connection and the request; a true result ends the connection."""


@dataclass
class Tls:
    """How the server's side of TLS is set up."""

    minimum: str = "TLSv1.2"
    maximum: str = "TLSv1.3"
    client: ssl.VerifyMode = ssl.CERT_REQUIRED
    trusts: bytes | None = None
    old_ciphers: bool = False


class ScriptedServer:
    """Accepts connections, each in a thread of its own; reads requests and lets the script answer."""

    def __init__(self, context: ssl.SSLContext, script: Script) -> None:
        self._context = context
        self._script = script
        self.stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self.stop.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                bare, _ = self._listener.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(bare,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, bare: socket.socket) -> None:
        bare.settimeout(5)
        with bare, contextlib.suppress(OSError), self._context.wrap_socket(bare, server_side=True) as live:
            while not self.stop.is_set():
                request = read_request(live)
                if not request:
                    return
                self.requests.append(request)
                if self._script(live, request):
                    return

    def close(self) -> None:
        """End everything."""
        self.stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        for thread in self._threads:
            thread.join(6)


def read_request(live: ssl.SSLSocket) -> bytes:
    """One request with its body; empty at the end of the connection."""
    got = b""
    while b"\r\n\r\n" not in got:
        piece = live.recv(65536)
        if not piece:
            return b""
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        body += live.recv(65536)
    return head + b"\r\n\r\n" + body


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """An ordinary HTTP/1.1 answer."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def says(*pieces: bytes) -> Script:
    """A script that sends ``pieces`` and keeps the connection."""

    def play(live: ssl.SSLSocket, _: bytes) -> bool:
        for piece in pieces:
            live.sendall(piece)
        return False

    return play


def says_and_closes(*pieces: bytes) -> Script:
    """A script that sends ``pieces`` and closes the connection."""
    play = says(*pieces)
    return lambda live, request: (play(live, request), True)[1]


@dataclass
class Bench:
    """Everything that a test of the wire needs."""

    authority: Authority
    folder: Path
    log: EvidenceLog
    sae: Credentials
    servers: list[ScriptedServer]
    clients: list[SaeClient]

    def serve(self, script: Script, tls: Tls | None = None) -> tuple[ScriptedServer, KmeEndpoint]:
        """Start a server; it ends with the test."""
        tls = tls or Tls()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if tls.old_ciphers:
            context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version, context.maximum_version = VERSIONS[tls.minimum], VERSIONS[tls.maximum]
        context.load_cert_chain(*write(self.authority.issue_kme("kme-a"), self.folder, "kme-a"))
        context.verify_mode = tls.client
        context.load_verify_locations(cadata=(tls.trusts or self.authority.certificate_pem).decode())
        server = ScriptedServer(context, script)
        self.servers.append(server)
        return server, KmeEndpoint("kme-a", f"https://127.0.0.1:{server.port}")

    def client(self, kme: KmeEndpoint, *, deadline_s: float = 3.0) -> HttpsSaeClient:
        """A client of the SAE; it is closed with the test."""
        made = open_client("sae-1", kme, self.sae, self.authority.certificate_pem, self.log, deadline_s=deadline_s)
        assert isinstance(made, HttpsSaeClient)
        self.clients.append(made)
        return made

    def ask(self, script: Script, *, deadline_s: float = 3.0) -> HttpsSaeClient:
        """A client of a new server that plays ``script``."""
        return self.client(self.serve(script)[1], deadline_s=deadline_s)
