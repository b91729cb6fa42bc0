"""Bearer tokens of the hosting contracts: ``authorization: Bearer TOKEN``, compared in constant time."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import grpc

from harness.contract.errors import ContractError
from harness.contract.handlers import Handler, refusing

# Health and reflection stay open: stock tools (grpc_health_probe, grpcurl) know no token, the answers hold
# nothing but "up" and the public contract, and the server listens on loopback only.
OPEN_SERVICES = ("/grpc.health.v1.", "/grpc.reflection.v1alpha.", "/grpc.reflection.v1.")


def bearer_metadata(token: str) -> tuple[tuple[str, str], ...]:
    """Call metadata that carries `token`: ``stub.Describe(request, metadata=bearer_metadata(token))``."""
    return (("authorization", f"Bearer {token}"),)


def carries_token(metadata: Iterable[Any] | None, token: str) -> bool:
    """Whether call metadata carries exactly one authorization and it is `token`.

    Takes the same time for any token.
    """
    given = [value for key, value in metadata or () if key == "authorization"]
    text = given[0] if len(given) == 1 else ""
    octets = text if isinstance(text, bytes) else str(text).encode()
    return hmac.compare_digest(octets, f"Bearer {token}".encode())


class BearerInterceptor(grpc.aio.ServerInterceptor):
    """Refuses (UNAUTHENTICATED) every call without the token, unknown methods too.

    Health checking and reflection stay open.

    Args:
        token: the secret of this launch.
        refused: called with the method name of each refused call, so that a host can say why nobody
            registered.
    """

    def __init__(self, token: str, refused: Callable[[str], None] | None = None) -> None:
        self._token = token
        self._refused = refused

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """See `grpc.aio.ServerInterceptor`."""
        method = handler_call_details.method
        if method.startswith(OPEN_SERVICES):
            return await continuation(handler_call_details)
        if carries_token(handler_call_details.invocation_metadata, self._token):
            return await continuation(handler_call_details)
        if self._refused is not None:
            self._refused(method)
        error = ContractError(
            grpc.StatusCode.UNAUTHENTICATED,
            "TOKEN_REFUSED",
            message="the call does not carry the token of this launch (metadata authorization: Bearer …)",
        )
        return refusing(error, method, await continuation(handler_call_details))
