"""The Key container (6.3, Table 11): a strict reading for checks, a lenient one that finds every key handed out."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.wire.etsi014.document import NoDocument, kind
from harness.wire.etsi014.keys import UUID_TEXT, DeliveredKey, KeyMaterial
from harness.wire.memory import decode_leniently

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_WORD = r"(?:[A-Z]?[a-z]{1,15}|[A-Z]{1,8})"
_NAME = re.compile(rf"{_WORD}(?:_{_WORD})*")
_CONTAINER = frozenset({"keys", "key_container_extension"})
_KEY = frozenset({"key_ID", "key_ID_extension", "key", "key_extension"})


@dataclass(frozen=True)
class ContainerReading:
    """What a body says when it is read as a Key container.

    Attributes:
        keys: every key found, in order, however badly it is dressed.
        problems: departures from Table 11, by position, without a word of the content.
        observations: what Table 11 neither asks for nor forbids, for instance further members.
    """

    keys: tuple[DeliveredKey, ...]
    problems: tuple[str, ...]
    observations: tuple[str, ...]


def base64_problem(text: str) -> str:
    """How ``text`` departs from base64 of RFC 4648 section 4, in words; empty when it does not."""
    if not text:
        return "is empty"
    if not _BASE64.fullmatch(text):
        return _why_not_base64(text)
    if base64.b64encode(base64.b64decode(text)).decode("ascii") != text:
        return "is base64 whose unused trailing bits are not zero (RFC 4648 section 3.5)"
    return ""


def read_container(document: object) -> ContainerReading:
    """Read a parsed body as a Key container; never raises."""
    if not isinstance(document, dict):
        what = kind(document)
        missing = what if isinstance(document, NoDocument) else f"the body is {what}, not an object"
        return ContainerReading((), (missing,), ())
    problems: list[str] = []
    observations = [f"further member {name!r} in the container" for name in _further(document, _CONTAINER)]
    if "keys" not in document:
        problems.append("member `keys` is missing" + ("; it is spelt `Keys`" if "Keys" in document else ""))
    _check_extension(document, "key_container_extension", "", problems)
    listed = document.get("keys", document.get("Keys"))
    entries = listed if isinstance(listed, list) else [listed] if isinstance(listed, dict) else []
    if listed is None and "keys" not in document:
        entries = []
    elif not isinstance(listed, list):
        problems.append(f"`keys` is {kind(listed)}, not an array")
    elif not listed:
        problems.append("`keys` is empty")
    found: list[DeliveredKey] = []
    seen: set[str] = set()
    for position, entry in enumerate(entries, start=1):
        where = f" of key {position}"
        if not isinstance(entry, dict):
            problems.append(f"key {position} is {kind(entry)}, not an object")
            continue
        _check_key(entry, where, seen, problems)
        extra = _further(entry, _KEY)
        observations.extend(f"further member {name!r}{where}" for name in extra)
        if isinstance(entry.get("key"), str) and entry["key"]:
            found.append(_delivered(entry))
    return ContainerReading(tuple(found), tuple(problems), tuple(observations))


def delivery_problems(keys: tuple[DeliveredKey, ...], number: int | None, size: int | None) -> list[str]:
    """Where ``keys`` departs from ``number`` keys of ``size`` bits each (None = not looked at)."""
    problems: list[str] = []
    if number is not None and len(keys) != number:
        problems.append(f"{len(keys)} keys, not {number}")
    if size is not None:
        octets = -(-size // 8)
        for position, key in enumerate(keys, start=1):
            if not key.material.fits(size):
                problems.append(f"key {position} has {len(key.material)} octets, not {octets} ({size} bit)")
    return problems


def _check_key(entry: Mapping[str, object], where: str, seen: set[str], problems: list[str]) -> None:
    if "key_ID" not in entry:
        problems.append(f"`key_ID`{where} is missing")
    elif not isinstance(key_id := entry["key_ID"], str):
        problems.append(f"`key_ID`{where} is {kind(key_id)}, not a string")
    else:
        if not UUID_TEXT.fullmatch(key_id):
            problems.append(f"`key_ID`{where} is not in UUID format")
        if key_id in seen:
            problems.append(f"`key_ID`{where} is that of an earlier key")
        seen.add(key_id)
    if "key" not in entry:
        problems.append(f"`key`{where} is missing")
    elif not isinstance(text := entry["key"], str):
        problems.append(f"`key`{where} is {kind(text)}, not a string")
    elif problem := base64_problem(text):
        problems.append(f"`key`{where} {problem}")
    _check_extension(entry, "key_ID_extension", where, problems)
    _check_extension(entry, "key_extension", where, problems)


def _check_extension(entry: Mapping[str, object], name: str, where: str, problems: list[str]) -> None:
    if name in entry and not isinstance(entry[name], dict):
        problems.append(f"`{name}`{where} is {kind(entry[name])}, not an object")


def _further(members: Mapping[str, object], known: frozenset[str]) -> list[str]:
    # The name of an unknown member may be anything, a key even: only names that look like names are told.
    names = (name for name in members if name not in known)
    return [name if len(name) < 40 and _NAME.fullmatch(name) else "(name not shown)" for name in names]


def _delivered(entry: Mapping[str, object]) -> DeliveredKey:
    key_id, text = entry.get("key_ID"), str(entry["key"])
    others = {name: value for name, value in entry.items() if name not in ("key", "key_ID")}
    return DeliveredKey(
        id=key_id if isinstance(key_id, str) else "",
        material=KeyMaterial(decode_leniently(text)),
        entry=others,
    )


def _why_not_base64(text: str) -> str:
    if any(character.isspace() for character in text):
        return "has white space in its base64 (RFC 4648 section 3.1)"
    bare = text.rstrip("=")
    if re.fullmatch(r"[A-Za-z0-9_-]*[_-][A-Za-z0-9_-]*", bare):
        return "uses the URL-safe alphabet, not that of RFC 4648 section 4"
    if re.fullmatch(r"[A-Za-z0-9+/]*", bare) and len(bare) % 4 != 1:
        return "has wrong base64 padding (RFC 4648 section 3.2)"
    return "is not base64 (RFC 4648 section 4)"
