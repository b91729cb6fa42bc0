"""Whole nodes: what is configured makes keys flow, what is shown is so, and parts that go away come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from harness.plant import line_port
from qkd.device.v1 import module_pb2 as pb
from qkd.node.v1 import agent_pb2 as model
from qkd.vendor.v1 import vendor_pb2 as vendor
from tests.vendors.emulation.rig import RX, TOKEN, TX, Rig, rig
from tests.vendors.huawei.test_huawei import switched
from tests.vendors.reference.agent.node.rig import (
    APP,
    LINK,
    OTHER,
    Heard,
    application,
    listen,
    physical,
    raise_node,
    statuses,
    until,
    virtual,
)
from tests.vendors.reference.forwarding.rig import TOKEN as FORWARDING_TOKEN
from tests.vendors.reference.forwarding.rig import nodes
from tests.vendors.reference.intake.paired import SETTINGS, Net, net
from tests.vendors.reference.rig import in_loop
from vendors.huawei.vendor import HuaweiDuesseldorf
from vendors.reference.agent.live import RefusedByNodeError
from vendors.reference.agent.node import Node, live_node
from vendors.reference.kme import ReferenceKme
from vendors.reference.source import SourceAddress, SourceKind

ENABLED, DISABLED = model.INTERFACE_STATUS_ENABLED, model.INTERFACE_STATUS_DISABLED


@dataclass
class Field:
    """A sender at a, receivers at b and c, a KME and an agent at each."""

    plant: Rig
    kmes: Net
    nodes: dict[str, Node]
    heard: dict[str, Heard]
    stack: AsyncExitStack

    async def link(self, one: str, other: str, link_id: str = LINK, **more: object) -> None:
        for end, peer in ((one, other), (other, one)):
            await self.nodes[end].apply([physical(end, peer, link_id, **more)], [])

    async def advance_until_keys(self, one: str, other: str, octets: int = 512) -> None:
        async with asyncio.timeout(20):
            while True:
                await self.plant.advance(2)
                link = self.kmes.sites.kmes[f"kme-{one}"].links.get(f"kme-{other}")
                if link is not None and link.available >= octets:
                    return


@asynccontextmanager
async def field(folder: Path) -> AsyncIterator[Field]:
    async with AsyncExitStack() as stack:
        plant = await stack.enter_async_context(rig(HuaweiDuesseldorf(), folder, switched()))
        roles = {"a": TX, "b": RX, "c": RX}
        modules = {end: await plant.module(f"{end}/m", role) for end, role in roles.items()}
        where = {end: module.response.control_address for end, module in modules.items()}
        sources = {
            end: SourceAddress("", address, TOKEN, "", SourceKind.MODULE_STREAM, "", "HWDU", f"{end}/m")
            for end, address in where.items()
        }
        kmes = await stack.enter_async_context(net(folder, sources=sources, controlled=True))
        ends = {}
        for end, address in where.items():
            module = vendor.NodeModule(
                qkdi_id=1, module_id=f"{end}/m", control_address=address, token=TOKEN, att_device="sw", att_port=3
            )
            grpc_address = kmes.sites.endpoints[f"kme-{end}"].grpc
            ends[end] = await raise_node(stack, folder, end, modules=[module], kme_grpc_address=grpc_address)
        heard = {end: await listen(stack, node) for end, node in ends.items()}
        yield Field(plant, kmes, ends, heard, stack)


@in_loop
async def test_a_link_makes_keys_and_a_sender_goes_from_one_receiver_to_another(tmp_path: Path) -> None:
    async with field(tmp_path) as world:
        node, heard = world.nodes["a"], world.heard["a"]
        (shown,) = node.observed().qkd_interfaces
        assert (shown.qkdi_id, shown.qkdi_model, shown.device, shown.port) == (
            1, "Huawei Düsseldorf CV-QKD prototype", "sw", 3,
        )  # fmt: skip
        assert (shown.qkdi_type, shown.role_support) == (model.TECHNOLOGY_CV_QKD, model.LINK_ROLE_TRANSMITTER)
        assert (shown.wavelength_range, shown.qkdi_status) == ("34,37-38", DISABLED)
        await heard.until("sdqkdn_interface_new", lambda one: one.qkdi_id == 1)
        await world.link("a", "b")
        assert statuses(node) == ["PENDING"]
        await world.plant.tuned("C-37", "a/m", "b/m")
        await world.advance_until_keys("a", "b")
        await until(lambda: statuses(node) == ["ACTIVE"], "active")
        (link,) = node.observed().qkd_links
        assert link.qkdl_performance.skr == link.qkdl_performance.eskr > 0
        assert [one.perf_type for one in link.qkdl_performance.phys_perf] == [model.PERFORMANCE_TYPE_SNR]
        assert node.observed().qkd_interfaces[0].qkdi_status == ENABLED
        await heard.until("sdqkdn_link_perf_update", lambda one: one.performance.skr > 0)
        assert not heard.of("sdqkdn_link_down")
        # the switch turns; the link to b is disabled, and what is in stock stays
        world.plant.plant.cross_connect("sw", "a/m", line_port("sw", "l-b", 1), opened=True)
        world.plant.plant.cross_connect("sw", "a/m", line_port("sw", "l-c", 1))
        await world.nodes["b"].apply([physical("b", "a", qkdl_enable=False)], [])
        await world.nodes["c"].apply([physical("c", "a", OTHER)], [])
        await node.apply([physical("a", "b", qkdl_enable=False), physical("a", "c", OTHER)], [])
        assert not heard.of("sdqkdn_link_down")  # it was told to
        await world.plant.tuned("C-37", "a/m", "c/m")
        await world.advance_until_keys("a", "c")
        await until(lambda: statuses(node) == ["PASSIVE", "ACTIVE"], "passive and active")
        assert statuses(world.nodes["b"]) == ["PASSIVE"]
        for client in "bc":
            await asyncio.gather(
                *(
                    world.nodes[end].apply(_links(world.nodes[end]), [application("a", client, end)])
                    for end in ("a", client)
                )
            )
            await world.kmes.exchange("a", client, 2)
        world.kmes.check_links()
        await node.apply([], [])
        await until(lambda: node.observed().qkd_interfaces[0].qkdi_status == DISABLED, "stopped")


def _links(node: Node) -> list[model.QkdLink]:
    return list(node._links)


@in_loop
async def test_applications_ask_are_admitted_counted_and_go(tmp_path: Path) -> None:
    async with field(tmp_path) as world:
        node, heard = world.nodes["a"], world.heard["a"]
        await world.link("a", "b")
        await world.plant.tuned("C-37", "a/m", "b/m")
        await world.advance_until_keys("a", "b")
        assert (await world.kmes.sae("a").enc("sae-b")).status == 503
        new = await heard.until("sdqkdn_application_new")
        assert (new.server_app_id, list(new.client_app_ids), new.app_id) == ("sae:sae-a", ["sae:sae-b"], "")
        unknown = application("a", "b", "a")
        unknown.remote_qkdn_id = ""
        await node.apply(_links(node), [unknown])
        assert (await world.kmes.sae("a").enc("sae-b")).status == 503  # while the other node is unknown
        assert node.observed().qkd_applications[0].app_status == model.APPLICATION_STATUS_DISCONNECTED
        qos = model.ApplicationQos(max_bandwidth=4_000_000_000)
        for end in "ab":
            app = application("a", "b", end, app_qos=qos, backing_qkdl_ids=[LINK])
            await world.nodes[end].apply(_links(world.nodes[end]), [app])
        await world.kmes.exchange("a", "b", 3)
        report = await heard.until("sdqkdn_link_overloaded")
        assert report.performance.expected_consumption == 4_000_000_000 > report.performance.skr
        assert not report.performance.phys_perf
        await until(lambda: node._book._consumed[APP]._bits == 3 * 256, "counted")
        assert node.observed().qkd_applications[0].app_status == model.APPLICATION_STATUS_ON
        ended = application("a", "b", "a", app_qos=qos, expiration_time=Timestamp(seconds=1))
        await node.apply(_links(node), [ended])
        assert await heard.until("sdqkdn_application_disconnected") == APP
        assert node.observed().qkd_applications[0].app_status == model.APPLICATION_STATUS_OUT_OF_TIME
        assert (await world.kmes.sae("a").enc("sae-b")).status == 503


@in_loop
async def test_a_module_and_a_kme_that_die_are_told_of_and_taken_up_again(tmp_path: Path) -> None:
    async with field(tmp_path) as world:
        node, heard, sites = world.nodes["a"], world.heard["a"], world.kmes.sites
        await world.link("a", "b")
        await world.plant.tuned("C-37", "a/m", "b/m")
        await world.advance_until_keys("a", "b")
        await until(lambda: statuses(node) == ["ACTIVE"], "active")
        await world.plant.maker.release_instance("a-m")
        down = await heard.until("sdqkdn_interface_down")
        assert (down.qkdi_id, "does not answer" in down.reason) == (1, True)
        assert node.observed().qkd_interfaces[0].qkdi_status == model.INTERFACE_STATUS_FAILED
        assert node.observed().qkdn_status == model.NODE_STATUS_DOWN
        assert (await heard.until("sdqkdn_link_down")).reason == "the module does not answer"
        assert statuses(node) == ["PASSIVE"]
        again = await world.plant.module("a/m", TX)  # on the port of its last life, and OFF
        await until(lambda: again.module.state != pb.MODULE_STATE_OFF, "started again")
        await world.plant.tuned("C-37", "a/m", "b/m")
        async with asyncio.timeout(20):
            while not again.module.store.account.handed_over:
                await world.plant.advance(2)
        await until(lambda: statuses(node) == ["ACTIVE"], "active again")
        await heard.until("event", lambda one: one.interface.qkdi_status == ENABLED)
        old = sites.kmes["kme-a"]
        await old.stop()
        await heard.until("sdqkdn_link_down", lambda one: "KME" in one.reason)
        assert node.observed().qkdn_status == model.NODE_STATUS_DOWN
        kme = sites.kmes["kme-a"] = ReferenceKme(old.provision, tmp_path / "kme-a")
        sites.endpoints["kme-a"] = await kme.start()
        kme.connect({"kme-b": sites.endpoints["kme-b"].peer})
        sites.kmes["kme-b"].connect({"kme-a": sites.endpoints["kme-a"].peer})
        await until(lambda: node.observed().qkdn_status == model.NODE_STATUS_OPERATING, "operating")
        await until(lambda: statuses(node) == ["ACTIVE"], "active after all")


@in_loop
async def test_what_the_node_cannot_do_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async with field(tmp_path) as world:
        node = world.nodes["a"]
        await world.link("a", "b")
        twin = physical("a", "c", OTHER)
        loss = physical("a", "b")
        loss.phys_channel_att = 40.0
        for links, leaf in (
            ([physical("a", "b"), twin], "qkdl_local"),
            ([loss], "phys_channel_att"),
            ([physical("a", "b", phys_wavelength="36")], "phys_wavelength"),
            ([physical("a", "b", phys_qkd_role=model.LINK_ROLE_RECEIVER)], "phys_qkd_role"),
            ([virtual(OTHER, "a", "b", "c", at="a")], "qkdl_type"),
        ):
            with pytest.raises(RefusedByNodeError) as caught:
                await node.apply(links, [])
            assert caught.value.leaf == leaf
            assert caught.value.subject.startswith("link ")
        itself = physical("a", "b")
        node._connect.remote_nodes[0].interfaces[0].module_id = "a/m"  # what only the module knows to be wrong
        with pytest.raises(RefusedByNodeError, match="own peer"):
            await node.apply([itself], [])
        assert [link.qkdl_id for link in node.observed().qkd_links] == [LINK]
        assert node._modules[1].pair is not None
        assert node._modules[1].pair.peer_module_id == "b/m"


@in_loop
async def test_an_agent_that_comes_back_leaves_a_module_alone_that_does_what_it_shall(tmp_path: Path) -> None:
    async with field(tmp_path) as world:
        node = world.nodes["a"]
        await world.link("a", "b")
        module = world.plant.maker._instances["a-m"].module
        assert module.state == pb.MODULE_STATE_STARTING
        calls: list[str] = []
        module.stop = lambda: calls.append("stop")  # type: ignore[method-assign]
        module.start = lambda: calls.append("start")  # type: ignore[method-assign]
        async with live_node(node._request, node._connect, tmp_path / "agent-a") as again:
            await again.apply([physical("a", "b")], [])
            await again.apply([physical("a", "b")], [])
            assert calls == []
            await again.apply([physical("a", "b", phys_wavelength="38")], [])
            assert calls[0] == "stop"
        gone = vendor.ConnectAgentRequest()
        gone.CopyFrom(node._connect)
        del gone.modules[:]
        async with live_node(node._request, gone, tmp_path / "agent-a") as bare:
            async with asyncio.timeout(5):
                assert (await anext(bare.notifications())).sdqkdn_interface_out == 1


@in_loop
async def test_virtual_links_carry_keys_of_distant_nodes(tmp_path: Path) -> None:
    names = [f"kme-{end}" for end in "abc"]
    async with AsyncExitStack() as stack:
        (tmp_path / "hops").mkdir()
        hops = await stack.enter_async_context(nodes(tmp_path / "hops", names, pairwise(names)))
        sources = {
            end: SourceAddress(
                "",
                hops.endpoints[f"kme-{end}"].control,
                FORWARDING_TOKEN,
                "",
                SourceKind.RELAY,
                "",
                "us",
                f"{end}/relay",
            )
            for end in "abc"
        }
        kmes = await stack.enter_async_context(net(tmp_path, sources=sources, settings=SETTINGS, controlled=True))
        ends = {
            end: await raise_node(
                stack,
                tmp_path,
                end,
                kme_grpc_address=kmes.sites.endpoints[f"kme-{end}"].grpc,
                forwarder_address=hops.endpoints[f"kme-{end}"].control,
                forwarder_token=FORWARDING_TOKEN,
                relay_module_id="" if end == "b" else f"{end}/relay",
            )
            for end in "abc"
        }
        for end, node in ends.items():
            apps = [] if end == "b" else [application("a", "c", end)]
            await node.apply([virtual(LINK, "a", "b", "c", at=end, virt_bandwidth=500)], apps)
        await kmes.stocked("a", "c", 512)
        await kmes.exchange("a", "c", 4)
        for node in ends.values():
            await until(lambda node=node: statuses(node) == ["ACTIVE"], "active")  # type: ignore[misc]
        with pytest.raises(RefusedByNodeError, match="relayed"):
            await ends["b"].apply([virtual(LINK, "b", "a", at="b")], [])
        held = kmes.sites.kmes["kme-a"].links["kme-c"].held
        for node in ends.values():
            await node.apply([], [])
        assert hops.up["kme-b"].relay._virtual_links == {}
        assert kmes.sites.kmes["kme-a"].links["kme-c"].held >= held
