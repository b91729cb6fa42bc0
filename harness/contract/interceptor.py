"""The one edge at which the contracts are enforced on a gRPC server."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

import grpc

from harness.contract.constraints import check_message
from harness.contract.errors import ContractError, abort_arguments
from harness.contract.handlers import (
    Handler,
    behaviour_of,
    many_answers,
    one_answer,
    package_of,
    with_behaviour,
)

_log = logging.getLogger(__name__)
_BROKEN = "the answer breaks its constraints"
_FAILED = "the call failed inside the server"
_OPEN = ("grpc.health.", "grpc.reflection.")


class ConstraintInterceptor(grpc.aio.ServerInterceptor):
    """Checks every request against its constraints, and turns every failure into ``google.rpc.Status``.

    A broken constraint answers INVALID_ARGUMENT / CONSTRAINT_VIOLATED. A `ContractError` goes out as it is.
    Any other exception answers INTERNAL with nothing of its text, which may hold secrets; its type and place
    are logged.

    Args:
        check_responses: also check what the handlers answer; a broken answer goes out as INTERNAL /
            RESPONSE_BROKEN.
    """

    def __init__(self, *, check_responses: bool = False) -> None:
        self._check_responses = check_responses

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """See `grpc.aio.ServerInterceptor`."""
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        if handler is None or method.startswith(tuple(f"/{name}" for name in _OPEN)):
            return handler
        behaviour = behaviour_of(handler)

        async def unary(request: Any, context: Any) -> Any:
            try:
                response = await one_answer(behaviour, self._checked(request, handler), context)
                return self._sound(response, method)
            except Exception as error:  # noqa: BLE001 - the edge: no exception may leave it as it is
                await _abort(error, method, context)

        async def streaming(request: Any, context: Any) -> AsyncIterator[Any]:
            try:
                async for response in many_answers(behaviour, self._checked(request, handler), context):
                    yield self._sound(response, method)
            except Exception as error:  # noqa: BLE001 - the edge: no exception may leave it as it is
                await _abort(error, method, context)

        return with_behaviour(handler, streaming if handler.response_streaming else unary)

    def _checked(self, request: Any, handler: Handler) -> Any:
        if handler.request_streaming:
            return _each_checked(request)
        _check_request(request)
        return request

    def _sound(self, response: Any, method: str) -> Any:
        if self._check_responses and (found := check_message(response)):
            _log.error("%s: the answer breaks its constraints: %s", method, "; ".join(map(str, found)))
            raise ContractError(grpc.StatusCode.INTERNAL, "RESPONSE_BROKEN", metadata=_SERVER_SIDE, message=_BROKEN)
        return response


_SERVER_SIDE = {"etsi_status": "503", "etsi_message": "error on server side"}


def _check_request(request: Any) -> None:
    if found := check_message(request):
        raise ContractError.from_violations(found)


async def _each_checked(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        _check_request(request)
        yield request


async def _abort(error: Exception, method: str, context: Any) -> NoReturn:
    """Ends the call for `error`."""
    if isinstance(error, (grpc.aio.AbortError, asyncio.CancelledError)):
        raise error
    await context.abort(**abort_arguments(_as_contract_error(error, method), package_of(method)))
    raise AssertionError("abort returns to nobody")


def _as_contract_error(error: Exception, method: str) -> ContractError:
    if isinstance(error, ContractError):
        return error
    if isinstance(error, NotImplementedError):
        return ContractError(grpc.StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED", message=f"{method} is not offered here")
    # The frames name code, never values; the exception's own text is left out on purpose.
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s failed with %s\n%s", method, type(error).__qualname__, frames)
    return ContractError(grpc.StatusCode.INTERNAL, "INTERNAL", metadata=_SERVER_SIDE, message=_FAILED)
