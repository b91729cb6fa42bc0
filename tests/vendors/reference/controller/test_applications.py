"""Applications (W5): who is let in, who gives way, and what becomes of them when links fail (W6)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qkd.control.v1 import controller_pb2 as wire
from qkd.node.v1 import agent_pb2 as pb
from tests.vendors.reference.controller.agents import TYPES, Agent, node_id
from tests.vendors.reference.controller.rig import SETTINGS, Rig, in_loop, joined, link_id

SQUARE = [(1, 2), (2, 3), (1, 4), (4, 3)]


def told(server: str, client: str, node: int, bps: int = 100) -> dict[str, Any]:
    return {
        "qkd_application": {
            "app_type": f"{TYPES}:CLIENT",
            "server_app_id": server,
            "client_app_id": [client],
            "app_priority": 1,
            "local_qkdn_id": node_id(node),
            "app_qos": {"min_bandwidth": bps, "jitter": 3},
        }
    }


async def application(rig: Rig, app_id: str = "") -> wire.NetworkApplication:
    apps = (await rig.network()).applications
    return next(app for app in apps if app_id in ("", app.app_id))


async def becomes(rig: Rig, kind: str, app_id: str) -> wire.NetworkApplication:
    entry = await rig.journal(kind)
    assert entry.subject == app_id
    return await application(rig, app_id)


@in_loop
async def test_both_ends_tell_of_an_application_and_both_get_it_mirrored(tmp_path: Path) -> None:
    async with joined(tmp_path, [(1, 2)]) as rig:
        one, other = rig.agents[1], rig.agents[2]
        one.tell("sdqkdn_application_new", told("sae:a", "sae:b", 1))
        while not (apps := (await rig.network()).applications):
            pass
        assert apps[0].admission == wire.ADMISSION_WAITING
        assert not one.apps
        other.tell("sdqkdn_application_new", told("sae:a", "sae:b", 2))
        await rig.journal("APPLICATION_ADMITTED")
        await rig.until(lambda: bool(one.apps and other.apps), "both have it")
        ((app_id, here),) = one.apps.items()
        there = other.apps[app_id]
        assert (here["local_qkdn_id"], here["remote_qkdn_id"]) == (one.id, other.id)
        assert (there["local_qkdn_id"], there["remote_qkdn_id"]) == (other.id, one.id)
        assert here["backing_qkdl_id"] == there["backing_qkdl_id"] == [link_id(1, 2)]
        assert here["app_qos"] == {"min_bandwidth": 100, "jitter": 3}
        assert app_id in one.links[link_id(1, 2)]["qkdl_applications"]
        other.tell("sdqkdn_application_disconnected", {"qkd_application": {"app_id": app_id}})
        await rig.until(lambda: not one.apps and not other.apps, "it has left")
        await rig.until(lambda: "qkdl_applications" not in one.links[link_id(1, 2)], "the link feeds nobody")


@in_loop
async def test_the_directory_knows_a_client_that_asks_for_nothing(tmp_path: Path) -> None:
    settings = replace(SETTINGS, directory=f'{{"sae:b": "{node_id(2)}"}}')
    async with joined(tmp_path, [(1, 2)], settings=settings) as rig:
        rig.agents[1].tell("sdqkdn_application_new", told("sae:a", "sae:b", 1))
        await rig.until(lambda: bool(rig.agents[2].apps), "the other end has it")


@in_loop
async def test_qos_decides_and_the_reason_is_told(tmp_path: Path) -> None:
    async with joined(tmp_path, [(1, 2), (2, 3)]) as rig:
        app = await rig.admit((1, 3), 10_001)
        assert app.admission == wire.ADMISSION_REFUSED
        assert app.reason.startswith("NO_CAPACITY")
        assert "10000" in app.reason
        assert all(not agent.apps for agent in rig.agents.agents.values())
        app = await rig.admit((1, 3), 10_000)
        assert app.admission == wire.ADMISSION_ADMITTED
        (virtual,) = [one for one in (await rig.network()).links if one.type == pb.LINK_TYPE_VIRT]
        assert list(app.backing_qkdl_ids) == [virtual.qkdl_id]
        assert virtual.app_id == app.app_id
        assert rig.agents[1].links[virtual.qkdl_id]["qkdl_applications"] == [app.app_id]
        again = await rig.admit((1, 3), 10_000)
        assert (again.app_id, list(again.backing_qkdl_ids)) == (app.app_id, list(app.backing_qkdl_ids))
        await rig.stub.RemoveApplication(wire.RemoveApplicationRequest(app_id=app.app_id))
        network = await rig.network()
        assert network.settled
        assert not network.applications
        assert all(not agent.apps for agent in rig.agents.agents.values())
        assert {one.type for one in network.links} == {pb.LINK_TYPE_PHYS}


@in_loop
async def test_the_more_important_takes_from_the_less_and_gives_it_back(tmp_path: Path) -> None:
    async with joined(tmp_path, [(1, 2)]) as rig:
        lesser = await rig.admit((1, 2), 6000, priority=1, name="lesser")
        small = await rig.admit((1, 2), 1000, priority=2, name="small")
        peer = await rig.admit((1, 2), 6000, priority=1, name="peer")
        assert peer.admission == wire.ADMISSION_REFUSED  # of the same priority: nobody gives way
        major = await rig.admit((1, 2), 9000, priority=5, name="major")
        assert major.admission == wire.ADMISSION_ADMITTED
        states = {app.app_id: app for app in (await rig.network()).applications}
        assert states[lesser.app_id].admission == wire.ADMISSION_PREEMPTED
        assert "priority 5 over 1" in states[lesser.app_id].reason
        assert states[small.app_id].admission == wire.ADMISSION_ADMITTED  # not in the way
        assert set(rig.agents[1].apps) == set(rig.agents[2].apps) == {major.app_id, small.app_id}
        await rig.stub.RemoveApplication(wire.RemoveApplicationRequest(app_id=major.app_id))
        assert (await application(rig, lesser.app_id)).admission == wire.ADMISSION_ADMITTED


@in_loop
async def test_a_cut_link_is_gone_around_and_new_nodes_are_told_first(tmp_path: Path) -> None:
    async with joined(tmp_path, SQUARE) as rig:
        app = await rig.admit((1, 3), 5000)
        (virtual,) = [one for one in (await rig.network()).links if one.type == pb.LINK_TYPE_VIRT]
        middle = 2 if node_id(2) in virtual.path else 4
        other = 6 - middle
        order: list[int] = []
        for number in (1, 3, other):
            rig.agents[number].refuses = lambda agent, *_: order.append(agent.number)
        rig.agents[1].cut(link_id(1, middle))
        await rig.journal("REROUTED")
        gone = virtual.qkdl_id
        await rig.until(lambda: gone not in rig.agents[middle].links, "the old node has lost it")
        assert order[0] == other
        assert rig.agents[1].links[virtual.qkdl_id]["virt_next_hop"] == [node_id(other)]
        assert rig.agents[3].links[virtual.qkdl_id]["virt_prev_hop"] == node_id(other)
        assert not rig.agents[middle].apps
        now = await application(rig, app.app_id)
        assert now.admission == wire.ADMISSION_ADMITTED
        assert list(now.backing_qkdl_ids) == list(app.backing_qkdl_ids)


@in_loop
async def test_who_has_no_other_way_is_told_why_and_comes_back_with_the_link(tmp_path: Path) -> None:
    async with joined(tmp_path, [(1, 2), (2, 3)]) as rig:
        app = await rig.admit((1, 3), 5000)
        near = await rig.admit((1, 2), 100, name="near")
        rig.agents[2].cut(link_id(2, 3))
        stranded = await becomes(rig, "APPLICATION_STRANDED", app.app_id)
        assert stranded.reason.startswith("NO_PATH")
        await rig.until(lambda: set(rig.agents[1].apps) == {near.app_id}, "the node has lost it, not the other one")
        agent = rig.agents[2]
        agent.statuses.clear()
        update = {"qkd_link": {"qkdl_id": link_id(2, 3), "performance": {"skr": 9000}}}
        agent.tell("sdqkdn_link_perf_update", update)
        await rig.journal("LINK_BACK")
        await rig.until(lambda: app.app_id in rig.agents[3].apps, "it is back")


@in_loop
async def test_a_link_that_makes_less_sends_the_least_important_another_way(tmp_path: Path) -> None:
    async with joined(tmp_path, [*SQUARE, (1, 3)]) as rig:
        lesser = await rig.admit((1, 3), 4000, priority=1, name="lesser")
        major = await rig.admit((1, 3), 4000, priority=2, name="major")
        assert list(lesser.backing_qkdl_ids) == list(major.backing_qkdl_ids) == [link_id(1, 3)]
        for number in (1, 3):
            rig.agents[number].skr = 5000
        update = {"qkd_link": {"qkdl_id": link_id(1, 3), "performance": {"skr": 5000}}}
        rig.agents[1].tell("sdqkdn_link_overloaded", update)
        await rig.until(
            lambda: rig.agents[1].apps.get(lesser.app_id, {}).get("backing_qkdl_id") != [link_id(1, 3)], "it has moved"
        )
        now = await application(rig, lesser.app_id)
        assert now.admission == wire.ADMISSION_ADMITTED
        assert list((await application(rig, major.app_id)).backing_qkdl_ids) == [link_id(1, 3)]


@pytest.mark.parametrize("kind", ["poll", "interface"])
def test_a_link_down_is_noticed_without_its_notification(tmp_path: Path, kind: str) -> None:
    @in_loop
    async def run() -> None:
        async with joined(tmp_path, [(1, 2)]) as rig:
            app = await rig.admit((1, 2), 10)
            agent: Agent = rig.agents[1]
            if kind == "poll":
                agent.statuses[link_id(1, 2)] = "PASSIVE"
                agent.streams = False
                agent.hang_up()
            else:
                agent.tell("sdqkdn_interface_down", {"qkd_interface": {"qkdi_id": 2, "reason": "dark"}})
            await becomes(rig, "APPLICATION_STRANDED", app.app_id)

    run()
