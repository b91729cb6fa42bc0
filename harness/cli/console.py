"""What people read on a terminal: plain text that nothing sent by an implementation can colour or break."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

# Everything but tab and line feed that moves a cursor or starts an escape sequence.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    r"""``text`` with control characters shown as ``\xNN`` instead of being obeyed."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def out() -> Console:
    """Where results go: stdout."""
    return _console(stderr=False)


def err() -> Console:
    """Where everything else goes: stderr."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    # Lines are not wrapped and nothing is guessed to be markup: what is shown can be searched and pasted.
    return Console(stderr=stderr, soft_wrap=True, markup=False, highlight=False, emoji=False)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
    sys.stdout.flush()
