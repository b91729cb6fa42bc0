"""Evidence made safe to show: what an implementation sent may hold characters that lie about, or break, a page.

Control characters move cursors and are illegal in XML 1.0; bidirectional controls show text in another order than it
has; invisible characters make two different ids look alike. All of them are shown as escapes instead.
"""

from __future__ import annotations

import re

_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and line feed, DEL, C1
    "\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\u206a-\u206f"  # invisible, bidirectional
    "\ufeff\ufff9-\ufffb\ufffe\uffff"  # marks, and what XML 1.0 leaves out
    "\ud800-\udfff"  # surrogates, which no encoding takes
    "]"
)


def visible(text: str) -> str:
    r"""``text`` with every deceptive or illegal character as ``\xNN`` or ``\uNNNN``; CR LF becomes LF.

    Tab, line feed and the joiners that scripts and emoji need are kept. The result can be written as XML 1.0.
    """
    return _HIDDEN.sub(_escape, text.replace("\r\n", "\n"))


def one_line(text: str, limit: int = 200) -> str:
    """``text`` made visible, on one line, at most ``limit`` characters (the last one then is an ellipsis)."""
    line = " ".join(visible(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def cut(text: str, limit: int) -> str:
    """The first ``limit`` characters of ``text``, and how many were left out if any."""
    left_out = len(text) - limit
    if left_out <= 0:
        return text
    return f"{text[:limit]}\n[… {left_out} characters more in the run record]"


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
