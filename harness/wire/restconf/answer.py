"""What came back of a RESTCONF request, and what an errors body says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_ERRORS = "ietf-restconf:errors"


@dataclass(frozen=True)
class RestconfError:
    """One entry of an errors body (RFC 8040, 7.1); members that are absent are empty."""

    kind: str
    tag: str
    app_tag: str
    path: str
    message: str


@dataclass(frozen=True)
class RestconfAnswer:
    """What came back.

    Attributes:
        status: HTTP status; None = no complete answer.
        failure: why, as of `harness.wire.https.Reply.failure`.
        headers: lower-case names.
        body: as it came.
        document: the JSON in it, or why there is none (`harness.wire.etsi014.document.NoDocument`).
        problems: what was wrong below RESTCONF, or with the JSON (a name twice in an object).
        shown: one line for people, without anything that could be a secret.
        reference: keeps the exchange in the evidence, and gives its index.
    """

    status: int | None
    failure: str
    headers: Mapping[str, str]
    body: bytes
    document: Any
    problems: tuple[str, ...]
    shown: str
    reference: Callable[[], int] = field(repr=False, default=lambda: -1)

    @property
    def ok(self) -> bool:
        """Whether it is a success (2xx)."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Whether the server says that the request is at fault (4xx)."""
        return self.status is not None and 400 <= self.status < 500

    @property
    def etag(self) -> str:
        """The entity tag with its quotes; "" = none came."""
        return self.headers.get("etag", "")

    @property
    def media_type(self) -> str:
        """Of the body, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def error(self) -> RestconfError | None:
        """The first error of an errors body; None = the body is none (RFC 8040, 7.1)."""
        held = self.document.get(_ERRORS) if isinstance(self.document, dict) else None
        entries = held.get("error") if isinstance(held, dict) else None
        if not isinstance(entries, list) or not entries or not isinstance(entries[0], dict):
            return None
        names = ("error-type", "error-tag", "error-app-tag", "error-path", "error-message")
        return RestconfError(*(str(entries[0].get(name, "")) for name in names))

    @property
    def tag(self) -> str:
        """error-tag of the first error; "" = there is none."""
        return self.error.tag if self.error else ""

    @property
    def exchange(self) -> int:
        """Index of the exchange in the evidence of the case."""
        return self.reference()

    def describe(self) -> str:
        """One line, for reports."""
        return self.shown
