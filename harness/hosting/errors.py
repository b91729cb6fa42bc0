"""What went wrong with a hosted or attached implementation."""

from __future__ import annotations

from harness.hosting.log import LogTail

_SHOWN_LINES = 30


class HostingError(Exception):
    """An implementation could not be hosted or reached. Not a verdict: nothing was tested.

    Attributes:
        what: what happened, one sentence.
        waited_s: how long it was waited for, seconds; None when nothing was waited for.
        process: what is known of the process ("exit status 3", "still running, pid 71"); empty when there
            is none.
        log: the tail of its log, without secrets.
        advice: what to do.
    """

    def __init__(
        self,
        what: str,
        *,
        waited_s: float | None = None,
        process: str = "",
        log: LogTail | None = None,
        advice: str = "",
    ) -> None:
        super().__init__(what)
        self.what = what
        self.waited_s = waited_s
        self.process = process
        self.log = log
        self.advice = advice

    def __str__(self) -> str:
        waited = "" if self.waited_s is None else f" (waited {self.waited_s:.1f} s)"
        lines = [self.what + waited]
        if self.process:
            lines.append(f"  process: {self.process}")
        if self.log is not None:
            lines += self.log.lines(_SHOWN_LINES)
        if self.advice:
            lines.append(f"  do: {self.advice}")
        return "\n".join(lines)
