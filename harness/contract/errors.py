"""Errors of the contracts: ``google.rpc.Status`` with one ``ErrorInfo``, made and read in one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from harness.contract.constraints import Violation

_DETAILS_KEY = "grpc-status-details-bin"


class ContractError(Exception):
    """An answer that refuses a call. Raised in a handler, it goes out as ``google.rpc.Status``.

    Args:
        code: the gRPC status code; never ``UNKNOWN`` or ``OK``.
        reason: UPPER_SNAKE_CASE, for instance ``KEYS_NOT_FOUND``.
        domain: package whose reasons these are; empty = the package of the called service.
        metadata: further facts; for ``qkd.kms.v1``: ``etsi_status`` and ``etsi_message``.
        message: one sentence for people. It reaches the caller, so it must hold no secret.
        details: further messages for ``Status.details``, after the ``ErrorInfo``.

    Raises:
        ValueError: when `code` says nothing (``OK``, ``UNKNOWN``).
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        domain: str = "",
        metadata: Mapping[str, str] | None = None,
        *,
        message: str = "",
        details: Iterable[Message] = (),
    ) -> None:
        if code in (grpc.StatusCode.OK, grpc.StatusCode.UNKNOWN):
            raise ValueError(f"a refusal cannot have the code {code.name}")
        self.code = code
        self.reason = reason
        self.domain = domain
        self.metadata = dict(metadata or {})
        self.message = message or self.metadata.get("etsi_message", "") or reason
        self.details = tuple(details)
        super().__init__(f"{code.name} {reason}: {self.message}")

    def status(self, domain: str = "") -> status_pb2.Status:
        """The ``google.rpc.Status`` of this error; `domain` stands in when the error names none."""
        info = error_details_pb2.ErrorInfo(reason=self.reason, domain=self.domain or domain, metadata=self.metadata)
        status = status_pb2.Status(code=code_pb2.Code.Value(self.code.name), message=self.message)
        for detail in (info, *self.details):
            status.details.add().Pack(detail)
        return status

    @property
    def etsi_status(self) -> int | None:
        """HTTP status that ETSI GS QKD 014 gives this error, when it has one."""
        text = self.metadata.get("etsi_status", "")
        return int(text) if text.isascii() and text.isdigit() else None

    @classmethod
    def from_violations(cls, violations: Iterable[Violation]) -> ContractError:
        """INVALID_ARGUMENT / CONSTRAINT_VIOLATED with a ``BadRequest`` that names every field at fault."""
        found = list(violations)
        text = "; ".join(str(one) for one in found[:8])
        bad = error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
                for v in found[:64]
            ]
        )
        metadata = {"etsi_status": "400", "etsi_message": text}
        return cls(grpc.StatusCode.INVALID_ARGUMENT, "CONSTRAINT_VIOLATED", "", metadata, message=text, details=[bad])


def abort_arguments(error: ContractError, domain: str) -> dict[str, Any]:
    """Arguments for ``ServicerContext.abort`` that send `error`."""
    status = error.status(domain)
    return {
        "code": error.code,
        "details": status.message,
        "trailing_metadata": ((_DETAILS_KEY, status.SerializeToString()),),
    }


def read_error(error: grpc.RpcError) -> ContractError:
    """The refusal that a failed call carries.

    A status without a readable ``ErrorInfo`` gives an empty `reason`; ``UNKNOWN`` is read as ``INTERNAL``
    with the reason ``UNKNOWN_STATUS``, so that the caller can tell that the peer broke the contract.
    """
    code: grpc.StatusCode = error.code()
    text: str = error.details() or ""
    info = error_details_pb2.ErrorInfo()
    with suppress(DecodeError):
        any(detail.Unpack(info) for detail in _details(error))
    reason = info.reason
    if code is grpc.StatusCode.UNKNOWN:
        code, reason = grpc.StatusCode.INTERNAL, reason or "UNKNOWN_STATUS"
    return ContractError(code, reason, info.domain, dict(info.metadata), message=text)


def _details(error: grpc.RpcError) -> Iterable[AnyMessage]:
    metadata: Any = error.trailing_metadata()
    for key, value in metadata or ():
        if key == _DETAILS_KEY:
            status = status_pb2.Status()
            status.ParseFromString(value)
            return status.details
    return ()
