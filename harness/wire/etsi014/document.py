"""JSON bodies, read strictly enough to tell what is wrong with them and never so that reading them can fail."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

MAX_DEPTH: Final = 64
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*"?|[\[\]{}]', re.DOTALL)


class NoDocument(Enum):
    """Why there is no document."""

    NO_BODY = "no body"
    INVALID = "not JSON"

    def __repr__(self) -> str:
        return f"<{self.value}>"


NO_BODY: Final = NoDocument.NO_BODY
INVALID: Final = NoDocument.INVALID


class Body:
    """The octets of a body; hidden in every repr, because they may hold keys."""

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes = b"") -> None:
        self._octets = octets

    def octets(self) -> bytes:
        """The bytes themselves; the caller keeps them out of logs, messages and files."""
        return self._octets

    def __len__(self) -> int:
        return len(self._octets)

    def __repr__(self) -> str:
        return f"Body({len(self._octets)} octets)"


def read_document(octets: bytes) -> tuple[object, list[str]]:
    """Parse a JSON text (RFC 8259) and list what is wrong with it; the list never quotes the text.

    Returns the document (`NO_BODY` for nothing or white space, `INVALID` for what cannot be parsed or is nested
    deeper than `MAX_DEPTH`) and the problems. Duplicate members (the last one counts), numbers that JSON does not
    have, and a byte order mark are problems of a document that can be read all the same.
    """
    if not octets.strip(b" \t\r\n"):
        return NO_BODY, []
    problems: list[str] = []
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return INVALID, [f"body is not UTF-8 (octet {wrong.start})"]
    if text.startswith("\ufeff"):
        problems.append("body begins with a byte order mark")
        text = text[1:]
    if _depth(text) > MAX_DEPTH:
        return INVALID, [*problems, f"body is nested deeper than {MAX_DEPTH} levels"]
    try:
        document = json.loads(text, object_pairs_hook=_pairs(problems), parse_constant=_constant(problems))
    except json.JSONDecodeError as wrong:
        return INVALID, [*problems, f"body is not JSON (line {wrong.lineno} column {wrong.colno})"]
    except (ValueError, RecursionError) as wrong:
        return INVALID, [*problems, f"body is not JSON ({type(wrong).__name__})"]
    return document, problems


def kind(value: object) -> str:
    """The JSON type of a parsed value, in words."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, NoDocument):
        return value.value
    for of, name in ((dict, "an object"), (list, "an array"), (str, "a string"), (int, "an integer")):
        if isinstance(value, of):
            return name
    return "null" if value is None else "a number"


def is_integer(value: object) -> bool:
    """True for a JSON integer; booleans and fractions are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _pairs(problems: list[str]) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs) and "an object has duplicate members" not in problems:
            problems.append("an object has duplicate members")
        return members

    return build


def _constant(problems: list[str]) -> Callable[[str], float]:
    def build(name: str) -> float:
        problems.append(f"{name} is not a JSON number")
        return float(name)

    return build


def _depth(text: str) -> int:
    # Brackets inside strings count in the first look, which costs little and is enough for most bodies.
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return 0
    deepest = depth = 0
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                break
        elif mark in "]}":
            depth -= 1
    return deepest
