"""ImplementationService in front of a `Vendor`."""

from __future__ import annotations

import asyncio
import shutil
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message

from harness.contract import ContractError, check_message
from harness.sdk.vendor import Vendor
from qkd.vendor.v1 import vendor_pb2, vendor_pb2_grpc

DEFAULT_GRACE_S = 5.0

_Request = TypeVar(
    "_Request",
    vendor_pb2.ProvisionKmeRequest,
    vendor_pb2.ProvisionModuleRequest,
    vendor_pb2.ProvisionForwarderRequest,
    vendor_pb2.ProvisionEntropyRequest,
    vendor_pb2.ProvisionAgentRequest,
    vendor_pb2.ProvisionControllerRequest,
    vendor_pb2.ProvisionOpticalSwitchRequest,
)
_OTHER_KINDS = ("module", "forwarder", "entropy", "agent", "controller", "optical-switch")
_Response = TypeVar("_Response", bound=Message)
_Make = Callable[[_Request, Path], Awaitable[_Response]]


class ImplementationServicer(vendor_pb2_grpc.ImplementationServiceServicer):
    """Does what is the same for every maker: state folders, order of calls, known variants and instances.

    Args:
        vendor: the maker's object.
        state: QKD_HARNESS_STATE.
        end: called once, with the grace in seconds, when the harness asks the process to end.
    """

    def __init__(self, vendor: Vendor, state: Path, end: Callable[[float], None]) -> None:
        self._vendor = vendor
        self._state = state
        self._end = end
        self._raised: dict[str, _Raised] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def Describe(self, request: vendor_pb2.DescribeRequest, context: object) -> vendor_pb2.DescribeResponse:
        """Who it is and what it claims."""
        vendor = self._vendor
        response = vendor_pb2.DescribeResponse(
            name=vendor.name,
            vendor=vendor.vendor,
            version=vendor.version,
            roles=vendor.roles,
            variants=vendor.variants,
        )
        json_format.ParseDict(vendor.ics(), response.ics)
        return response

    async def ProvisionKme(
        self, request: vendor_pb2.ProvisionKmeRequest, context: object
    ) -> vendor_pb2.ProvisionKmeResponse:
        """Raises one KME; asked again in the same words, answers the same."""
        self._offered("provision_kme")
        return await self._raise_one("kme", request, self._vendor.provision_kme)

    async def ProvisionModule(
        self, request: vendor_pb2.ProvisionModuleRequest, context: object
    ) -> vendor_pb2.ProvisionModuleResponse:
        """Raises one QKD module, as `ProvisionKme` does."""
        self._offered("provision_module")
        return await self._raise_one("module", request, self._vendor.provision_module)

    async def ProvisionForwarder(
        self, request: vendor_pb2.ProvisionForwarderRequest, context: object
    ) -> vendor_pb2.ProvisionForwarderResponse:
        """Raises one forwarding module, as `ProvisionKme` does."""
        self._offered("provision_forwarder")
        return await self._raise_one("forwarder", request, self._vendor.provision_forwarder)

    async def ProvisionEntropy(
        self, request: vendor_pb2.ProvisionEntropyRequest, context: object
    ) -> vendor_pb2.ProvisionEntropyResponse:
        """Raises one random number generator, as `ProvisionKme` does."""
        self._offered("provision_entropy")
        return await self._raise_one("entropy", request, self._vendor.provision_entropy)

    async def ProvisionAgent(
        self, request: vendor_pb2.ProvisionAgentRequest, context: object
    ) -> vendor_pb2.ProvisionAgentResponse:
        """Raises one SDN agent, as `ProvisionKme` does."""
        self._offered("provision_agent")
        return await self._raise_one("agent", request, self._vendor.provision_agent)

    async def ProvisionController(
        self, request: vendor_pb2.ProvisionControllerRequest, context: object
    ) -> vendor_pb2.ProvisionControllerResponse:
        """Raises one SDN controller, as `ProvisionKme` does."""
        self._offered("provision_controller")
        return await self._raise_one("controller", request, self._vendor.provision_controller)

    async def ProvisionOpticalSwitch(
        self, request: vendor_pb2.ProvisionOpticalSwitchRequest, context: object
    ) -> vendor_pb2.ProvisionOpticalSwitchResponse:
        """Raises one controller of optical switches, as `ProvisionKme` does."""
        self._offered("provision_optical_switch")
        return await self._raise_one("optical-switch", request, self._vendor.provision_optical_switch)

    async def _raise_one(self, kind: str, request: _Request, make: _Make[_Request, _Response]) -> _Response:
        if request.variant and request.variant not in self._vendor.variants:
            raise _refusal(
                grpc.StatusCode.INVALID_ARGUMENT,
                "VARIANT_UNKNOWN",
                f"no variant is named {request.variant!r}; see DescribeResponse.variants",
            )
        instance = request.instance_id
        words = request.SerializeToString(deterministic=True)
        async with self._locks[instance]:
            if instance in self._raised:
                earlier = self._raised[instance]
                if (earlier.kind, earlier.words) == (kind, words):
                    return cast(_Response, earlier.response)
                raise _refusal(
                    grpc.StatusCode.ALREADY_EXISTS,
                    "INSTANCE_EXISTS",
                    f"instance {instance!r} is up already, with another description",
                )
            response = await self._provision(self._folder(kind, instance), request, make)
            self._raised[instance] = _Raised(kind, words, response)
            return response

    async def _provision(self, folder: Path, request: _Request, make: _Make[_Request, _Response]) -> _Response:
        new = _made(folder)
        try:
            response = await make(request, folder)
        except BaseException:
            if new:  # nothing came up: the next attempt begins with an empty folder too
                shutil.rmtree(folder, ignore_errors=True)
            raise
        if found := check_message(response):
            raise _refusal(grpc.StatusCode.INTERNAL, "RESPONSE_BROKEN", "; ".join(map(str, found)))
        return response

    async def ConnectKme(self, request: vendor_pb2.ConnectKmeRequest, context: object) -> vendor_pb2.ConnectKmeResponse:
        """Tells an instance where its peers are."""
        self._offered("connect_kme")
        async with self._locks[request.instance_id]:
            self._known(request.instance_id, ("kme",))
            await self._vendor.connect_kme(request)
            return vendor_pb2.ConnectKmeResponse()

    async def ConnectForwarder(
        self, request: vendor_pb2.ConnectForwarderRequest, context: object
    ) -> vendor_pb2.ConnectForwarderResponse:
        """Tells a forwarding module where its neighbours are."""
        self._offered("connect_forwarder")
        async with self._locks[request.instance_id]:
            self._known(request.instance_id, ("forwarder",))
            await self._vendor.connect_forwarder(request)
            return vendor_pb2.ConnectForwarderResponse()

    async def ConnectAgent(
        self, request: vendor_pb2.ConnectAgentRequest, context: object
    ) -> vendor_pb2.ConnectAgentResponse:
        """Tells an SDN agent where the parts of its node are."""
        self._offered("connect_agent")
        async with self._locks[request.instance_id]:
            self._known(request.instance_id, ("agent",))
            await self._vendor.connect_agent(request)
            return vendor_pb2.ConnectAgentResponse()

    async def ReleaseKme(self, request: vendor_pb2.ReleaseKmeRequest, context: object) -> vendor_pb2.ReleaseKmeResponse:
        """Ends a KME and removes its folder."""
        await self._release(request.instance_id, ("kme",), "release_kme")
        return vendor_pb2.ReleaseKmeResponse()

    async def ReleaseInstance(
        self, request: vendor_pb2.ReleaseInstanceRequest, context: object
    ) -> vendor_pb2.ReleaseInstanceResponse:
        """Ends an instance that is no KME and removes its folder."""
        await self._release(request.instance_id, _OTHER_KINDS, "release_instance")
        return vendor_pb2.ReleaseInstanceResponse()

    async def _release(self, instance: str, kinds: Collection[str], method: str) -> None:
        self._offered(method)
        async with self._locks[instance]:
            kind = self._known(instance, kinds)
            await getattr(self._vendor, method)(instance)
            self._raised.pop(instance, None)
            await asyncio.to_thread(shutil.rmtree, self._folder(kind, instance), ignore_errors=True)
        self._locks.pop(instance, None)

    async def Shutdown(self, request: vendor_pb2.ShutdownRequest, context: object) -> vendor_pb2.ShutdownResponse:
        """Says yes, then ends the process."""
        asked = request.grace.ToTimedelta().total_seconds() if request.HasField("grace") else 0.0
        self._end(asked if asked > 0 else DEFAULT_GRACE_S)
        return vendor_pb2.ShutdownResponse()

    def _folder(self, kind: str, instance: str) -> Path:
        # The prefix keeps "." and "..", which an instance ID may be, from leading out of the state folder.
        return self._state / "instances" / f"{kind}-{instance}"

    def _offered(self, method: str) -> None:
        """What the maker has not overridden is UNIMPLEMENTED, whatever it is asked for."""
        if getattr(type(self._vendor), method) is getattr(Vendor, method):
            raise NotImplementedError

    def _known(self, instance: str, kinds: Collection[str]) -> str:
        raised = self._raised.get(instance)
        if raised is None or raised.kind not in kinds:
            raise _refusal(grpc.StatusCode.NOT_FOUND, "INSTANCE_UNKNOWN", "no such instance is up")
        return raised.kind


@dataclass(frozen=True, slots=True)
class _Raised:
    """An instance that is up: what it is, how it was asked for, what was answered."""

    kind: str
    words: bytes = field(repr=False)
    response: Message = field(repr=False)


def _made(folder: Path) -> bool:
    """Makes a folder for this user alone; False = it was there."""
    new = not folder.exists()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return new


def _refusal(code: grpc.StatusCode, reason: str, message: str) -> ContractError:
    return ContractError(code, reason, message=message)
