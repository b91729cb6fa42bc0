"""The bounded log of a hosted process, as the shim writes it, read without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LIMIT_OCTETS = 64 * 1024
REDACTED = "(redacted)"
_MARK = re.compile(rb"\[(\d+) octets of log before this line\]\n")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
# A log may not steer the terminal that shows it.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_TRIES = 5


@dataclass(frozen=True, slots=True)
class LogTail:
    """The last of what a process wrote to stdout and stderr.

    Attributes:
        text: at most 64 KiB, secrets replaced, control characters too.
        dropped: octets that were logged before `text` and are gone.
    """

    text: str
    dropped: int = 0

    def lines(self, most: int) -> list[str]:
        """The last `most` lines, indented for an error message, with what is missing said above them."""
        every = self.text.splitlines()
        if not every:
            return ["  log: empty"]
        missing = f", {self.dropped} octets before them dropped" if self.dropped else ""
        shown = every[-most:]
        of = f"last {len(shown)} of {len(every)} lines" if len(shown) < len(every) else f"{len(shown)} line(s)"
        return [f"  log: {of}{missing}", *(f"    | {line}" for line in shown)]


def scrub(text: str, secrets: Iterable[str]) -> str:
    """`text` without `secrets`, private keys in PEM, and control characters."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", _PRIVATE_KEY.sub(REDACTED, text))


def read_tail(path: Path, secrets: Iterable[str]) -> LogTail:
    """The tail of the log that the shim keeps at `path`; empty when there is none."""
    content, dropped = _read(path)
    if len(content) > LIMIT_OCTETS:
        dropped += len(content) - LIMIT_OCTETS
    known = [secret for secret in secrets if secret]
    whole = content.decode("utf-8", errors="replace")
    if dropped:
        # What is cut off may have taken the first half of a secret with it.
        cut = max((len(secret) for secret in known), default=0)
        whole = whole[-LIMIT_OCTETS:] if len(whole) - cut > LIMIT_OCTETS else whole[cut:]
    return LogTail(scrub(whole, known)[-LIMIT_OCTETS:], dropped)


def _read(path: Path) -> tuple[bytes, int]:
    """Both files of the log joined, and the octets that went before them."""
    older = path.with_name(path.name + ".1")
    first = second = b""
    for _ in range(_TRIES):  # until no file was exchanged while it was read
        before = _inode(older)
        first, second = _content(older), _content(path)
        if _inode(older) == before:
            break
    dropped = 0
    if mark := _MARK.match(first or second):
        dropped = int(mark[1])
    return b"".join(_MARK.sub(b"", part, count=1) for part in (first, second)), dropped


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
