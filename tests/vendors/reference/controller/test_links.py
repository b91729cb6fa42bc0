"""Discovery (W1), physical links (W3) and virtual links (W4), on the wire."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest

from harness.sdk import read_error
from qkd.control.v1 import controller_pb2 as wire
from qkd.node.v1 import agent_pb2 as pb
from tests.vendors.reference.controller.agents import TYPES, Agent, interface, node_id, served
from tests.vendors.reference.controller.rig import AUTHORITY, controlled, in_loop, joined, link_id, mesh

LINE = [(1, 2), (2, 3), (3, 4)]


async def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    error = read_error(caught.value)
    return error.code.name, error.reason


@in_loop
async def test_a_node_is_discovered_with_what_it_shows(tmp_path: Path) -> None:
    agent = Agent(1, [interface(7, "TRANSMITTER")], extra={"something_new": {"a": 1}})
    async with served(AUTHORITY, [agent]) as agents, controlled(tmp_path, agents) as rig:
        await rig.add_all()
        network = await rig.network()
        (node,) = network.nodes
        assert node.online
        assert node.node.qkdn_id == agent.id
        assert node.node.qkdn_status == pb.NODE_STATUS_OPERATING
        (shown,) = node.node.qkd_interfaces
        assert (shown.qkdi_id, shown.qkdi_model, shown.wavelength_range, shown.max_absorption) == (
            7, "acme X1", "34-38", 20.0,
        )  # fmt: skip
        assert (shown.qkdi_type, shown.role_support) == (pb.TECHNOLOGY_CV_QKD, pb.LINK_ROLE_TRANSMITTER)
        assert network.in_charge
        assert network.settled


@in_loop
async def test_what_is_no_015_tree_is_not_taken_for_one(tmp_path: Path) -> None:
    class Unprefixed(Agent):
        def tree(self) -> dict[str, Any]:
            return super().tree() | {"qkdn_id": ""}

    async with served(AUTHORITY, [Unprefixed(1)]) as agents, controlled(tmp_path, agents) as rig:
        added = await rig.stub.AddNodes(wire.AddNodesRequest(nodes=[wire.NodeAddress(restconf_url=agents.url(1))]))
        assert list(added.qkdn_ids) == [""]
        (node,) = (await rig.network()).nodes
        assert "qkdn_id" in node.trouble
        plain = wire.AddNodesRequest(nodes=[wire.NodeAddress(restconf_url="http://127.0.0.1:1")])
        assert await refused(rig.stub.AddNodes(plain)) == ("INVALID_ARGUMENT", "URL_INVALID")


@in_loop
async def test_a_physical_link_is_the_same_at_both_ends_mirrored_and_the_receiver_comes_first(tmp_path: Path) -> None:
    order: list[int] = []
    one, other = mesh([(1, 2)])
    one.refuses = other.refuses = lambda agent, *_: order.append(agent.number)
    async with served(AUTHORITY, [one, other]) as agents, controlled(tmp_path, agents) as rig:
        await rig.add_all()
        link = await rig.join(1, 2)
        assert (link.state, link.skr_bps) == (wire.LINK_STATE_UP, 10_000)
        assert order[:2] == [2, 1]  # node 2 receives
        here, there = one.links[link.qkdl_id], other.links[link.qkdl_id]
        assert here["qkdl_local"] == there["qkdl_remote"] == {"qkdn_id": one.id, "qkdi_id": 2}
        assert there["qkdl_local"] == here["qkdl_remote"] == {"qkdn_id": other.id, "qkdi_id": 1}
        assert (here["phys_qkd_role"], there["phys_qkd_role"]) == (f"{TYPES}:TRANSMITTER", f"{TYPES}:RECEIVER")
        assert here["phys_wavelength"] == there["phys_wavelength"] == "34"
        assert here["qkdl_type"] == there["qkdl_type"] == f"{TYPES}:PHYS"
        again = await rig.join(1, 2)
        assert again.qkdl_id == link.qkdl_id
        await rig.stub.DeleteLink(wire.DeleteLinkRequest(qkdl_id=link.qkdl_id))
        assert not one.links
        assert not other.links
        network = await rig.network()
        assert not network.links
        assert network.settled


@pytest.mark.parametrize(
    ("changes", "request_changes", "reason"),
    [
        ({"qkdi_type": f"{TYPES}:DV-QKD"}, {}, "INTERFACE_UNFIT"),
        ({"qkdi_status": f"{TYPES}:FAILED"}, {}, "INTERFACE_UNFIT"),
        ({"qkdi_capabilities": {"role_support": f"{TYPES}:TRANSMITTER"}}, {}, "INTERFACE_UNFIT"),
        ({"qkdi_capabilities": {"wavelength_range": "39-40"}}, {}, "INTERFACE_UNFIT"),
        ({}, {"wavelength": "39"}, "INTERFACE_UNFIT"),
        ({}, {"attenuation_db": 20.5}, "LOSS_TOO_HIGH"),
        # correct but different
        ({"qkdi_capabilities": {}}, {"attenuation_db": 20.0}, ""),
        ({"qkdi_capabilities": {"role_support": f"{TYPES}:TRANSCEIVER", "wavelength_range": "30,38"}}, {}, ""),
        ({"qkdi_status": f"{TYPES}:DISABLED"}, {"wavelength": "36"}, ""),
    ],
)
def test_only_interfaces_that_fit_are_joined(
    tmp_path: Path, changes: dict[str, Any], request_changes: dict[str, Any], reason: str
) -> None:
    @in_loop
    async def run() -> None:
        agents_ = [Agent(1, [interface(1, "TRANSMITTER")]), Agent(2, [interface(1, "RECEIVER", **changes)])]
        async with served(AUTHORITY, agents_) as agents, controlled(tmp_path, agents) as rig:
            await rig.add_all()
            ends: dict[str, Any] = {
                "one": pb.LinkEnd(qkdn_id=node_id(1), qkdi_id=1),
                "other": pb.LinkEnd(qkdn_id=node_id(2), qkdi_id=1),
            }
            call = rig.stub.CreatePhysicalLink(wire.CreatePhysicalLinkRequest(**ends, **request_changes))
            if reason:
                assert await refused(call) == ("FAILED_PRECONDITION", reason)
                assert not (await rig.network()).links
                assert agents[1].log == agents[2].log == []
            else:
                assert (await call).link.state == wire.LINK_STATE_UP

    run()


@in_loop
async def test_what_one_end_refuses_is_taken_back_at_the_other(tmp_path: Path) -> None:
    one, other = mesh([(1, 2)])
    one.refuses = lambda *_: "the laser is in pieces"
    async with served(AUTHORITY, [one, other]) as agents, controlled(tmp_path, agents) as rig:
        await rig.add_all()
        assert (await refused(rig.join(1, 2)))[1] == "NODE_REFUSED"
        assert ("PUT", "qkd_link", link_id(1, 2)) in other.log
        assert not other.links
        assert not (await rig.network()).links
        one.refuses = None
        assert (await rig.join(1, 2)).state == wire.LINK_STATE_UP
        assert await refused(
            rig.stub.CreatePhysicalLink(
                wire.CreatePhysicalLinkRequest(
                    one=pb.LinkEnd(qkdn_id=one.id, qkdi_id=2), other=pb.LinkEnd(qkdn_id=other.id, qkdi_id=1)
                )
            )
        ) == ("FAILED_PRECONDITION", "INTERFACE_IN_USE")


@pytest.mark.parametrize("patch", [True, False])
def test_a_virtual_link_is_a_chain_and_an_internal_application_of_its_hops(tmp_path: Path, patch: bool) -> None:  # noqa: FBT001
    @in_loop
    async def run() -> None:
        async with joined(tmp_path, LINE) as rig:
            for agent in rig.agents.agents.values():
                agent.knows_patch = patch
            request = wire.CreateVirtualLinkRequest(from_qkdn_id=node_id(1), to_qkdn_id=node_id(4), bandwidth_bps=4000)
            link = (await rig.stub.CreateVirtualLink(request)).link
            assert list(link.path) == [node_id(number) for number in (1, 2, 3, 4)]
            entries = [rig.agents[number].links[link.qkdl_id] for number in (1, 2, 3, 4)]
            hops = [(entry.get("virt_prev_hop"), entry.get("virt_next_hop")) for entry in entries]
            ids = [node_id(number) for number in range(5)]
            assert hops == [(None, [ids[2]]), (ids[1], [ids[3]]), (ids[2], [ids[4]]), (ids[3], None)]
            assert {entry["virt_bandwidth"] for entry in entries} == {4000}
            assert [entry["qkdl_local"] for entry in entries] == [{"qkdn_id": one} for one in ids[1:]]
            for one, other in LINE:
                here, there = rig.agents[one], rig.agents[other]
                (name,) = here.links[link_id(one, other)]["qkdl_applications"]
                assert there.links[link_id(one, other)]["qkdl_applications"] == [name]
                assert here.apps[name]["app_type"] == f"{TYPES}:INTERNAL"
                assert here.apps[name]["backing_qkdl_id"] == [link_id(one, other)]
                assert (here.apps[name]["local_qkdn_id"], here.apps[name]["remote_qkdn_id"]) == (here.id, there.id)
                assert (there.apps[name]["local_qkdn_id"], there.apps[name]["remote_qkdn_id"]) == (there.id, here.id)
            request.bandwidth_bps = 6001
            assert await refused(rig.stub.CreateVirtualLink(request)) == ("FAILED_PRECONDITION", "NO_CAPACITY")
            request.bandwidth_bps = 6000
            await rig.stub.CreateVirtualLink(request)
            await rig.stub.DeleteLink(wire.DeleteLinkRequest(qkdl_id=link.qkdl_id))
            network = await rig.network()
            assert network.settled
            assert {one.reserved_bps for one in network.links if one.type == pb.LINK_TYPE_PHYS} == {6000}
            assert all(link.qkdl_id not in agent.links for agent in rig.agents.agents.values())
            assert len(rig.agents[2].apps) == 2

    run()


@in_loop
async def test_another_client_in_between_is_noticed_and_what_it_wrote_survives(tmp_path: Path) -> None:
    one, other = mesh([(1, 2)])
    async with served(AUTHORITY, [one, other]) as agents, controlled(tmp_path, agents) as rig:
        await rig.add_all()
        meddled: list[int] = []

        def meddler() -> None:
            if not meddled:
                meddled.append(1)
                one.take("PUT", "qkd_link", {"qkdl_id": link_id(1, 2), "qkdl_enable": False})

        one.meddler = meddler
        one.take("PUT", "qkd_link", foreign := {"qkdl_id": link_id(8, 9), "qkdl_enable": True})
        assert (await rig.join(1, 2)).state == wire.LINK_STATE_UP
        assert one.links[link_id(1, 2)]["qkdl_enable"] is True
        assert meddled
        assert one.links[link_id(8, 9)] == foreign  # nobody's: left alone


@in_loop
async def test_paths_are_computed_over_the_links_that_are_up(tmp_path: Path) -> None:
    async with joined(tmp_path, [(1, 2), (2, 3), (1, 4), (4, 3)]) as rig:
        request = wire.ComputePathsRequest(from_qkdn_id=node_id(1), to_qkdn_id=node_id(3), count=5)
        paths = (await rig.stub.ComputePaths(request)).paths
        assert [path.cost for path in paths] == [2, 2]
        rig.agents[2].cut(link_id(2, 3))
        await rig.journal("LINK_DOWN")
        (path,) = (await rig.stub.ComputePaths(request)).paths
        assert list(path.qkdl_ids) == [link_id(1, 4), link_id(4, 3)]
        assert path.free_bps == 10_000
