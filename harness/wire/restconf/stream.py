"""Server-sent events as RESTCONF sends notifications (RFC 8040, 6.4), read in a thread, bounded."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Final

from harness.wire.bounds import bounded
from harness.wire.etsi014.document import read_document

LIFE_S: Final = 900.0
_OCTETS: Final = 16 * 1024 * 1024
_LINE: Final = 1024 * 1024
_OPEN_S: Final = 10.0


@dataclass(frozen=True)
class Event:
    """One event.

    Attributes:
        data: its data lines, joined.
        document: the JSON in it, or why there is none.
        at: when it came, seconds of the monotonic clock.
    """

    data: str
    document: Any
    at: float

    @property
    def notification(self) -> dict[str, Any]:
        """What is in `ietf-restconf:notification`; {} = there is no such envelope."""
        held = self.document.get("ietf-restconf:notification") if isinstance(self.document, dict) else None
        return held if isinstance(held, dict) else {}

    @property
    def name(self) -> str:
        """Name of the notification, qualified as it came; "" = there is not exactly one."""
        names = [one for one in self.notification if one != "eventTime"]
        return names[0] if len(names) == 1 else ""

    @property
    def content(self) -> Any:
        """What the notification holds."""
        return self.notification.get(self.name, {})


class EventStream:
    """An open stream. Events are kept in the order in which they come, up to bounds of time and volume.

    Raises:
        OSError: it cannot be opened; the text says what was answered.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None, path: str) -> None:
        self.events: list[Event] = []
        self.ended = ""
        self.media_type = ""
        self._changed = threading.Condition()
        self._opened = threading.Event()
        self._refused = ""
        self._where = (host, port, context, path)
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="event-stream", daemon=True)
        self._thread.start()
        if not self._opened.wait(_OPEN_S + 1.0):
            self._refused = "no answer"
        if self._refused:
            self.close()
            raise OSError(f"the event stream does not open: {self._refused}")

    def close(self) -> None:
        """Ends it."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(_OPEN_S)

    def until(self, fits: Callable[[Event], bool], bound_s: float, since: int = 0) -> Event | None:
        """The first event from number `since` on that fits, awaited; None = none came within the bound."""
        end, place = time.monotonic() + bound_s, since
        with self._changed:
            while True:
                for one in self.events[place:]:
                    if fits(one):
                        return one
                place = max(place, len(self.events))
                left = end - time.monotonic()
                if left <= 0 or self.ended:
                    return None
                self._changed.wait(left)

    def _run(self) -> None:
        host, port, context, path = self._where
        try:
            with bounded(LIFE_S, _OCTETS):
                self._socket = socket.create_connection((host, port), _OPEN_S)
                if context is not None:
                    self._socket = context.wrap_socket(self._socket, server_hostname=host)
                connection = http.client.HTTPConnection(host, port)
                connection.sock = self._socket
                connection.request("GET", path, headers={"Accept": "text/event-stream", "User-Agent": "qkd-harness"})
                with closing(connection.getresponse()) as response:  # it holds the socket, too
                    self._read(response)
            self._end("the server ended it")
        except (OSError, http.client.HTTPException, ValueError) as wrong:
            self._refused = self._refused or type(wrong).__name__
            self._end(type(wrong).__name__)
        finally:
            self._opened.set()
            if self._socket is not None:
                self._socket.close()

    def _read(self, response: http.client.HTTPResponse) -> None:
        self.media_type = response.headers.get_content_type()
        if response.status != 200 or self.media_type != "text/event-stream":
            self._refused = f"{response.status} {self.media_type}"
            return
        self._opened.set()
        data: list[str] = []
        waiting = b""
        while piece := response.read1(65536):
            waiting += piece
            *lines, waiting = waiting.replace(b"\r\n", b"\n").split(b"\n")
            for line in lines:
                self._line(line.decode("utf-8", "replace"), data)
            if len(waiting) > _LINE:
                raise ValueError("a line is too long")

    def _line(self, line: str, data: list[str]) -> None:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            text = "\n".join(data)
            data.clear()
            with self._changed:
                self.events.append(Event(text, read_document(text.encode())[0], time.monotonic()))
                self._changed.notify_all()

    def _end(self, how: str) -> None:
        with self._changed:
            self.ended = self.ended or how
            self._changed.notify_all()
