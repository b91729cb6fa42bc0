"""Secrets that the wire has seen, remembered in memory so that no written form of them passes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import html
import re
import threading
from collections.abc import Callable
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

SMALLEST: Final = 4  # octets; what is shorter occurs in innocent text and is only hidden by its place
_TOKENS_FROM: Final = 12  # octets; from here on every written form is long enough to be noticed as a token
_URL_SAFE = str.maketrans("-_", "+/")
_JSON_ESCAPE = re.compile(r"\\(?:/|u([0-9A-Fa-f]{4}))")


def plain(token: str) -> str:
    """``token`` with percent, HTML and JSON escapes resolved, as far as they stand for ASCII."""
    if "\\" in token:
        token = _JSON_ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else "/", token)
    if "%" in token:
        token = unquote_to_bytes(token).decode("latin-1")
    return html.unescape(token) if "&" in token else token


def decode_leniently(text: str) -> bytes:
    """The octets that ``text`` most likely stands for: base64 of any common form, else its own UTF-8 octets."""
    bare = "".join(text.split()).translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return text.encode("utf-8", "surrogatepass")


class Memory:
    """Remembers secrets by the forms in which they may be written. Thread-safe; nothing of it is ever written.

    ``salt`` keys the commitments that stand for secrets; it is random for every run.
    """

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._tokens: dict[str, str] = {}
        self._literals: dict[str, str] = {}
        self._raw: dict[bytes, str] = {}
        self._lock = threading.Lock()
        self._pattern: re.Pattern[str] | None = None
        self._marks: set[str] = set()
        self._shortest = 1 << 30

    def label(self, octets: bytes, what: str = "key") -> str:
        """What stands for a secret in evidence: "(key 256 bit, hmac-sha256:1a2b3c4d5e6f7a8b)"."""
        mark = hmac.new(self._salt, octets, hashlib.sha256).hexdigest()[:16]
        self._marks.add(mark)
        return f"({what} {8 * len(octets)} bit, hmac-sha256:{mark})"

    def made(self, mark: str | None) -> bool:
        """True for the digits of a commitment that `label` gave out."""
        return mark in self._marks

    def learn(self, octets: bytes, what: str = "key", *, anywhere: bool = False) -> None:
        """Remember a secret; ``anywhere`` also finds it inside longer words, at a cost for every text."""
        if len(octets) < SMALLEST or octets in self._raw:
            return
        label = self.label(octets, what)
        standard = base64.b64encode(octets).decode("ascii").rstrip("=")
        literals: set[str] = set()
        if anywhere or len(octets) < _TOKENS_FROM:
            literals = _forms(octets, standard)
        if (text := _printable(octets)) is not None:
            literals |= {text, quote_from_bytes(octets, safe="")}
        with self._lock:
            self._raw[octets] = label
            self._tokens[standard] = label
            self._tokens[octets.hex()] = label
            self._shortest = min(self._shortest, len(standard))
            if literals:
                self._literals |= dict.fromkeys(literals, label)
                self._pattern = None

    def token(self, token: str) -> str | None:
        """The label of the secret that ``token`` (letters, digits, ``+/-_=``, escapes) stands for, or None."""
        if len(token) < self._shortest:
            return None
        bare = plain(token).rstrip("=").translate(_URL_SAFE)
        found = self._tokens.get(bare)
        if found is None:
            digits = re.sub(r"[^0-9a-f]", "", plain(token).lower().removeprefix("0x"))
            found = self._tokens.get(digits)
        return found

    def cover(self, text: str) -> str:
        """``text`` without the secrets that have to be looked for letter by letter."""
        if self._literals:
            text = self._literal_pattern().sub(lambda found: self._literal(found[0]), text)
        if not text.isascii():
            text = self._cover_raw(text, "latin-1")
            text = self._cover_raw(text, "utf-8")
        return text

    def holds(self, octets: bytes) -> bool:
        """True when a remembered secret stands in ``octets`` as it is."""
        return any(secret in octets for secret in tuple(self._raw))

    def _literal(self, found: str) -> str:
        return self._literals.get(found) or self._literals.get(found.lower()) or "(secret)"

    def _literal_pattern(self) -> re.Pattern[str]:
        with self._lock:
            if self._pattern is None:
                longest_first = sorted(self._literals, key=len, reverse=True)
                self._pattern = re.compile("|".join(re.escape(literal) for literal in longest_first))
            return self._pattern

    def _cover_raw(self, text: str, coding: str) -> str:
        try:
            octets = text.encode(coding, "surrogatepass" if coding == "utf-8" else "strict")
        except UnicodeEncodeError:
            return text
        covered = octets
        for secret, label in tuple(self._raw.items()):
            if secret in covered:
                covered = covered.replace(secret, label.encode("ascii"))
        return text if covered is octets else covered.decode(coding, "replace")


def _forms(octets: bytes, standard: str) -> set[str]:
    url_safe = standard.replace("+", "-").replace("/", "_")
    escapes: tuple[Callable[[str], str], ...] = (
        lambda text: text.replace("+", "%2B").replace("/", "%2F"),
        lambda text: text.replace("+", "%2b").replace("/", "%2f"),
        lambda text: text.replace("/", r"\/"),
        lambda text: text.replace("+", r"\u002b").replace("/", r"\u002f"),
        lambda text: text.replace("+", "&#43;").replace("/", "&#47;"),
        lambda text: text.replace("+", "&#x2B;").replace("/", "&#x2F;"),
    )
    hexadecimal = octets.hex()
    forms = {standard, url_safe, hexadecimal, hexadecimal.upper(), *(escape(standard) for escape in escapes)}
    forms |= {separator.join(f"{octet:02x}" for octet in octets) for separator in " :-"}
    forms |= {separator.join(f"{octet:02X}" for octet in octets) for separator in " :-"}
    forms |= {"".join(f"%{octet:02X}" for octet in octets), "".join(f"%{octet:02x}" for octet in octets)}
    forms |= {"".join(f"\\x{octet:02x}" for octet in octets), ", ".join(str(octet) for octet in octets)}
    forms |= {",".join(str(octet) for octet in octets)}
    return forms


def _printable(octets: bytes) -> str | None:
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None
