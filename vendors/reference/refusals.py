"""Everything that the KME says no with: status, literal message (clause 4.1 of the fact sheet), details.

A refusal is raised where it is found and turned into an answer by the binding: an Error object over HTTPS
(6.5), a `google.rpc.Status` over gRPC.
"""

from __future__ import annotations

from collections.abc import Sequence

Detail = tuple[str, str]

SIZE_NOT_OCTETS = "size shall be a multiple of 8"  # M1, 6.2
MANDATORY_UNSUPPORTED = "not all extension_mandatory parameters are supported"  # M2, 6.2
MANDATORY_NOT_MET = "not all extension_mandatory request options could be met"  # M3, 6.2
OPTIONAL_NOT_HANDLED = "not all extension_optional request options handled"  # M4, 6.2
KEYS_NOT_FOUND = "one or more keys specified are not found on KME"  # M5, 6.4
ACCESS_ERROR = "key data access error"  # M6, 6.5


class RefusedError(Exception):
    """The request is not served. Holds no key material.

    Attributes:
        status: 400, 401 or 503 (5.2 to 5.4).
        reason: UPPER_SNAKE_CASE, for programs (ErrorInfo.reason).
        message: Error.message; not sent over HTTPS with 401, which has no body.
        details: name/value pairs of Error.details, in order.
    """

    def __init__(self, status: int, reason: str, message: str, details: Sequence[Detail] = ()) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.details = tuple(details)


def bad_request(message: str, reason: str = "BAD_REQUEST", details: Sequence[Detail] = ()) -> RefusedError:
    """400: the request is not in order."""
    return RefusedError(400, reason, message, details)


def unknown_caller() -> RefusedError:
    """401: the certificate names no SAE that this KME serves (5.1)."""
    return RefusedError(401, "SAE_UNKNOWN", "the calling SAE is not known to this KME")


def not_yours() -> RefusedError:
    """401: the caller was not among the SAEs supplied to Get key (5.4)."""
    return RefusedError(401, "SAE_NOT_SUPPLIED", "the calling SAE was not named for every key asked for")


def keys_not_found() -> RefusedError:
    """400 with M5: at least one key is not here, or not any more (6.4)."""
    return RefusedError(400, "KEYS_NOT_FOUND", KEYS_NOT_FOUND)


def unavailable(message: str, reason: str = "UNAVAILABLE") -> RefusedError:
    """503: the request is in order and cannot be served now."""
    return RefusedError(503, reason, message)
