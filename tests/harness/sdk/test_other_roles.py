"""Every other role is raised and ended as KMEs are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.hosting import HostingError
from harness.hosting.in_process import InProcessHost, host_in_process
from harness.sdk import Vendor
from qkd.device.v1 import module_pb2
from qkd.vendor.v1 import vendor_pb2

pytestmark = pytest.mark.anyio
SECRET = "-"
CREDENTIALS = vendor_pb2.Credentials(certificate_pem=b"c", private_key_pem=b"k", trust_pem=b"t")


class Everything(Vendor):
    """Offers every role but that of a KME."""

    name, vendor, version = "everything", "tests", "1"
    roles = ("module", "forwarder", "entropy", "agent", "controller", "optical-switch")

    def __init__(self) -> None:
        self.folders: list[Path] = []
        self.done: list[str] = []

    async def provision_module(
        self, request: vendor_pb2.ProvisionModuleRequest, state: Path
    ) -> vendor_pb2.ProvisionModuleResponse:
        self.folders.append(state)
        return vendor_pb2.ProvisionModuleResponse(control_address="127.0.0.1:1")

    async def provision_forwarder(
        self, request: vendor_pb2.ProvisionForwarderRequest, state: Path
    ) -> vendor_pb2.ProvisionForwarderResponse:
        self.folders.append(state)
        return vendor_pb2.ProvisionForwarderResponse(control_address="127.0.0.1:1", hop_address="127.0.0.1:2")

    async def connect_forwarder(self, request: vendor_pb2.ConnectForwarderRequest) -> None:
        self.done.append(f"connect {request.instance_id}")

    async def provision_entropy(
        self, request: vendor_pb2.ProvisionEntropyRequest, state: Path
    ) -> vendor_pb2.ProvisionEntropyResponse:
        self.folders.append(state)
        return vendor_pb2.ProvisionEntropyResponse(grpc_address="127.0.0.1:1")

    async def provision_agent(
        self, request: vendor_pb2.ProvisionAgentRequest, state: Path
    ) -> vendor_pb2.ProvisionAgentResponse:
        self.folders.append(state)
        return vendor_pb2.ProvisionAgentResponse(restconf_url="https://127.0.0.1:1")

    async def connect_agent(self, request: vendor_pb2.ConnectAgentRequest) -> None:
        self.done.append(f"connect {request.instance_id}")

    async def provision_controller(
        self, request: vendor_pb2.ProvisionControllerRequest, state: Path
    ) -> vendor_pb2.ProvisionControllerResponse:
        self.folders.append(state)
        return vendor_pb2.ProvisionControllerResponse(control_address="127.0.0.1:1")

    async def provision_optical_switch(
        self, request: vendor_pb2.ProvisionOpticalSwitchRequest, state: Path
    ) -> vendor_pb2.ProvisionOpticalSwitchResponse:
        self.folders.append(state)
        return vendor_pb2.ProvisionOpticalSwitchResponse(tapi_url="https://127.0.0.1:1")

    async def release_instance(self, instance_id: str) -> None:
        self.done.append(f"release {instance_id}")


@pytest.fixture
def vendor() -> Everything:
    return Everything()


@pytest.fixture
async def host(vendor: Everything) -> AsyncIterator[InProcessHost]:
    async with host_in_process(lambda: vendor) as host:
        yield host


def module(instance_id: str, module_id: str = "m") -> vendor_pb2.ProvisionModuleRequest:
    return vendor_pb2.ProvisionModuleRequest(
        instance_id=instance_id,
        module_id=module_id,
        role=module_pb2.MODULE_ROLE_TRANSMITTER,
        port=vendor_pb2.PlantPort(address="127.0.0.1:1", token=SECRET, port_id="p"),
        token=SECRET,
    )


def forwarder(instance_id: str) -> vendor_pb2.ProvisionForwarderRequest:
    return vendor_pb2.ProvisionForwarderRequest(
        instance_id=instance_id, kme_id="kme-a", sae_id="fwd-a", credentials=CREDENTIALS, token=SECRET
    )


def agent(instance_id: str) -> vendor_pb2.ProvisionAgentRequest:
    return vendor_pb2.ProvisionAgentRequest(
        instance_id=instance_id, qkdn_id="q", credentials=CREDENTIALS, controllers=["c"], token=SECRET
    )


def controller(instance_id: str) -> vendor_pb2.ProvisionControllerRequest:
    return vendor_pb2.ProvisionControllerRequest(instance_id=instance_id, credentials=CREDENTIALS, token=SECRET)


def optical_switch(instance_id: str) -> vendor_pb2.ProvisionOpticalSwitchRequest:
    return vendor_pb2.ProvisionOpticalSwitchRequest(
        instance_id=instance_id,
        credentials=CREDENTIALS,
        controllers=["c"],
        plant_address="127.0.0.1:1",
        plant_token=SECRET,
    )


async def test_each_role_is_raised_and_ended(host: InProcessHost, vendor: Everything) -> None:
    await host.provision_module(module("m"))
    await host.provision_forwarder(forwarder("f"))
    await host.provision_entropy(vendor_pb2.ProvisionEntropyRequest(instance_id="e", token=SECRET))
    await host.provision_agent(agent("a"))
    await host.provision_controller(controller("c"))
    await host.provision_optical_switch(optical_switch("s"))
    await host.connect_forwarder(vendor_pb2.ConnectForwarderRequest(instance_id="f"))
    await host.connect_agent(vendor_pb2.ConnectAgentRequest(instance_id="a"))
    for instance_id in "mfeacs":
        await host.release_instance(instance_id)
    assert vendor.done == ["connect f", "connect a", *(f"release {one}" for one in "mfeacs")]
    raised = ["module-m", "forwarder-f", "entropy-e", "agent-a", "controller-c", "optical-switch-s"]
    assert [folder.name for folder in vendor.folders] == raised
    assert not any(folder.exists() for folder in vendor.folders)


async def test_an_instance_id_stands_for_one_thing(host: InProcessHost) -> None:
    await host.provision_module(module("x"))
    await host.provision_module(module("x"))
    for again in (host.provision_module(module("x", "other")), host.provision_forwarder(forwarder("x"))):
        with pytest.raises(HostingError, match="INSTANCE_EXISTS"):
            await again
    with pytest.raises(HostingError, match="INSTANCE_UNKNOWN"):
        await host.connect_forwarder(vendor_pb2.ConnectForwarderRequest(instance_id="x"))


class Forgets(Everything):
    """Claims to be a forwarding module too, and cannot be connected."""

    connect_forwarder = Vendor.connect_forwarder


async def test_a_role_that_is_claimed_is_offered_whole() -> None:
    with pytest.raises(HostingError, match="ConnectForwarder answers UNIMPLEMENTED"):
        async with host_in_process(Forgets):
            pass
