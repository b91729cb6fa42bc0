"""Bounds of an exchange that hold whatever the other side does: one deadline and one volume for all of it.

They are kept below HTTP, at the socket, because a server may drip or flood inside a status line, a header or a
chunk as well as in a body. An exchange runs in one thread; the bounds belong to that thread.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class TooMuch(OSError):  # noqa: N818 - said of the other side
    """The other side sent more octets than the exchange may take."""


class _Bounds(threading.local):
    deadline: float | None = None
    room: int = 0
    received: int = 0
    ended: bool = False


_BOUNDS = _Bounds()


@contextmanager
def bounded(seconds: float, octets: int) -> Iterator[None]:
    """Bound everything that `BoundedSocket` does in this thread, within the block."""
    _BOUNDS.deadline, _BOUNDS.room, _BOUNDS.received = time.monotonic() + seconds, octets, 0
    _BOUNDS.ended = False
    try:
        yield
    finally:
        _BOUNDS.deadline = None


def remaining() -> float | None:
    """Seconds left; None outside a bound.

    Raises:
        TimeoutError: none is left.
    """
    if _BOUNDS.deadline is None:
        return None
    left = _BOUNDS.deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline of the exchange has passed")
    return left


def received() -> int:
    """Octets of application data received within the bound so far."""
    return _BOUNDS.received


def ended() -> bool:
    """True when the other side was found to have closed within the bound."""
    return _BOUNDS.ended


def _count(octets: int) -> None:
    _BOUNDS.received += octets
    _BOUNDS.ended |= not octets
    if _BOUNDS.deadline is not None and _BOUNDS.received > _BOUNDS.room:
        raise TooMuch(f"more than {_BOUNDS.room} octets")


class BoundedPlainSocket(socket.socket):
    """A socket without TLS that keeps the bounds of the thread that uses it."""

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As the base class; raises TimeoutError and TooMuch as `BoundedSocket.read`."""
        self.settimeout(remaining())
        got = super().recv_into(buffer, nbytes, flags)
        _count(got)
        return got

    def sendall(self, data: Any, flags: int = 0) -> None:
        """As the base class; raises TimeoutError when the deadline has passed."""
        self.settimeout(remaining())
        super().sendall(data, flags)


class BoundedSocket(ssl.SSLSocket):
    """A TLS socket that keeps the bounds of the thread that uses it."""

    def read(self, len: int = 1024, buffer: Any = None) -> Any:  # noqa: A002 - as there
        """As the base class.

        Raises:
            TimeoutError: the deadline has passed.
            TooMuch: more octets than the exchange may take.
        """
        self.settimeout(remaining())
        got: Any = super().read(len, buffer)
        _count(got if buffer is not None else memoryview(got).nbytes)
        return got

    def send(self, data: Any, flags: int = 0) -> int:
        """As the base class; raises TimeoutError when the deadline has passed."""
        self.settimeout(remaining())
        return super().send(data, flags)

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as there
        """As the base class; raises TimeoutError when the deadline has passed."""
        self.settimeout(remaining())
        super().do_handshake(block)
