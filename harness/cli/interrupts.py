"""Ctrl-C and SIGTERM while a campaign runs: end in good order, and remember it."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """A context in which Ctrl-C and SIGTERM raise ``KeyboardInterrupt`` once, and are ``seen``.

    The second one raises it again, for users who do not want to wait for good order. Outside the main thread
    nothing is changed, since Python delivers no signals there.
    """

    def __init__(self) -> None:
        self.seen = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._take) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.seen = True
        raise KeyboardInterrupt
