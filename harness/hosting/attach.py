"""Is an implementation that runs already within reach? TCP, TLS, its certificate and ours, told apart."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from harness.hosting.errors import HostingError
from harness.hosting.log import scrub


class Obstacle(StrEnum):
    """What stands between the harness and an address."""

    BAD_ADDRESS = "bad address"
    UNRESOLVED = "name not resolved"
    REFUSED = "connection refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    NOT_TLS = "not TLS"
    NO_COMMON_TLS = "no common TLS version or cipher"
    UNTRUSTED = "certificate not signed by the trust"
    CERTIFICATE_REFUSED = "our certificate refused"
    CLOSED = "connection closed"


class AttachError(HostingError):
    """An address that cannot be attached to; `obstacle` says why in one word, the text says more."""

    def __init__(self, obstacle: Obstacle, what: str, *, waited_s: float | None = None, advice: str = "") -> None:
        super().__init__(what, waited_s=waited_s, advice=advice)
        self.obstacle = obstacle


@dataclass(frozen=True, slots=True)
class Reachable:
    """An address that answered. `answered` is False when TLS was set up but nothing came back in time."""

    tls_version: str
    cipher: str
    took_s: float
    answered: bool = True


def split_address(text: str) -> tuple[str, int]:
    """Host and port of ``https://host:port/…`` (default port 443) or ``host:port``.

    Raises:
        AttachError: BAD_ADDRESS.
    """
    try:
        parts = urlsplit(text if "//" in text else f"//{text}")
        port = parts.port
    except ValueError as error:
        raise AttachError(Obstacle.BAD_ADDRESS, f"{text}: {error}", advice=_ADDRESS_ADVICE) from None
    if parts.scheme not in ("", "https") or not parts.hostname or (port is None and not parts.scheme):
        raise AttachError(Obstacle.BAD_ADDRESS, f"{text}: not an address", advice=_ADDRESS_ADVICE)
    return parts.hostname, port or 443


def check_reachable(
    address: str,
    *,
    trust: Path,
    certificate: Path,
    private_key: Path,
    grpc: bool = False,
    timeout_s: float = 5.0,
) -> Reachable:
    """Connects to `address` with mutual TLS and sends the least that makes a server answer.

    That is ``GET /`` over HTTPS and an empty SETTINGS frame over gRPC: nothing that draws a key or changes
    anything. The server's certificate is checked against `trust`; whether it names the right KME is for the
    suite to judge.

    Args:
        address: ``https://host:port`` or ``host:port``.
        trust: PEM file of CA certificates.
        certificate: PEM file of our certificate (chain).
        private_key: PEM file of its key.
        grpc: speak HTTP/2 instead of HTTP/1.1.
        timeout_s: for all of it.

    Raises:
        AttachError: with the first obstacle.
        ValueError: when one of the files cannot be used.
    """
    host, port = split_address(address)
    context = _context(trust, certificate, private_key, "h2" if grpc else "http/1.1")
    start = monotonic()
    try:
        with _connected(address, host, port, timeout_s) as plain:
            return _over_tls(plain, context, host, grpc=grpc, start=start, deadline=start + timeout_s)
    except AttachError as error:
        error.waited_s = monotonic() - start
        error.what = f"{address}: {error.what}" if not error.what.startswith(address) else error.what
        raise


def _connected(address: str, host: str, port: int, timeout_s: float) -> socket.socket:
    try:
        return socket.create_connection((host, port), timeout=timeout_s)
    except socket.gaierror as error:
        advice = "check the host name, or give the address as numbers"
        raise AttachError(Obstacle.UNRESOLVED, f"{host}: {error.strerror}", advice=advice) from None
    except TimeoutError:
        advice = "check the address, and that no firewall drops the connection"
        raise AttachError(Obstacle.TIMEOUT, "nobody answered the connection", advice=advice) from None
    except ConnectionRefusedError:
        advice = "check the port, and that the KME is running"
        raise AttachError(Obstacle.REFUSED, "the connection was refused", advice=advice) from None
    except OSError as error:
        raise AttachError(Obstacle.UNREACHABLE, f"{error.strerror}", advice=f"check {address}") from None


def _over_tls(
    plain: socket.socket, context: ssl.SSLContext, host: str, *, grpc: bool, start: float, deadline: float
) -> Reachable:
    plain.settimeout(max(_LEAST_S, deadline - monotonic()))
    try:
        secure = context.wrap_socket(plain, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        text = f"its certificate does not verify: {error.verify_message}"
        advice = "`trust` must hold the CA that signed the certificate of the KME"
        raise AttachError(Obstacle.UNTRUSTED, text, advice=advice) from None
    except ssl.SSLError as error:
        raise _tls_obstacle(error) from None
    except TimeoutError:
        text = "no answer to the TLS handshake"
        raise AttachError(Obstacle.TIMEOUT, text, advice=_PORT_ADVICE) from None
    except OSError as error:
        text = f"the connection was closed during the handshake ({_why(error)})"
        raise AttachError(Obstacle.CLOSED, text, advice=_REFUSED_ADVICE) from None
    with secure:
        left = max(_LEAST_S, deadline - monotonic())
        answered = _answers(secure, _GRPC_HELLO if grpc else _http_hello(host), left)
        cipher = (secure.cipher() or ("",))[0]
        return Reachable(secure.version() or "", cipher, monotonic() - start, answered)


def _answers(secure: ssl.SSLSocket, hello: bytes, timeout_s: float) -> bool:
    try:
        if secure.version() == "TLSv1.3":
            # The server judges our certificate after the handshake. Listen for its alert before saying anything: one
            # that closes with our words unread resets the connection, and the alert is lost.
            secure.settimeout(min(_ALERT_S, timeout_s))
            with suppress(TimeoutError):
                if secure.recv(1):
                    return True
                raise _closed("end of file")
        secure.settimeout(timeout_s)
        secure.sendall(hello)
        if secure.recv(1):
            return True
    except ssl.SSLEOFError:
        raise _closed("end of file") from None
    except ssl.SSLError as error:
        raise _tls_obstacle(error) from None
    except TimeoutError:
        return False  # TLS is up and our certificate was not refused: slow, but there
    except OSError as error:
        raise _closed(_why(error)) from None
    raise _closed("end of file")


def _closed(how: str) -> AttachError:
    text = f"the connection was closed after TLS was set up ({how})"
    return AttachError(Obstacle.CLOSED, text, advice=_REFUSED_ADVICE)


def _tls_obstacle(error: ssl.SSLError) -> AttachError:
    reason = (error.reason or "").upper()
    shown = scrub(reason.replace("_", " ").lower(), ())
    if any(word in reason for word in _NOT_TLS):
        return AttachError(Obstacle.NOT_TLS, f"does not speak TLS ({shown})", advice=_PORT_ADVICE)
    if any(word in reason for word in _NO_COMMON):
        advice = "the KME must offer TLS 1.2 or higher (014 clause 5.1)"
        return AttachError(Obstacle.NO_COMMON_TLS, f"TLS could not be agreed on ({shown})", advice=advice)
    if "ALERT" in reason:
        text = f"refused our certificate ({shown})"
        return AttachError(Obstacle.CERTIFICATE_REFUSED, text, advice=_REFUSED_ADVICE)
    return AttachError(Obstacle.CLOSED, f"the TLS connection broke ({shown})", advice=_REFUSED_ADVICE)


def _context(trust: Path, certificate: Path, private_key: Path, protocol: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.set_alpn_protocols([protocol])
    try:
        context.load_verify_locations(trust)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"{trust}: no CA certificates could be read ({_why(error)})") from None
    try:
        # An encrypted key would ask for its passphrase on the terminal.
        context.load_cert_chain(certificate, private_key, password=lambda: b"")
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"{certificate}, {private_key}: not a certificate and its key ({_why(error)})") from None
    return context


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__ if not isinstance(error, ssl.SSLError) else f"{error.reason}"


def _http_hello(host: str) -> bytes:
    name = f"[{host}]" if ":" in host else host
    return f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode("ascii", "replace")


_GRPC_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_LEAST_S = 0.05
_ALERT_S = 0.2
_PORT_ADVICE = "check that the port is that of the KME's TLS service"
_ADDRESS_ADVICE = "give https://host:port, or host:port for gRPC"
_REFUSED_ADVICE = (
    "check that the KME trusts the CA of our certificate, that the certificate is valid now and allows client "
    "authentication, and that its SAE is known there"
)
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "PACKET_LENGTH")
_NO_COMMON = ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "HANDSHAKE_FAILURE", "NO_SHARED_CIPHER", "NO_PROTOCOLS")
