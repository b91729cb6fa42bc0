"""Looks into TLS handshakes: the certificates that a client shows, before they are verified."""

from __future__ import annotations

import ssl
from collections.abc import Callable

_HEADER = 4  # octets: type and length of a handshake message
_CERTIFICATE = 11
_TLS_1_3 = 0x0304


def on_client_certificate(context: ssl.SSLContext, shown: Callable[[bytes], None]) -> None:
    """Has `shown` called with the certificate (DER) of each client of a server context.

    The library calls back after the message was read and before it is judged, so what is added to the
    trust of `context` in between counts.
    """

    def message(_connection: object, direction: str, version: int, content: int, kind: int, data: bytes) -> None:
        if direction == "read" and content == 22 and kind == _CERTIFICATE:  # 22: handshake
            certificate = _first_certificate(data[_HEADER:], named_context=version >= _TLS_1_3)
            if certificate:
                shown(certificate)

    # A hook that the ssl module keeps for debugging; nothing else lets Python see an unverified certificate.
    context._msg_callback = message  # type: ignore[attr-defined]  # noqa: SLF001


def _first_certificate(body: bytes, *, named_context: bool) -> bytes:
    """The first entry of a Certificate message (RFC 5246, 7.4.2; RFC 8446, 4.4.2)."""
    if named_context:
        body = body[1 + body[0] :]
    entries = body[3:]
    length = int.from_bytes(entries[:3])
    return entries[3 : 3 + length]
