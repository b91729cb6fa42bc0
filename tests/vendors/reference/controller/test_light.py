"""Light paths: the controller sets the emulated switches of a real plant by T-API, before it tells the nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from harness.plant import FibrePlant, PlantPlan, PortPlan, Span, SwitchPlan
from harness.plant.plan import line_port
from harness.sdk import read_error
from qkd.control.v1 import controller_pb2 as wire
from qkd.node.v1.agent_pb2 import LinkEnd
from qkd.vendor.v1.vendor_pb2 import Credentials, ProvisionOpticalSwitchRequest, SwitchPort
from tests.vendors.reference.controller.agents import Agent, interface, node_id, served
from tests.vendors.reference.controller.rig import AUTHORITY, Rig, controlled, in_loop, link_id
from vendors.optical_switch.vendor import OpticalSwitchVendor

SENDERS, RECEIVERS = (1, 2), (3, 4)


def plan(**span: Any) -> PlantPlan:
    ports = [PortPlan(port_id=f"m{n}", site="a" if n in SENDERS else "b", switch="sw-a" if n in SENDERS else "sw-b")
             for n in (*SENDERS, *RECEIVERS)]  # fmt: skip
    link = Span(link_id="ab", one_site="a", other_site="b", length_km=10, loss_c_db=3, loss_o_db=5, **span)
    switches = (SwitchPlan(switch_id="sw-a", site="a"), SwitchPlan(switch_id="sw-b", site="b"))
    return PlantPlan(spans=(link,), ports=tuple(ports), switches=switches)


def switch_ports() -> list[SwitchPort]:
    found = []
    for number in (*SENDERS, *RECEIVERS):
        switch = "sw-a" if number in SENDERS else "sw-b"
        found.append(SwitchPort(device=switch, port=number, switch_id=switch, port_id=f"m{number}"))
    for switch in ("sw-a", "sw-b"):
        for line in range(1, 5):
            name = line_port(switch, "ab", line)
            found.append(
                SwitchPort(device=switch, port=100 + line, switch_id=switch, port_id=name, link_id="ab", line=line)
            )
    return found


def nodes() -> list[Agent]:
    """Each with its one module, of the node's number, on a switch."""
    found = []
    for number in (*SENDERS, *RECEIVERS):
        place = {"device": "sw-a" if number in SENDERS else "sw-b", "port": number}
        role = "TRANSMITTER" if number in SENDERS else "RECEIVER"
        found.append(Agent(number, [interface(number, role, qkdi_att_point=place)]))
    return found


@asynccontextmanager
async def switched(folder: Path, variant: str = "", **span: Any) -> AsyncIterator[tuple[Rig, FibrePlant]]:
    vendor, own = OpticalSwitchVendor(), AUTHORITY.issue_kme("switches")
    async with FibrePlant(plan(**span), speed=None) as plant, served(AUTHORITY, nodes()) as agents:
        request = ProvisionOpticalSwitchRequest(
            instance_id="switches",
            credentials=Credentials(
                certificate_pem=own.certificate_pem,
                private_key_pem=own.private_key_pem,
                trust_pem=AUTHORITY.certificate_pem,
            ),
            controllers=["controller"],
            plant_address=plant.address,
            plant_token=plant.control_token,
            ports=switch_ports(),
            variant=variant,
        )
        await asyncio.to_thread((folder / "switches").mkdir)
        answer = await vendor.provision_optical_switch(request, folder / "switches")
        try:
            async with controlled(folder / "controller", agents, tapi_urls=(answer.tapi_url,)) as rig:
                await rig.add_all()
                yield rig, plant
        finally:
            await vendor.shutdown()


async def join(rig: Rig, one: int, other: int, wavelength: str = "") -> wire.NetworkLink:
    request = wire.CreatePhysicalLinkRequest(
        qkdl_id=link_id(one, other),
        one=LinkEnd(qkdn_id=node_id(one), qkdi_id=one),
        other=LinkEnd(qkdn_id=node_id(other), qkdi_id=other),
        wavelength=wavelength,
    )
    link: wire.NetworkLink = (await rig.stub.CreatePhysicalLink(request)).link
    return link


@in_loop
async def test_light_leads_from_sender_to_receiver_and_each_link_has_a_channel_of_its_own(tmp_path: Path) -> None:
    async with switched(tmp_path, classical_channels=("C-34",)) as (rig, plant):
        first = await join(rig, 1, 3)
        assert first.light_path
        assert plant.path_state("m1", "C-35").length_km == 10
        # C-34 is classical, so C-35; the second finds C-35 lit
        assert rig.agents[1].links[first.qkdl_id]["phys_wavelength"] == "35"
        second = await join(rig, 4, 2)  # ends in any order
        assert rig.agents[2].links[second.qkdl_id]["phys_wavelength"] == "36"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await join(rig, 1, 4)
        assert read_error(caught.value).reason == "INTERFACE_IN_USE"
        await rig.stub.DeleteLink(wire.DeleteLinkRequest(qkdl_id=first.qkdl_id))
        assert len(plant.state().connections) == 2
        await rig.stub.DeleteLink(wire.DeleteLinkRequest(qkdl_id=second.qkdl_id))
        assert not plant.state().connections
        # the sender goes to the other receiver
        await join(rig, 1, 4)
        assert plant.path_state("m1", "C-35").length_km == 10
        assert (await rig.network()).settled


@pytest.mark.parametrize(
    ("variant", "wavelength", "reason"),
    [("", "34", "SLA_CLASSICAL"), ("", "35", "WAVELENGTH_OCCUPIED"), ("refuse", "36", "NO_LIGHT_PATH")],
)
def test_without_light_the_nodes_hear_nothing(tmp_path: Path, variant: str, wavelength: str, reason: str) -> None:
    @in_loop
    async def run() -> None:
        async with switched(tmp_path, variant, classical_channels=("C-34",)) as (rig, plant):
            if not variant:
                await join(rig, 1, 3, "35")
            before = len(plant.state().connections)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await join(rig, 2, 4, wavelength)
            assert read_error(caught.value).reason == reason
            assert rig.agents[2].log == rig.agents[4].log == []
            assert len(plant.state().connections) == before
            assert len((await rig.network()).links) == before // 2

    run()


@in_loop
async def test_a_refusal_of_a_node_takes_the_light_back(tmp_path: Path) -> None:
    async with switched(tmp_path) as (rig, plant):
        rig.agents[1].refuses = lambda *_: "no"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await join(rig, 1, 3)
        assert read_error(caught.value).reason == "NODE_REFUSED"
        assert not plant.state().connections
        assert not rig.agents[3].links
        assert not (await rig.network()).links
