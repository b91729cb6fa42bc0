"""ImplementationService as the harness calls it: every call bounded, every failure a `HostingError`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf import duration_pb2
from google.protobuf.message import Message

from harness.contract import bearer_metadata, check_message, read_error
from harness.hosting.errors import HostingError
from harness.hosting.launch import Bounds
from qkd.vendor.v1 import vendor_pb2, vendor_pb2_grpc

_T = TypeVar("_T")
# A call that fails because the process died is told a little earlier than the death itself.
_DEATH_NEWS_S = 1.0


@dataclass(frozen=True, slots=True)
class Failure:
    """What an implementation did by itself: `what` as in "ended with exit status 3"; `ended`: it is gone."""

    what: str
    ended: bool


class Life(Protocol):
    """Whatever runs an implementation: says when it has failed, and words its failures."""

    def failed(self) -> Coroutine[Any, Any, Failure]:
        """Returns once the implementation has ended, or broken the contract, by itself."""

    def error(self, what: str, *, waited_s: float | None = None, advice: str = "") -> HostingError:
        """An error about it, with its state and the tail of its log."""


async def while_alive(
    life: Life, work: Coroutine[Any, Any, _T], *, bound_s: float, when: str, late: str, advice: str
) -> _T:
    """The result of `work`, unless the implementation fails first or `bound_s` seconds pass.

    Args:
        life: of the implementation.
        work: what needs it alive.
        bound_s: seconds.
        when: goes on after "ended with exit status 3", for instance "before it registered".
        late: what has not happened when the time is over, for instance "has not registered".
        advice: what to do about either.

    Raises:
        HostingError: in these words.
    """
    loop = asyncio.get_running_loop()
    start = loop.time()
    task = asyncio.ensure_future(work)
    failed = asyncio.ensure_future(life.failed())
    try:
        await asyncio.wait({task, failed}, timeout=bound_s, return_when=asyncio.FIRST_COMPLETED)
        if task.done() and not _died(task):
            return await task
        if task.done():
            await asyncio.wait({failed}, timeout=_DEATH_NEWS_S)
        waited = loop.time() - start
        if failed.done():
            failure = failed.result()
            what = f"{failure.what} {when}" if failure.ended else failure.what
            raise life.error(what, waited_s=waited, advice=advice)
        if task.done():
            raise life.error(f"could not be reached {when}", waited_s=waited, advice=advice)
        raise life.error(late, waited_s=waited, advice=advice)
    finally:
        for one in (task, failed):
            one.cancel()
        await asyncio.gather(task, failed, return_exceptions=True)


def _died(task: asyncio.Future[Any]) -> bool:
    error = None if task.cancelled() else task.exception()
    return isinstance(error, grpc.aio.AioRpcError) and error.code() is grpc.StatusCode.UNAVAILABLE


class Implementation:
    """The calls of ImplementationService over one channel.

    Args:
        channel: to the implementation; the caller closes it.
        token: of the launch.
        life: see `Life`.
        bounds: how long each call may take.
    """

    def __init__(self, channel: grpc.aio.Channel, token: str, life: Life, bounds: Bounds) -> None:
        self._stub: Any = vendor_pb2_grpc.ImplementationServiceStub(channel)
        self._metadata = bearer_metadata(token)
        self._life = life
        self._bounds = bounds

    async def describe(self) -> vendor_pb2.DescribeResponse:
        """Describe."""
        return await self._call(self._stub.Describe, vendor_pb2.DescribeRequest(), self._bounds.call_s)

    async def provision_kme(self, request: vendor_pb2.ProvisionKmeRequest) -> vendor_pb2.ProvisionKmeResponse:
        """ProvisionKme."""
        return await self._call(self._stub.ProvisionKme, request, self._bounds.provision_s)

    async def connect_kme(self, request: vendor_pb2.ConnectKmeRequest) -> None:
        """ConnectKme."""
        await self._call(self._stub.ConnectKme, request, self._bounds.provision_s)

    async def release_kme(self, instance_id: str) -> None:
        """ReleaseKme."""
        request = vendor_pb2.ReleaseKmeRequest(instance_id=instance_id)
        await self._call(self._stub.ReleaseKme, request, self._bounds.provision_s)

    async def provision_module(self, request: vendor_pb2.ProvisionModuleRequest) -> vendor_pb2.ProvisionModuleResponse:
        """ProvisionModule."""
        return await self._call(self._stub.ProvisionModule, request, self._bounds.provision_s)

    async def provision_forwarder(
        self, request: vendor_pb2.ProvisionForwarderRequest
    ) -> vendor_pb2.ProvisionForwarderResponse:
        """ProvisionForwarder."""
        return await self._call(self._stub.ProvisionForwarder, request, self._bounds.provision_s)

    async def connect_forwarder(self, request: vendor_pb2.ConnectForwarderRequest) -> None:
        """ConnectForwarder."""
        await self._call(self._stub.ConnectForwarder, request, self._bounds.provision_s)

    async def provision_entropy(
        self, request: vendor_pb2.ProvisionEntropyRequest
    ) -> vendor_pb2.ProvisionEntropyResponse:
        """ProvisionEntropy."""
        return await self._call(self._stub.ProvisionEntropy, request, self._bounds.provision_s)

    async def provision_agent(self, request: vendor_pb2.ProvisionAgentRequest) -> vendor_pb2.ProvisionAgentResponse:
        """ProvisionAgent."""
        return await self._call(self._stub.ProvisionAgent, request, self._bounds.provision_s)

    async def connect_agent(self, request: vendor_pb2.ConnectAgentRequest) -> None:
        """ConnectAgent."""
        await self._call(self._stub.ConnectAgent, request, self._bounds.provision_s)

    async def provision_controller(
        self, request: vendor_pb2.ProvisionControllerRequest
    ) -> vendor_pb2.ProvisionControllerResponse:
        """ProvisionController."""
        return await self._call(self._stub.ProvisionController, request, self._bounds.provision_s)

    async def provision_optical_switch(
        self, request: vendor_pb2.ProvisionOpticalSwitchRequest
    ) -> vendor_pb2.ProvisionOpticalSwitchResponse:
        """ProvisionOpticalSwitch."""
        return await self._call(self._stub.ProvisionOpticalSwitch, request, self._bounds.provision_s)

    async def release_instance(self, instance_id: str) -> None:
        """ReleaseInstance."""
        request = vendor_pb2.ReleaseInstanceRequest(instance_id=instance_id)
        await self._call(self._stub.ReleaseInstance, request, self._bounds.provision_s)

    async def shutdown(self) -> None:
        """Asks it to end. Returns when it has said yes; raises `grpc.aio.AioRpcError` when it has not."""
        request = vendor_pb2.ShutdownRequest(grace=_duration(self._bounds.shutdown_s))
        await self._stub.Shutdown(request, metadata=self._metadata, timeout=self._bounds.call_s)

    async def _call(self, method: Callable[..., Awaitable[_T]], request: Message, bound_s: float) -> _T:
        name = request.DESCRIPTOR.name.removesuffix("Request")
        doing = f"{name} {getattr(request, 'instance_id', '')}".rstrip()
        call = _awaiting(method(request, metadata=self._metadata, timeout=bound_s + _DEATH_NEWS_S))
        try:
            response = await while_alive(
                self._life,
                call,
                bound_s=bound_s,
                when=f"during {doing}",
                late=f"has not answered {doing}",
                advice=f"find out from its log what {name} was doing",
            )
        except grpc.aio.AioRpcError as failure:
            refusal = read_error(failure)
            advice = "see the log for the reason"
            if refusal.code is grpc.StatusCode.UNIMPLEMENTED:
                advice = f"implement {name}, or do not claim the role in Describe"
            text = f"{refusal.code.name} {refusal.reason}: {refusal.message}"[:600]
            raise self._life.error(f"refused {doing}: {text}", advice=advice) from None
        if isinstance(response, Message) and (found := check_message(response)):
            text = "; ".join(str(one) for one in found[:5])
            raise self._life.error(f"answered {doing} with a broken message: {text}", advice="see vendor.proto")
        return response


async def _awaiting(call: Awaitable[_T]) -> _T:
    return await call


def _duration(seconds: float) -> duration_pb2.Duration:
    fraction, whole = math.modf(seconds)
    return duration_pb2.Duration(seconds=int(whole), nanos=int(fraction * 1e9))
