"""Redaction of evidence, by default deny: what could be a secret is replaced, unless it is known to be none."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote

from harness.wire.memory import Memory, plain
from harness.wire.redact_json import UUID, DocumentView

TEXT_LIMIT: Final = 512
DOCUMENT_LIMIT: Final = 16384
_HEADERS_SHOWN = 64
_LEAST = 16  # characters: 12 octets in base64
_UNIT = r"(?:[A-Za-z0-9+/_-]++|%[0-9A-Fa-f]{2}|\\/|\\u00[0-9A-Fa-f]{2}|&\#x?[0-9A-Fa-f]{1,4};)"
# No group is possessive: before 3.11.5 Python gets those wrong. Nothing follows that could make them backtrack.
_RUN = rf"{_UNIT}+={{0,2}}"
_TOKEN = re.compile(rf"hmac-sha256:(?P<mark>[0-9a-f]{{16}})\b|{_RUN}(?:(?:\r?\n|\\r\\n|\\n)[ \t]*+{_RUN})*")
_NEWLINE = re.compile(r"\s+|\\r\\n|\\n")
_SPELT_OUT = re.compile(
    r"(?:[0-9A-Fa-f]{2}[ :,.\-]){7,}[0-9A-Fa-f]{2}"  # de ad be ef …
    r"|(?:0x[0-9A-Fa-f]{1,2}[ ,]+){7,}0x[0-9A-Fa-f]{1,2}"
    r"|\bb(?:'[^'\\]*+(?:\\.[^'\\]*+)*'|\"[^\"\\]*+(?:\\.[^\"\\]*+)*\")"  # a literal of Python
    r"|(?:%[0-9A-Fa-f]{2}){4,}"
    r"|(?:\d{1,3}\s*,\s*){7,}\d{1,3}"  # octets in decimal
)
_ESCAPED = re.compile(r"(?:[^\s\\]*+\\){3,}\S*(?: [^\s\\]*+\\\S*)*")
_WORD = re.compile(
    r"[A-Z]?[a-z]{1,23}|[A-Z]{1,8}|[A-Z]{2,4}s|\d{1,6}|[a-z]{1,12}\d{1,3}"
    r"|[A-Z]?[a-z]{2,15}(?:[A-Z][a-z]{2,15}){1,3}|"
)
_UNSPEAKABLE = re.compile(r"(?i)(?<![a-z])[^aeiouy\W\d_]{4,}(?![a-z])|[^aeiouy\W\d_]{5}")
_BREAK = re.compile(r"[-_/+]|%[0-9A-Fa-f]{2}")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd\ud800-\udfff]")
_BINARY = re.compile(r"\S*[^\x09\x0a\x0d\x20-\x7e](?:.*[^\x09\x0a\x0d\x20-\x7e])?\S*", re.DOTALL)
_ACCENTED = re.compile(r"(?:[^\s\xa0-\xff]*[\xa0-\xff]){4,}\S*")
_HARMLESS = (
    "Accept", "Content-Type", "Content-Length", "Connection", "Date", "Server", "User-Agent", "accept", "content-type",
    "content-length", "connection", "date", "server", "application/json", "application/json; charset=utf-8",
    "keep-alive", "close", "qkd-harness",
)  # fmt: skip
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


class Scrubber:
    """Makes text, headers and bodies fit to be written. Thread-safe.

    One scrubber serves one run: equal keys get equal commitments, so that evidence can show that two ends match.
    The salt of the commitments is random and is not written anywhere.
    """

    def __init__(self, harmless: Iterable[str] = ()) -> None:
        self.salt = secrets.token_bytes(32)
        self._memory = Memory(self.salt)
        self._harmless: set[str] = {*_HARMLESS, *harmless}

    def allow(self, *texts: str) -> None:
        """Say that these texts are known and harmless: IDs of SAEs and KMEs, literal messages."""
        self._harmless.update(text for text in texts if text)

    def learn(self, octets: bytes) -> None:
        """Remember a key that came over the wire."""
        self._memory.learn(octets)

    def plant(self, secret: bytes | str, what: str = "secret") -> None:
        """Remember a secret that must not be found in anything written, in any usual encoding, wherever it stands."""
        octets = secret.encode("utf-8") if isinstance(secret, str) else secret
        self._memory.learn(octets, what, anywhere=True)

    def commitment(self, octets: bytes) -> str:
        """What stands for a key in evidence: "(key 256 bit, hmac-sha256:1a2b3c4d5e6f7a8b)"."""
        return self._memory.label(octets)

    def text(self, text: str, limit: int = TEXT_LIMIT) -> str:
        """``text`` without anything that could be a secret, in at most ``limit`` characters and a note of the rest."""
        if text in self._harmless:
            return text
        shown, rest = text, 0
        if len(text) > 4 * limit:
            # The end of what is looked at may cut a secret in two: the last token goes.
            shown = re.sub(r"\S*\Z", "", text[: 4 * limit])
            rest = len(text) - len(shown)
        shown = self._memory.cover(shown)
        shown = _TOKEN.sub(self._token, shown)
        shown = _SPELT_OUT.sub(lambda found: f"({len(found[0])} characters)", shown)
        if "\\" in shown:
            shown = _ESCAPED.sub(lambda found: f"({len(found[0])} characters)", shown)
        if _UNPRINTABLE.search(shown):
            shown = _BINARY.sub(lambda found: f"({len(found[0])} characters, not all printable)", shown)
        elif not shown.isascii():
            shown = _ACCENTED.sub(_accented, shown)
        if len(shown) > limit:
            rest += len(shown) - limit
            shown = re.sub(r"\([^()]*\Z", "", shown[:limit])
        return shown + (f" … ({rest} more characters)" if rest else "")

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers, names and values scrubbed; values of headers that carry credentials are hidden."""
        shown = {}
        for name, value in list(headers.items())[:_HEADERS_SHOWN]:
            hidden = f"(redacted, {len(value)} characters)" if name.lower() in _SECRET_HEADERS else self.text(value)
            shown[self.text(name)] = hidden
        return shown

    def document(self, document: object) -> str:
        """A parsed JSON document as JSON text, with every key replaced by its commitment."""
        view = DocumentView(self.text, self._memory, self._harmless).of(document)
        shown = json.dumps(view, ensure_ascii=False)
        if len(shown) > DOCUMENT_LIMIT:
            cut = re.sub(r"[^\s,]*\Z", "", shown[:DOCUMENT_LIMIT])
            shown = f"{cut} … ({len(shown) - len(cut)} more characters)"
        return shown

    def octets(self, octets: bytes) -> str:
        """A body that is no JSON: text is scrubbed, binary is told by its length."""
        try:
            text = octets.decode("utf-8")
        except UnicodeDecodeError:
            return f"({len(octets)} octets, binary)"
        if self._memory.holds(octets) or len(_UNPRINTABLE.findall(text[:4096])) * 8 > min(len(text), 4096):
            return f"({len(octets)} octets)"
        return self.text(text)

    def _token(self, found: re.Match[str]) -> str:
        run = found[0]
        if len(run) < 6 or self._memory.made(found["mark"]):
            return run
        label = self._memory.token(run)
        if label is not None:
            return label
        pieces = _NEWLINE.split(run)
        if all(self._is_harmless(piece) for piece in pieces):
            return run
        joined = "".join(pieces) if len(pieces) > 1 else run
        return (len(pieces) > 1 and self._memory.token(joined)) or f"({len(joined)} characters)"

    def _is_harmless(self, token: str) -> bool:
        bare = token.rstrip("=")
        if len(bare) < _LEAST or bare in self._harmless:
            return True
        if plain(bare) in self._harmless:
            return True
        return all(self._is_name(segment) for segment in bare.split("/"))

    def _is_name(self, segment: str) -> bool:
        if segment in self._harmless or unquote(segment) in self._harmless:
            return True
        if UUID.fullmatch(segment):
            return self._memory.token(segment) is None
        # Random text passes for words about once in a million for 128 bits, and not at all for longer keys; keys that
        # were handed out are remembered besides.
        return all(_WORD.fullmatch(part) for part in _BREAK.split(segment)) and not _UNSPEAKABLE.search(segment)


def _accented(found: re.Match[str]) -> str:
    word = found[0]
    return f"({len(word)} characters)" if re.search(r"[\xa0-\xbf\xd7\xf7]", word) else word
