"""The controller and the switches as processes that the harness hosts."""

from __future__ import annotations

import pytest

from harness.hosting import HostingError, LaunchSpec, launch
from harness.sdk import bearer_metadata, loopback_channel
from qkd.control.v1 import controller_pb2 as wire
from qkd.control.v1.controller_pb2_grpc import ControllerServiceStub
from qkd.vendor.v1.vendor_pb2 import Credentials, ProvisionControllerRequest, ProvisionOpticalSwitchRequest
from tests.vendors.reference.controller.rig import AUTHORITY, TOKEN, in_loop
from vendors.optical_switch.entry import ENTRY as SWITCH
from vendors.reference.controller.entry import ENTRY as CONTROLLER


def credentials() -> Credentials:
    own = AUTHORITY.issue_kme("controller")
    return Credentials(
        certificate_pem=own.certificate_pem, private_key_pem=own.private_key_pem, trust_pem=AUTHORITY.certificate_pem
    )


@in_loop
async def test_the_harness_hosts_a_controller() -> None:
    async with launch(LaunchSpec(CONTROLLER.argv(), name=CONTROLLER.name)) as host:
        request = ProvisionControllerRequest(instance_id="c-1", credentials=credentials(), token=TOKEN, in_reserve=True)
        address = (await host.provision_controller(request)).control_address
        async with loopback_channel(address) as channel:
            stub = ControllerServiceStub(channel)
            named = bearer_metadata(TOKEN)
            assert not (await stub.GetNetwork(wire.GetNetworkRequest(), metadata=named)).in_charge
            await stub.TakeOver(wire.TakeOverRequest(), metadata=named)
            assert (await stub.GetNetwork(wire.GetNetworkRequest(), metadata=named)).in_charge
        await host.release_instance("c-1")
        wrong = ProvisionControllerRequest(
            instance_id="c-2", credentials=credentials(), token=TOKEN, settings={"colour": "red"}
        )
        with pytest.raises(HostingError, match="colour"):
            await host.provision_controller(wrong)
        plain = ProvisionControllerRequest(
            instance_id="c-3", credentials=credentials(), token=TOKEN, tapi_urls=["http://127.0.0.1:1"]
        )
        with pytest.raises(HostingError, match="https"):
            await host.provision_controller(plain)


@in_loop
async def test_the_harness_hosts_switches() -> None:
    async with launch(LaunchSpec(SWITCH.argv(), name=SWITCH.name)) as host:
        request = ProvisionOpticalSwitchRequest(
            instance_id="s-1",
            credentials=credentials(),
            controllers=["controller"],
            plant_address="127.0.0.1:1",
            plant_token="x",
        )
        answer = await host.provision_optical_switch(request)
        assert answer.tapi_url.startswith("https://127.0.0.1:")
        await host.release_instance("s-1")
        wrong = ProvisionOpticalSwitchRequest()
        wrong.CopyFrom(request)
        wrong.settings["failure"] = "often"
        with pytest.raises(HostingError, match="failure is one of"):
            await host.provision_optical_switch(wrong)
