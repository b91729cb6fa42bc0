"""Why the controller does not do what it is asked to; reasons as in `qkd.control.v1`."""

from __future__ import annotations

import grpc

from harness.sdk import ContractError


class NoWayError(Exception):
    """An application cannot be backed; `reason` is NO_PATH, NO_CAPACITY, …; the text is for people."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason
        self.text = text


def impossible(reason: str, text: str) -> ContractError:
    """FAILED_PRECONDITION."""
    return ContractError(grpc.StatusCode.FAILED_PRECONDITION, reason, message=text)


def unknown(what: str, name: str) -> ContractError:
    """NOT_FOUND: no such node, link or application."""
    return ContractError(
        grpc.StatusCode.NOT_FOUND, f"UNKNOWN_{what.upper()}", message=f"the controller knows no {what} {name}"
    )


def invalid(reason: str, text: str) -> ContractError:
    """INVALID_ARGUMENT."""
    return ContractError(grpc.StatusCode.INVALID_ARGUMENT, reason, message=text)
