"""TLS connections of SAEs whose writes reach the kernel at once, and can be held back there."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import cast

_HANDSHAKE_S = 10.0
_CORK = getattr(socket, "TCP_CORK", None)  # Linux; elsewhere nothing is held back


class Outlet:
    """The way out of one connection: through TLS to the kernel."""

    def __init__(self, tls: asyncio.Transport, plain: asyncio.Transport) -> None:
        self._tls = tls
        self._plain = plain
        self._socket = tls.get_extra_info("socket")

    @property
    def is_closed(self) -> bool:
        """Nothing can be written any more."""
        return self._tls.is_closing() or self._plain.is_closing()

    @property
    def unsent(self) -> int:
        """Octets that were written and that the kernel has not taken yet."""
        return self._tls.get_write_buffer_size() + self._plain.get_write_buffer_size()

    @contextmanager
    def corked(self) -> Iterator[None]:
        """Within it the end of what is written stays in the kernel; at its end, or the process's, it is sent."""
        if _CORK is None or self.is_closed:
            yield
            return
        self._socket.setsockopt(socket.IPPROTO_TCP, _CORK, 1)
        try:
            yield
        finally:
            if not self.is_closed:
                self._socket.setsockopt(socket.IPPROTO_TCP, _CORK, 0)


# Of the connection that the present task serves.
OUTLET: ContextVar[Outlet] = ContextVar("OUTLET")


class Doorway(asyncio.Protocol):
    """A connection until its TLS handshake is done; then the protocol that it was made for takes over.

    The event loop's own TLS server would do, but for one thing: its connections collect what is written
    until the end of a turn of the loop. These pass it on within the call.
    """

    def __init__(self, context: ssl.SSLContext, make_protocol: Callable[[], asyncio.Protocol]) -> None:
        self._context = context
        self._make_protocol = make_protocol
        self._early = b""
        self._upgrade: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        plain = cast(asyncio.Transport, transport)  # uvloop's is one by behaviour, not by class
        plain.pause_reading()  # what comes now is for TLS
        plain.set_write_buffer_limits(high=0)
        self._upgrade = asyncio.create_task(self._shake_hands(plain))

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`; what came in one piece with the end of the handshake."""
        self._early += data

    async def _shake_hands(self, plain: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        try:
            tls = await loop.start_tls(plain, self, self._context, server_side=True, ssl_handshake_timeout=_HANDSHAKE_S)
        except OSError:  # ssl.SSLError is one: no certificate, a foreign one, no TLS at all
            plain.abort()
            return
        if tls is None:
            return
        OUTLET.set(Outlet(tls, plain))  # the tasks of the protocol inherit it
        protocol = self._make_protocol()
        tls.set_protocol(protocol)
        protocol.connection_made(tls)
        if self._early:
            protocol.data_received(self._early)
