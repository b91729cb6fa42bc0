"""Refusals of RESTCONF: status and one error of ietf-restconf:errors (RFC 8040, 7)."""

from __future__ import annotations

from typing import Any


class RefusalError(Exception):
    """An answer that refuses a request.

    Args:
        status: of HTTP.
        tag: error-tag, one of RFC 8040, 7.
        text: error-message, for people.
        reason: error-app-tag, for programs; empty = none.
        protocol: the request itself is at fault, not what it asks for.
    """

    def __init__(self, status: int, tag: str, text: str, *, reason: str = "", protocol: bool = False) -> None:
        super().__init__(f"{status} {tag}: {text}")
        self.status = status
        self.reason = reason
        self._error = {"error-type": "protocol" if protocol else "application", "error-tag": tag}
        self._error |= ({"error-app-tag": reason} if reason else {}) | {"error-message": text}

    def body(self) -> dict[str, Any]:
        """ietf-restconf:errors."""
        return {"ietf-restconf:errors": {"error": [self._error]}}


def invalid(text: str) -> RefusalError:
    """400, invalid-value."""
    return RefusalError(400, "invalid-value", text)


def absent(text: str) -> RefusalError:
    """404: no such resource."""
    return RefusalError(404, "invalid-value", text)


def in_use(text: str, reason: str) -> RefusalError:
    """409, in-use."""
    return RefusalError(409, "in-use", text, reason=reason)
