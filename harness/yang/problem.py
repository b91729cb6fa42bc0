"""What is wrong with data, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that a model forbids.

    Attributes:
        path: instance identifier of the place (RFC 7951, 6.11); "/" = the data as a whole.
        tag: error-tag of RFC 8040, section 7: "unknown-element", "missing-element", "invalid-value" or "bad-element".
        text: what is wrong, for people.
    """

    path: str
    tag: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text} ({self.tag})"
