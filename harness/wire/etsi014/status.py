"""The Status document (6.1, Table 9) and the Error document (6.5, Table 13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from harness.wire.etsi014.document import NoDocument, is_integer, kind

_TEXTS: Final = ("source_KME_ID", "target_KME_ID", "master_SAE_ID", "slave_SAE_ID")
_NUMBERS: Final = (
    "key_size", "stored_key_count", "max_key_count", "max_key_per_request", "max_key_size", "min_key_size",
    "max_SAE_ID_count",
)  # fmt: skip


@dataclass(frozen=True)
class StatusDocument:
    """A Status whose required members are all there and well typed. Sizes in bits, counts in keys."""

    source_kme_id: str
    target_kme_id: str
    master_sae_id: str
    slave_sae_id: str
    key_size: int
    stored_key_count: int
    max_key_count: int
    max_key_per_request: int
    max_key_size: int
    min_key_size: int
    max_sae_id_count: int
    status_extension: Mapping[str, object] | None = None

    def inconsistencies(self) -> list[str]:
        """Figures that cannot all be true (they follow from the descriptions in Table 9; none is spelt out)."""
        wrong: list[str] = []
        if self.stored_key_count > self.max_key_count:
            wrong.append(f"stored_key_count {self.stored_key_count} > max_key_count {self.max_key_count}")
        if self.min_key_size > self.key_size:
            wrong.append(f"min_key_size {self.min_key_size} > key_size {self.key_size}")
        if self.key_size > self.max_key_size:
            wrong.append(f"key_size {self.key_size} > max_key_size {self.max_key_size}")
        if self.max_key_per_request < 1:
            wrong.append(f"max_key_per_request {self.max_key_per_request} < 1")
        if self.min_key_size < 1:
            wrong.append(f"min_key_size {self.min_key_size} < 1")
        return wrong


def read_status(document: object) -> tuple[StatusDocument | None, list[str], list[str]]:
    """Read a parsed body as a Status: the typed view or None, departures from Table 9, observations."""
    if not isinstance(document, dict):
        return None, [_no_object(document)], []
    problems = [f"member `{name}` is missing" for name in (*_TEXTS, *_NUMBERS) if name not in document]
    problems += [
        f"`{name}` is {kind(document[name])}, not a string"
        for name in _TEXTS
        if name in document and not isinstance(document[name], str)
    ]
    for name in _NUMBERS:
        if name in document and not is_integer(document[name]):
            problems.append(f"`{name}` is {kind(document[name])}, not an integer")
        elif name in document and document[name] < 0:
            problems.append(f"`{name}` is negative")
    typed = None
    if not problems:
        extension = document.get("status_extension")
        values: dict[str, Any] = {name.lower(): document[name] for name in (*_TEXTS, *_NUMBERS)}
        typed = StatusDocument(**values, status_extension=extension if isinstance(extension, dict) else None)
    if "status_extension" in document and not isinstance(document["status_extension"], dict):
        problems.append(f"`status_extension` is {kind(document['status_extension'])}, not an object")
    further = len(set(document) - {*_TEXTS, *_NUMBERS, "status_extension"})
    observations = [f"{further} further members in the status"] if further else []
    return typed, problems, observations


def error_problems(document: object) -> list[str]:
    """Departures from Table 13; empty for a well-formed Error object."""
    if not isinstance(document, dict):
        return [_no_object(document)]
    problems: list[str] = []
    if "message" not in document:
        problems.append("member `message` is missing")
    elif not isinstance(document["message"], str):
        problems.append(f"`message` is {kind(document['message'])}, not a string")
    if "details" in document:
        details = document["details"]
        if not isinstance(details, list):
            problems.append(f"`details` is {kind(details)}, not an array")
        else:
            problems.extend(
                f"element {position} of `details` is {kind(entry)}, not an object"
                for position, entry in enumerate(details, start=1)
                if not isinstance(entry, dict)
            )
    return problems


def error_message(document: object) -> str | None:
    """`message` of an Error object; None when the body is none."""
    message = document.get("message") if isinstance(document, dict) else None
    return message if isinstance(message, str) else None


def _no_object(document: object) -> str:
    what = kind(document)
    return what if isinstance(document, NoDocument) else f"the body is {what}, not an object"
