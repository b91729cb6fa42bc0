"""Messages between two KMEs on one TLS connection: 4 octets of length, then one PeerMessage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from google.protobuf.message import DecodeError

from qkd.reference.v1.kme_peer_pb2 import PeerMessage

from .tls import common_name

_LENGTH = 4
_LONGEST = 64 * 1024 * 1024


class Channel(asyncio.Protocol):
    """One connection, either end.

    Attributes:
        peer_id: the KME ID in the other end's certificate, from `opened` on.
        opened: called when the handshake is done.
        received: called with each message; what it raises closes the connection.
        lost: called once when the connection is gone.
        gone: set when the connection is gone.
    """

    def __init__(
        self,
        opened: Callable[[Channel], None],
        received: Callable[[Channel, PeerMessage], None],
        lost: Callable[[Channel], None],
    ) -> None:
        self.opened = opened
        self.received = received
        self.lost = lost
        self.gone = asyncio.Event()
        self.peer_id: str | None = None
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by behaviour, not by class
        self.peer_id = common_name(transport.get_extra_info("peercert"))
        self.opened(self)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _LENGTH:
            length = int.from_bytes(buffer[start : start + _LENGTH])
            end = start + _LENGTH + length
            if length > _LONGEST:
                self.close()
                return
            if len(buffer) < end:
                break
            try:
                message = PeerMessage.FromString(bytes(buffer[start + _LENGTH : end]))
            except DecodeError:
                self.close()
                return
            start = end
            self.received(self, message)
        del buffer[:start]

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._transport = None
        self.lost(self)
        self.gone.set()

    def send(self, message: PeerMessage) -> None:
        """Sends; silently nothing when the connection is gone, as `lost` tells."""
        if self._transport is not None:
            octets = message.SerializeToString()
            self._transport.write(len(octets).to_bytes(_LENGTH) + octets)

    def close(self) -> None:
        """Ends the connection now; `lost` follows."""
        if self._transport is not None:
            self._transport.abort()
