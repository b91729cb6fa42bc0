"""ImplementationService in front of a `Vendor`."""

from __future__ import annotations

import asyncio
import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import grpc
from google.protobuf import json_format

from harness.contract import ContractError, check_message
from harness.sdk.vendor import Vendor
from qkd.vendor.v1 import vendor_pb2, vendor_pb2_grpc

DEFAULT_GRACE_S = 5.0


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
        self._raised: dict[str, tuple[bytes, vendor_pb2.ProvisionKmeResponse]] = {}
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
                earlier, response = self._raised[instance]
                if earlier == words:
                    return response
                raise _refusal(
                    grpc.StatusCode.ALREADY_EXISTS,
                    "INSTANCE_EXISTS",
                    f"instance {instance!r} is up already, with another description",
                )
            response = await self._provision(request)
            self._raised[instance] = (words, response)
            return response

    async def _provision(self, request: vendor_pb2.ProvisionKmeRequest) -> vendor_pb2.ProvisionKmeResponse:
        folder = self._folder(request.instance_id)
        new = not folder.exists()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            response = await self._vendor.provision_kme(request, folder)
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
            self._known(request.instance_id)
            await self._vendor.connect_kme(request)
            return vendor_pb2.ConnectKmeResponse()

    async def ReleaseKme(self, request: vendor_pb2.ReleaseKmeRequest, context: object) -> vendor_pb2.ReleaseKmeResponse:
        """Ends an instance and removes its folder."""
        self._offered("release_kme")
        instance = request.instance_id
        async with self._locks[instance]:
            self._known(instance)
            await self._vendor.release_kme(instance)
            self._raised.pop(instance, None)
            await asyncio.to_thread(shutil.rmtree, self._folder(instance), ignore_errors=True)
        self._locks.pop(instance, None)
        return vendor_pb2.ReleaseKmeResponse()

    async def Shutdown(self, request: vendor_pb2.ShutdownRequest, context: object) -> vendor_pb2.ShutdownResponse:
        """Says yes, then ends the process."""
        asked = request.grace.ToTimedelta().total_seconds() if request.HasField("grace") else 0.0
        self._end(asked if asked > 0 else DEFAULT_GRACE_S)
        return vendor_pb2.ShutdownResponse()

    def _folder(self, instance: str) -> Path:
        # The prefix keeps "." and "..", which an instance ID may be, from leading out of the state folder.
        return self._state / "instances" / f"kme-{instance}"

    def _offered(self, method: str) -> None:
        """What the maker has not overridden is UNIMPLEMENTED, whatever it is asked for."""
        if getattr(type(self._vendor), method) is getattr(Vendor, method):
            raise NotImplementedError

    def _known(self, instance: str) -> None:
        if instance not in self._raised:
            raise _refusal(grpc.StatusCode.NOT_FOUND, "INSTANCE_UNKNOWN", "no such instance is up")


def _refusal(code: grpc.StatusCode, reason: str, message: str) -> ContractError:
    return ContractError(code, reason, message=message)
