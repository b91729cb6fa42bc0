"""An SAE over gRPC that says more in its metadata than it should."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import grpc

from harness.wire.etsi014.grpc_client import GrpcSaeClient


class _Details(NamedTuple):
    method: str
    timeout: float | None
    metadata: list[tuple[str, str | bytes]]
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: Any


class _Says(grpc.UnaryUnaryClientInterceptor):
    """Adds metadata to every call."""

    def __init__(self, claims: Mapping[str, str]) -> None:
        self._claims = list(claims.items())

    def intercept_unary_unary(
        self, continuation: Callable[[Any, Any], Any], client_call_details: Any, request: Any
    ) -> Any:
        told = client_call_details
        details = _Details(
            told.method,
            told.timeout,
            [*(told.metadata or ()), *self._claims],
            told.credentials,
            getattr(told, "wait_for_ready", None),
            getattr(told, "compression", None),
        )
        return continuation(details, request)


class ClaimingClient(GrpcSaeClient):
    """A client whose calls carry ``claims`` as metadata; set before the first call."""

    claims: Mapping[str, str] = {}

    def _connected(self) -> grpc.Channel:
        return grpc.intercept_channel(super()._connected(), _Says(self.claims))
