"""How a command ends: exit codes, and what a user is told instead of a traceback."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from enum import IntEnum
from types import TracebackType


class ExitCode(IntEnum):
    """What the exit status of a command says."""

    CONFORMANT = 0
    """Everything that was asked for holds."""
    NONCONFORMITY = 1
    """Something does not hold, or could not be decided."""
    USER = 2
    """What the user gave cannot be used: the command line, a file, a target that does not answer."""
    HARNESS = 3
    """The harness failed; nothing is said about the implementation."""
    INTERRUPTED = 130
    """Ended by the user (Ctrl-C) or by SIGTERM; what had run by then is in the record."""


class UserError(Exception):
    """What the user gave cannot be used. The text says what was wrong, where, and what to do."""


def scrubbed(text: str) -> str:
    """``text`` without whatever looks like a secret."""
    try:
        from harness.wire.redact import Scrubber
    except ImportError:  # a broken installation has to be told all the same
        return "(withheld: the redaction cannot be loaded; try qkd-harness doctor)"
    scrubber = Scrubber()
    return "\n".join(scrubber.text(line, 4096) for line in text.split("\n"))


def write_traceback(wrong: BaseException) -> str:
    """Write the scrubbed traceback of ``wrong`` to a private temporary file; gives its path."""
    text = scrubbed("".join(traceback.format_exception(wrong)))
    handle, path = tempfile.mkstemp(prefix="qkd-harness-", suffix=".traceback.txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def harness_fault(wrong: BaseException) -> str:
    """What a user is told when the harness itself failed."""
    first = (scrubbed(str(wrong)).splitlines() or [""])[0][:300]
    where = _place(wrong.__traceback__)
    return (
        f"qkd-harness itself failed: {type(wrong).__name__}: {first}{where}\n"
        f"Nothing is said about the implementation. Traceback: {write_traceback(wrong)}"
    )


def _place(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    return f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""  # noqa: PTH119


def tell(text: str) -> None:
    """Say something to the user on stderr, as it is."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the one place that does
