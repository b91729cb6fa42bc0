"""The edge of a contract server: what a client gets to see."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from harness.contract import ContractError, bearer_metadata, read_error
from harness.sdk import contract_server, loopback_channel
from qkd.device.v1 import key_source_pb2, key_source_pb2_grpc
from qkd.kms.v1 import key_delivery_pb2, key_delivery_pb2_grpc

pytestmark = pytest.mark.anyio

REQUEST = key_delivery_pb2.GetStatusRequest(slave_sae_id="sae-2")
SECRET = "hunter2"
Servicer = key_delivery_pb2_grpc.KeyDeliveryServiceServicer
Answer = Callable[[Any], Any]
Serve = Callable[..., Any]


class Scripted(Servicer):
    """Does in GetStatus what the test says; offers nothing else."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def GetStatus(self, request: Any, context: Any) -> Any:
        answer = self._answer(context)
        return await answer if hasattr(answer, "__await__") else answer


class ScriptedStream(key_source_pb2_grpc.KeySourceServiceServicer):
    def __init__(self, blocks: list[Any]) -> None:
        self._blocks = blocks

    async def StreamBlocks(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for block in self._blocks:
            if isinstance(block, Exception):
                raise block
            yield block


class WritingStream(key_source_pb2_grpc.KeySourceServiceServicer):
    """The other way to stream in grpc.aio."""

    async def StreamBlocks(self, request: Any, context: Any) -> None:  # type: ignore[override]
        await context.write(key_source_pb2.StreamBlocksResponse(index=1, block=b"b"))


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serves servicers; gives a channel to them."""
    async with AsyncExitStack() as stack:

        async def serving(*servicers: object, **options: Any) -> grpc.aio.Channel:
            server = await stack.enter_async_context(contract_server(*servicers, **options))
            return await stack.enter_async_context(loopback_channel(server.address))

        yield serving


def kms(channel: grpc.aio.Channel) -> Any:
    return key_delivery_pb2_grpc.KeyDeliveryServiceStub(channel)


async def refusal(call: Any) -> ContractError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return read_error(caught.value)


def raising(error: Exception) -> Answer:
    def answer(_context: Any) -> Any:
        raise error

    return answer


async def test_a_broken_constraint_never_reaches_the_handler(serve: Serve) -> None:
    channel = await serve(Scripted(raising(AssertionError())))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await kms(channel).GetStatus(key_delivery_pb2.GetStatusRequest())
    error = read_error(caught.value)
    assert (error.code, error.reason, error.domain) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "CONSTRAINT_VIOLATED",
        "qkd.kms.v1",
    )
    assert error.etsi_status == 400
    assert error.metadata["etsi_message"] == "slave_sae_id is required"
    trailing: Any = caught.value.trailing_metadata()
    status = status_pb2.Status.FromString(dict(trailing)["grpc-status-details-bin"])
    bad = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(bad)
    assert [violation.field for violation in bad.field_violations] == ["slave_sae_id"]


async def test_a_contract_error_goes_out_as_it_is(serve: Serve) -> None:
    metadata = {"etsi_status": "400", "etsi_message": "one or more keys specified are not found on KME"}
    error = ContractError(grpc.StatusCode.INVALID_ARGUMENT, "KEYS_NOT_FOUND", "qkd.kms.v1", metadata)
    got = await refusal(kms(await serve(Scripted(raising(error)))).GetStatus(REQUEST))
    assert (got.code, got.reason, got.domain, got.metadata) == (error.code, error.reason, error.domain, metadata)
    assert got.message == metadata["etsi_message"]


async def test_any_other_exception_says_nothing_of_itself(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    channel = await serve(Scripted(raising(ValueError(f"the key is {SECRET}"))))
    with caplog.at_level(logging.ERROR):
        got = await refusal(kms(channel).GetStatus(REQUEST))
    assert (got.code, got.reason, got.domain) == (grpc.StatusCode.INTERNAL, "INTERNAL", "qkd.kms.v1")
    assert SECRET not in str(got)
    assert SECRET not in caplog.text
    assert "ValueError" in caplog.text
    assert "raise error" in caplog.text  # where it was raised


async def test_a_method_that_is_not_offered_is_unimplemented(serve: Serve) -> None:
    got = await refusal(
        kms(await serve(Scripted(raising(NotImplementedError())))).GetKey(
            key_delivery_pb2.GetKeyRequest(slave_sae_id="s")
        )
    )
    assert (got.code, got.reason) == (grpc.StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED")


async def test_an_abort_of_the_handler_stays_what_it_is(serve: Serve) -> None:
    channel = await serve(Scripted(lambda context: context.abort(grpc.StatusCode.ABORTED, "busy")))
    got = await refusal(kms(channel).GetStatus(REQUEST))
    assert (got.code, got.reason, got.message) == (grpc.StatusCode.ABORTED, "", "busy")


async def test_broken_answers_are_told_when_asked_for(serve: Serve) -> None:
    def empty(_context: Any) -> Any:
        return key_delivery_pb2.GetStatusResponse()

    assert await kms(await serve(Scripted(empty))).GetStatus(REQUEST) == empty(None)
    channel = await serve(Scripted(empty), check_responses=True)
    got = await refusal(kms(channel).GetStatus(REQUEST))
    assert (got.code, got.reason) == (grpc.StatusCode.INTERNAL, "RESPONSE_BROKEN")


def source(channel: grpc.aio.Channel) -> Any:
    return key_source_pb2_grpc.KeySourceServiceStub(channel)


async def test_streams_are_checked_too(serve: Serve) -> None:
    block = key_source_pb2.StreamBlocksResponse(index=0, block=b"b")
    channel = await serve(ScriptedStream([block, RuntimeError(SECRET)]))
    call = source(channel).StreamBlocks(key_source_pb2.StreamBlocksRequest(link_id="l"))
    assert await call.read() == block
    got = await refusal(call.read())
    assert (got.code, got.reason, got.domain) == (grpc.StatusCode.INTERNAL, "INTERNAL", "qkd.device.v1")
    assert SECRET not in str(got)
    got = await refusal(source(channel).StreamBlocks(key_source_pb2.StreamBlocksRequest()).read())
    assert got.reason == "CONSTRAINT_VIOLATED"


async def test_streams_that_write_are_streams(serve: Serve) -> None:
    call = source(await serve(WritingStream())).StreamBlocks(key_source_pb2.StreamBlocksRequest(link_id="l"))
    assert [block.index async for block in call] == [1]


async def test_a_token_is_asked_for_everywhere_but_for_health_and_reflection(serve: Serve) -> None:
    def fine(_context: Any) -> Any:
        return key_delivery_pb2.GetStatusResponse()

    channel = await serve(Scripted(fine), token="t0ken")
    assert await kms(channel).GetStatus(REQUEST, metadata=bearer_metadata("t0ken")) is not None
    for metadata in ((), bearer_metadata("other"), (*bearer_metadata("t0ken"), *bearer_metadata("t0ken"))):
        got = await refusal(kms(channel).GetStatus(REQUEST, metadata=metadata))
        assert (got.code, got.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REFUSED")
        assert "t0ken" not in str(got)
    unknown = channel.unary_unary("/qkd.kms.v1.KeyDeliveryService/Nothing")
    assert (await refusal(unknown(b""))).code is grpc.StatusCode.UNAUTHENTICATED
    assert (await refusal(unknown(b"", metadata=bearer_metadata("t0ken")))).code is grpc.StatusCode.UNIMPLEMENTED
    assert await _health(channel) == health_pb2.HealthCheckResponse.SERVING


async def test_streams_without_the_token_are_refused(serve: Serve) -> None:
    channel = await serve(ScriptedStream([]), token="t0ken")
    call = source(channel).StreamBlocks(key_source_pb2.StreamBlocksRequest(link_id="l"))
    assert (await refusal(call.read())).reason == "TOKEN_REFUSED"


async def _health(channel: grpc.aio.Channel, service: str = "") -> int:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
    return int(answer.status)


async def test_health_and_reflection_answer(serve: Serve) -> None:
    channel = await serve(Scripted(raising(AssertionError())), ScriptedStream([]))
    for service in ("", "qkd.kms.v1.KeyDeliveryService", "qkd.device.v1.KeySourceService"):
        assert await _health(channel, service) == health_pb2.HealthCheckResponse.SERVING
    assert (await refusal(_health(channel, "qkd.nothing"))).code is grpc.StatusCode.NOT_FOUND

    async def ask() -> AsyncIterator[Any]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        yield reflection_pb2.ServerReflectionRequest(file_containing_symbol="qkd.kms.v1.KeyDeliveryService")

    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    listed, described = [answer async for answer in stub.ServerReflectionInfo(ask())]
    names = {service.name for service in listed.list_services_response.service}
    assert {"qkd.kms.v1.KeyDeliveryService", "qkd.device.v1.KeySourceService", "grpc.health.v1.Health"} <= names
    assert described.file_descriptor_response.file_descriptor_proto


async def test_stopping_says_not_serving_first() -> None:
    server = contract_server(Scripted(raising(AssertionError())))
    await server.start()
    async with loopback_channel(server.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        stopping = server.stop(1.0)

        task = asyncio.ensure_future(stopping)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        await task


def test_what_is_no_servicer_is_refused() -> None:

    async def make() -> None:
        contract_server(object())

    with pytest.raises(TypeError, match="not a generated Servicer"):
        asyncio.run(make())


async def test_a_port_in_use_is_an_error() -> None:
    server = contract_server(Scripted(raising(AssertionError())))
    with pytest.raises(OSError, match="cannot listen on"):
        contract_server(Scripted(raising(AssertionError())), port=server.port)
    await server.start()
    await server.stop()
