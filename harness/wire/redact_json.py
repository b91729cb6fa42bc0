"""JSON documents as they may be written: the shape stays, what could be a secret goes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from harness.wire.memory import Memory, decode_leniently

UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_MEMBERS_SHOWN = 64
_VALUES_SHOWN = 1024
_KEY_NAME = re.compile(
    r"(?i)keys?|.*(private|secret|shared|session|raw|qkd)_?key|key_?(data|value|material|bytes|octets)"
    r"|.*(secret|password|token)"
)
_CONTAINER_NAMES = frozenset({"keys", "key_ID", "key", "key_ID_extension", "key_extension", "key_container_extension"})
_INSIDE = ("keys", "key_container_extension")


class DocumentView:
    """Makes one document fit to be written.

    Below a member that holds keys the reading is strict: of strings only UUIDs and what is ``harmless`` stay. Elsewhere
    strings go through ``text``. Long arrays and objects, and documents with many values, are cut, and say so.
    """

    def __init__(self, text: Callable[[str], str], memory: Memory, harmless: set[str]) -> None:
        self._text = text
        self._memory = memory
        self._harmless = harmless
        self._left = _VALUES_SHOWN

    def of(self, document: object) -> object:
        """The document, redacted; JSON values only."""
        return self._value(document, strict=False)

    def _value(self, value: object, *, strict: bool) -> object:
        self._left -= 1
        if self._left < 0:
            return "…"
        match value:
            case dict():
                return self._object(value, strict=strict)
            case list():
                return self._array(value, strict=strict)
            case str():
                return self._unknown(value) if strict else self._text(value)
            case bool() | None:
                return value
            case int() | float():
                return value if abs(value) < (2**31 if strict else 2**63) else "(a large number)"
        return f"({type(value).__name__})"

    def _object(self, members: dict[str, object], *, strict: bool) -> dict[str, object]:
        shown: dict[str, object] = {}
        for name, value in list(members.items())[:_MEMBERS_SHOWN]:
            told = self._unknown(name) if strict and name not in _CONTAINER_NAMES else self._text(name)
            if _KEY_NAME.fullmatch(name):
                shown[told] = self._secret(value)
            else:
                shown[told] = self._value(value, strict=strict or name.lower() in _INSIDE)
        if len(members) > _MEMBERS_SHOWN:
            shown["…"] = f"({len(members) - _MEMBERS_SHOWN} more)"
        return shown

    def _array(self, values: list[object], *, strict: bool, secret: bool = False) -> object:
        if len(values) >= 8 and all(isinstance(value, int | float) for value in values):
            return f"({len(values)} numbers)"
        shown = [
            self._secret(value) if secret else self._value(value, strict=strict) for value in values[:_MEMBERS_SHOWN]
        ]
        if len(values) > _MEMBERS_SHOWN:
            shown.append(f"({len(values) - _MEMBERS_SHOWN} more)")
        return shown

    def _secret(self, value: object) -> object:
        self._left -= 1
        if self._left < 0:
            return "…"
        match value:
            case str():
                octets = decode_leniently(value)
                return self._memory.label(octets) if octets else ""
            case list():
                return self._array(value, strict=True, secret=True)
            case bool() | None | dict():
                return self._value(value, strict=True)
        return f"({type(value).__name__})"

    def _unknown(self, text: str) -> str:
        if len(text) < 2 or text in self._harmless or (UUID.fullmatch(text) and not self._memory.token(text)):
            return text
        return self._memory.token(text) or f"({len(text)} characters)"
