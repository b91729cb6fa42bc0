"""How messages are told apart on the wire: by a mark at their end (NETCONF 1.0), or in chunks (1.1). RFC 6242."""

from __future__ import annotations

import re

_MARK = b"]]>]]>"
_HEADER = re.compile(rb"\n#(?:([1-9][0-9]{0,9})|#)\n")
_LONGEST_HEADER = len(b"\n#4294967295\n")
_LARGEST_CHUNK = 4294967295


class FramingError(Exception):
    """What came is no frame, or a message that is too long: nothing that follows can be understood."""


class Framer:
    """Takes octets, gives messages.

    Args:
        longest: octets of a message.

    Attributes:
        chunked: how what comes from now on is framed; may be changed between two messages.
    """

    def __init__(self, longest: int) -> None:
        self.chunked = False
        self._longest = longest
        self._waiting = bytearray()
        self._searched = 0  # of what waits, holds no mark
        self._message = bytearray()
        self._left = 0  # of the chunk that has begun
        self._begun = False

    def feed(self, octets: bytes) -> None:
        """Octets that have come."""
        self._waiting += octets

    def next(self) -> bytes | None:
        """The next message; None = it is not whole yet.

        Raises:
            FramingError: there will be none.
        """
        return self._next_chunked() if self.chunked else self._next_marked()

    def _next_marked(self) -> bytes | None:
        end = self._waiting.find(_MARK, self._searched)
        length = end if end >= 0 else len(self._waiting) - len(_MARK) + 1
        if length > self._longest:
            raise FramingError(f"a message is longer than {self._longest} octets")
        if end < 0:
            self._searched = max(0, len(self._waiting) - len(_MARK) + 1)
            return None
        message = bytes(self._waiting[:end])
        del self._waiting[: end + len(_MARK)]
        self._searched = 0
        return message

    def _next_chunked(self) -> bytes | None:
        while self._waiting:
            if self._left:
                part = self._waiting[: self._left]
                self._message += part
                self._left -= len(part)
                del self._waiting[: len(part)]
                continue
            header = _HEADER.match(self._waiting)
            if header is None:
                self._require_beginning()
                return None
            size = header[1]  # before what it was found in is cut
            del self._waiting[: header.end()]
            if size is None:
                return self._ended()
            self._begin(int(size))
        return None

    def _begin(self, size: int) -> None:
        if size > _LARGEST_CHUNK:
            raise FramingError("the size of a chunk is out of range")
        if len(self._message) + size > self._longest:
            raise FramingError(f"a message is longer than {self._longest} octets")
        self._left, self._begun = size, True

    def _ended(self) -> bytes:
        if not self._begun:
            raise FramingError("a message ends before its first chunk")
        message, self._message, self._begun = bytes(self._message), bytearray(), False
        return message

    def _require_beginning(self) -> None:
        """That what waits may become the header of a chunk."""
        held = bytes(self._waiting[:_LONGEST_HEADER])
        if len(held) == _LONGEST_HEADER or re.fullmatch(rb"\n(#(#|[1-9][0-9]{0,9})?)?", held) is None:
            raise FramingError("there is something else where a chunk should begin")


def framed(message: bytes, *, chunked: bool) -> bytes:
    """A message as it is sent."""
    return b"\n#%d\n%b\n##\n" % (len(message), message) if chunked else message + _MARK
