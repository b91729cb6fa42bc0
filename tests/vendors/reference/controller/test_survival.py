"""What the controller wants survives it: kill -9 at any step, agents that are away, and a successor."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from harness.pki import Authority
from harness.sdk import read_error
from qkd.control.v1 import controller_pb2 as wire
from tests.vendors.reference.controller.agents import node_id, served
from tests.vendors.reference.controller.rig import AUTHORITY, SETTINGS, controlled, in_loop, joined, link_id, mesh
from vendors.reference.controller.model import PhysicalLink, Stage, VirtualLink
from vendors.reference.controller.plan import Plan
from vendors.reference.controller.store import NotInChargeError, Store

LINE = [(1, 2), (2, 3)]


@in_loop
async def test_a_restarted_controller_mends_what_differs(tmp_path: Path) -> None:
    async with served(AUTHORITY, mesh(LINE)) as agents:
        async with controlled(tmp_path, agents) as rig:
            await rig.add_all()
            for ends in LINE:
                await rig.join(*ends)
            app = await rig.admit((1, 3), 1000)
        lost = agents[2].links.pop(link_id(1, 2))
        agents[3].apps.clear()
        agents[1].links[link_id(1, 2)]["qkdl_enable"] = False
        async with controlled(tmp_path, agents) as rig:
            await rig.until(lambda: link_id(1, 2) in agents[2].links, "the link is back")
            await rig.until(lambda: agents[1].links[link_id(1, 2)]["qkdl_enable"] is True, "it is enabled")
            await rig.until(lambda: app.app_id in agents[3].apps, "the application is back")
            assert agents[2].links[link_id(1, 2)] == lost
            (known,) = (await rig.network()).applications
            assert known == app


@pytest.mark.parametrize("where", ["before any", "after the receiver", "while it goes"])
def test_a_change_that_was_broken_off_is_gone_on_with(tmp_path: Path, where: str) -> None:
    """The states of store and nodes that a kill leaves at each step."""

    @in_loop
    async def run() -> None:
        async with served(AUTHORITY, mesh(LINE)) as agents:
            async with controlled(tmp_path, agents) as rig:
                await rig.add_all()
                await rig.join(1, 2)
                await rig.join(2, 3)
                name = (await rig.stub.CreateVirtualLink(
                    wire.CreateVirtualLinkRequest(from_qkdn_id=node_id(1), to_qkdn_id=node_id(3), bandwidth_bps=10)
                )).link.qkdl_id  # fmt: skip
            virtual = VirtualLink(name, [node_id(1), node_id(2), node_id(3)], [link_id(1, 2), link_id(2, 3)], 10)
            physical = PhysicalLink(link_id(2, 3), node_id(2), 3, node_id(3), 2, "34")
            store = Store(tmp_path / "controller.sqlite", (tmp_path / "name").read_text())
            store.claim(force=False)
            virtual.stage = physical.stage = Stage.GOING if where == "while it goes" else Stage.MAKING
            with Plan(store).change() as change:
                change.put(virtual, physical)
            store.close()
            if where == "before any":
                for agent in agents.agents.values():
                    agent.links.pop(name, None)
                    agent.links.pop(link_id(2, 3), None)
            elif where == "after the receiver":
                del agents[2].links[link_id(2, 3)], agents[1].links[name]
            async with controlled(tmp_path, agents) as rig:
                if where == "while it goes":
                    await rig.until(lambda: all(name not in a.links for a in agents.agents.values()), "gone")
                    await rig.until(lambda: link_id(2, 3) not in agents[3].links, "its hop too")
                    assert not any(agent.apps for agent in agents.agents.values())
                else:
                    await rig.until(lambda: all(name in a.links for a in agents.agents.values()), "made")
                    await rig.until(lambda: link_id(2, 3) in agents[2].links, "its hop too")
                assert link_id(1, 2) in agents[1].links

    run()


@in_loop
async def test_a_node_that_was_away_is_mended_when_it_is_back(tmp_path: Path) -> None:
    async with joined(tmp_path, LINE) as rig:
        agent = rig.agents[3]
        app = await rig.admit((1, 3), 1000)
        agent.away = True
        agent.hang_up()
        await rig.journal("NODE_LOST")
        (node,) = [node for node in (await rig.network()).nodes if not node.online]
        assert node.trouble
        await rig.stub.RemoveApplication(wire.RemoveApplicationRequest(app_id=app.app_id))
        assert app.app_id in agent.apps
        assert not rig.agents[1].apps
        assert not (await rig.network()).settled
        agent.away = False
        await rig.journal("NODE_BACK")
        await rig.until(lambda: not agent.apps and len(agent.links) == 1, "it has lost what went meanwhile")


@in_loop
async def test_a_node_without_a_stream_is_polled(tmp_path: Path) -> None:
    agents_ = mesh([(1, 2)])
    for agent in agents_:
        agent.streams = False
    async with served(AUTHORITY, agents_) as agents, controlled(tmp_path, agents) as rig:
        await rig.add_all()
        await rig.join(1, 2)
        agents[1].statuses[link_id(1, 2)] = "OFF"
        await rig.journal("LINK_DOWN")
        agents[1].statuses.clear()
        await rig.journal("LINK_BACK")


@in_loop
async def test_the_successor_is_in_charge_and_the_old_one_writes_no_more(tmp_path: Path) -> None:
    settings = replace(SETTINGS, store=str(tmp_path / "shared.sqlite"))
    async with (
        served(AUTHORITY, mesh(LINE)) as agents,
        controlled(tmp_path / "old", agents, settings) as old,
        controlled(tmp_path / "new", agents, settings, in_reserve=True) as new,
    ):
        await old.add_all()
        await old.join(1, 2)
        assert not (await new.network()).in_charge
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await new.join(2, 3)
        assert read_error(caught.value).reason == "IN_RESERVE"
        agents[2].links.clear()
        await new.stub.TakeOver(wire.TakeOverRequest())
        assert link_id(1, 2) in agents[2].links
        network = await new.network()
        assert network.in_charge
        assert [link.qkdl_id for link in network.links] == [link_id(1, 2)]
        assert not (await old.network()).in_charge
        before = [list(agent.log) for agent in agents.agents.values()]
        with pytest.raises(grpc.aio.AioRpcError):
            await old.join(2, 3)
        old_agent = old.controller.engine.agent(agents.url(1))
        old.controller.engine.in_charge = True  # it has not noticed yet, in the middle of something
        with pytest.raises(NotInChargeError):
            await old_agent._change("DELETE", "etsi-qkd-sdn-node:qkd_node/qkd_links/qkd_link=x", None, "")
        assert [list(agent.log) for agent in agents.agents.values()] == before
        assert (await new.join(2, 3)).state == wire.LINK_STATE_UP
        await new.stub.TakeOver(wire.TakeOverRequest())  # it is already
        assert [e.kind for e in new.controller.engine.store.journal(1)].count("TOOK_OVER") == 1


def test_the_old_one_stays_in_reserve_after_a_restart(tmp_path: Path) -> None:
    old, new = Store(tmp_path / "s", "old"), Store(tmp_path / "s", "new")
    assert old.claim(force=False)
    assert not new.claim(force=False)
    assert new.claim(force=True)
    assert not old.still_in_charge()
    old.close()
    again = Store(tmp_path / "s", "old")
    assert not again.claim(force=False)
    with pytest.raises(NotInChargeError), again.transaction():
        raise AssertionError("it may not come so far")
    with new.transaction():
        new.put("kind", "id", {})
    assert again.read("kind") == {"id": {}}
    again.close()
    new.close()


_CHILD = """
import sys
from pathlib import Path
from vendors.reference.controller.model import VirtualLink
from vendors.reference.controller.plan import Plan
from vendors.reference.controller.store import Store
store = Store(Path(sys.argv[1]), "one")
store.claim(force=False)
plan, number = Plan(store), 0
while True:
    number += 1
    with plan.change() as change:
        change.put(VirtualLink("a", [], [], number), VirtualLink("b", [], [], number))
    print(number, flush=True)
"""


def test_what_was_committed_survives_kill_9_and_nothing_is_half(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(tmp_path / "s")], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert child.stdout is not None
    with child:
        told = [int(child.stdout.readline()) for _ in range(40)][-1]
        child.send_signal(signal.SIGKILL)
    plan = Plan(Store(tmp_path / "s", "one"))
    a, b = plan.virtual["a"], plan.virtual["b"]
    assert a.bandwidth_bps == b.bandwidth_bps >= told


@in_loop
async def test_only_agents_of_the_own_authority_are_spoken_to(tmp_path: Path) -> None:
    async with served(Authority("somebody else"), mesh([(1, 2)])) as agents, controlled(tmp_path, agents) as rig:
        added = await rig.stub.AddNodes(wire.AddNodesRequest(nodes=[wire.NodeAddress(restconf_url=agents.url(1))]))
        assert list(added.qkdn_ids) == [""]
        assert agents.requests == 0
        assert not (await rig.network()).nodes[0].HasField("node")
