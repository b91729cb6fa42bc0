"""Does a server keep to the hosting contract where a mistake would go unnoticed? Asked once a launch.

Every probe gives what is broken, or None; a server that cannot be reached raises `grpc.aio.AioRpcError`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from harness.contract import bearer_metadata
from qkd.device.v1 import module_pb2
from qkd.vendor.v1 import vendor_pb2, vendor_pb2_grpc

_SERVICE = "qkd.vendor.v1.ImplementationService"
_RELEVANT = {
    "kme": ("ProvisionKme", "ConnectKme", "ReleaseKme"),
    "module": ("ProvisionModule", "ReleaseInstance"),
    "forwarder": ("ProvisionForwarder", "ConnectForwarder", "ReleaseInstance"),
    "entropy": ("ProvisionEntropy", "ReleaseInstance"),
    "agent": ("ProvisionAgent", "ConnectAgent", "ReleaseInstance"),
    "controller": ("ProvisionController", "ReleaseInstance"),
    "optical-switch": ("ProvisionOpticalSwitch", "ReleaseInstance"),
}


_NONE = "-"
_NOBODY = vendor_pb2.Credentials(certificate_pem=b"-", private_key_pem=b"-", trust_pem=b"-")


@dataclass(frozen=True, slots=True)
class Broken:
    """One point of the hosting contract that is not kept, and what to do about it."""

    what: str
    advice: str


async def probe_serving(channel: grpc.aio.Channel, *, timeout_s: float) -> Broken | None:
    """Health checking must be there, and say SERVING."""
    stub: Any = health_pb2_grpc.HealthStub(channel)
    try:
        answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s, wait_for_ready=True)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            raise
        advice = "serve grpc.health.v1.Health beside ImplementationService, open to calls without the token"
        return Broken(f"health checking answers {error.code().name}", advice)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        name = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        return Broken(f"health checking says {name} after the registration", "register once it is SERVING")
    return None


async def probe_unimplemented(channel: grpc.aio.Channel, token: str, *, timeout_s: float) -> Broken | None:
    """A method of a random name must answer UNIMPLEMENTED.

    A server that answers anything else answers everything, and none of its answers mean what they say.
    """
    method = f"/{_SERVICE}/Probe{secrets.token_hex(8)}"
    code = await _code(_raw(channel, method), b"", bearer_metadata(token), timeout_s)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return None
    return Broken(
        f"a method of a random name answers {code.name} instead of UNIMPLEMENTED",
        "answer UNIMPLEMENTED to every method that the contract does not know",
    )


async def probe_token(channel: grpc.aio.Channel, *, timeout_s: float) -> Broken | None:
    """A call without the token must answer UNAUTHENTICATED."""
    code = await _code(_raw(channel, f"/{_SERVICE}/Describe"), b"", (), timeout_s)
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return None
    return Broken(
        f"Describe without the token answers {code.name} instead of UNAUTHENTICATED",
        "refuse every call whose metadata lack authorization: Bearer QKD_HARNESS_TOKEN",
    )


async def probe_agreement(
    channel: grpc.aio.Channel, token: str, description: vendor_pb2.DescribeResponse, *, timeout_s: float
) -> Broken | None:
    """What Describe claims and what answers UNIMPLEMENTED must agree.

    Methods are called for an instance and a variant that do not exist, so nothing is raised or ended. Provision… is
    left out where it is claimed: its first real call shows whether it is there.
    """
    instance = f"probe-{secrets.token_hex(8)}"
    peers = [vendor_pb2.Peer(kme_id="probe")]
    stub: Any = vendor_pb2_grpc.ImplementationServiceStub(channel)
    requests: dict[str, Any] = {
        "ProvisionKme": _unwanted_kme(instance),
        "ProvisionModule": _unwanted_module(instance),
        "ProvisionForwarder": _unwanted_forwarder(instance),
        "ProvisionEntropy": vendor_pb2.ProvisionEntropyRequest(instance_id=instance, token=_NONE, variant=instance),
        "ProvisionAgent": vendor_pb2.ProvisionAgentRequest(
            instance_id=instance, qkdn_id=_NONE, credentials=_NOBODY, controllers=[_NONE], token=_NONE, variant=instance
        ),
        "ProvisionController": vendor_pb2.ProvisionControllerRequest(
            instance_id=instance, credentials=_NOBODY, token=_NONE, variant=instance
        ),
        "ProvisionOpticalSwitch": vendor_pb2.ProvisionOpticalSwitchRequest(
            instance_id=instance,
            credentials=_NOBODY,
            controllers=[_NONE],
            plant_address="127.0.0.1:1",
            plant_token=_NONE,
            variant=instance,
        ),
        "ConnectKme": vendor_pb2.ConnectKmeRequest(instance_id=instance, peers=peers),
        "ConnectForwarder": vendor_pb2.ConnectForwarderRequest(instance_id=instance),
        "ConnectAgent": vendor_pb2.ConnectAgentRequest(instance_id=instance),
        "ReleaseKme": vendor_pb2.ReleaseKmeRequest(instance_id=instance),
        "ReleaseInstance": vendor_pb2.ReleaseInstanceRequest(instance_id=instance),
    }
    claimed = {method for role in description.roles for method in _RELEVANT.get(role, ())}
    for name, request in requests.items():
        if name.startswith("Provision") and name in claimed:
            continue
        code = await _code(getattr(stub, name), request, bearer_metadata(token), timeout_s)
        if (code is grpc.StatusCode.UNIMPLEMENTED) == (name in claimed):
            roles = ", ".join(description.roles)
            return Broken(
                f"claims the roles {roles} but {name} answers {code.name}",
                "make Describe and the methods that are offered agree",
            )
    return None


# Sound requests for things that nobody has.


def _unwanted_kme(instance: str) -> vendor_pb2.ProvisionKmeRequest:
    return vendor_pb2.ProvisionKmeRequest(
        instance_id=instance,
        kme_id="probe",
        credentials=_NOBODY,
        saes=[vendor_pb2.Sae(sae_id="probe", kme_id="probe", certificate_pem=b"-")],
        variant=instance,
    )


def _unwanted_module(instance: str) -> vendor_pb2.ProvisionModuleRequest:
    return vendor_pb2.ProvisionModuleRequest(
        instance_id=instance,
        module_id="probe",
        role=module_pb2.MODULE_ROLE_TRANSMITTER,
        port=vendor_pb2.PlantPort(address="127.0.0.1:1", token=_NONE, port_id="probe"),
        token=_NONE,
        variant=instance,
    )


def _unwanted_forwarder(instance: str) -> vendor_pb2.ProvisionForwarderRequest:
    return vendor_pb2.ProvisionForwarderRequest(
        instance_id=instance, kme_id="probe", sae_id="probe", credentials=_NOBODY, token=_NONE, variant=instance
    )


def _raw(channel: grpc.aio.Channel, method: str) -> Any:
    return channel.unary_unary(method, request_serializer=None, response_deserializer=None)


async def _code(method: Any, request: Any, metadata: Any, timeout_s: float) -> grpc.StatusCode:
    try:
        await method(request, metadata=metadata, timeout=timeout_s)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE:  # no answer at all, so nothing is known
            raise
        return error.code()
    return grpc.StatusCode.OK
