"""Wrapping of gRPC method handlers of all four shapes."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias, cast

import grpc

from harness.contract.errors import ContractError, abort_arguments

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


def package_of(method: str) -> str:
    """``/qkd.kms.v1.KeyDeliveryService/GetKey`` -> ``qkd.kms.v1``."""
    return method.strip("/").partition("/")[0].rpartition(".")[0]


def behaviour_of(handler: Handler) -> Callable[..., Any]:
    """The one function that the handler calls."""
    shapes = (handler.unary_unary, handler.unary_stream, handler.stream_unary, handler.stream_stream)
    return cast(Callable[..., Any], shapes[2 * handler.request_streaming + handler.response_streaming])


def with_behaviour(handler: Handler, behaviour: Callable[..., Any]) -> Handler:
    """`handler` with another function of the same shape."""
    makers: tuple[Callable[..., Handler], ...] = (
        grpc.unary_unary_rpc_method_handler,
        grpc.unary_stream_rpc_method_handler,
        grpc.stream_unary_rpc_method_handler,
        grpc.stream_stream_rpc_method_handler,
    )
    return makers[2 * handler.request_streaming + handler.response_streaming](
        behaviour,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


async def one_answer(behaviour: Callable[..., Any], request: Any, context: Any) -> Any:
    """Calls a handler function that answers one message, be it a coroutine function or a plain one."""
    answer = behaviour(request, context)
    return await answer if inspect.isawaitable(answer) else answer


async def many_answers(behaviour: Callable[..., Any], request: Any, context: Any) -> AsyncIterator[Any]:
    """Calls a handler function that streams, be it a generator or one that uses ``context.write``."""
    answers = behaviour(request, context)
    if inspect.isasyncgen(answers):
        async for answer in answers:
            yield answer
    else:
        await answers


def refusing(error: ContractError, method: str, handler: Handler | None) -> Handler:
    """A handler of the same shape as `handler` (unary when the method is unknown) that refuses every call."""

    async def refuse(_request: Any, context: Any) -> Any:
        await context.abort(**abort_arguments(error, package_of(method)))

    async def refuse_stream(_request: Any, context: Any) -> AsyncIterator[Any]:
        await context.abort(**abort_arguments(error, package_of(method)))
        yield  # makes this an asynchronous generator; never reached

    if handler is None:
        return grpc.unary_unary_rpc_method_handler(refuse)
    return with_behaviour(handler, refuse_stream if handler.response_streaming else refuse)
