"""A small network that a controller has made, for real: keys, another way when a fibre is cut, every direct link."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from harness.cli.vendors import vendor_entry
from harness.hosting import LaunchSpec
from harness.topology import Topology, load
from harness.twin.check import check_twin
from harness.twin.control import Control
from harness.twin.direct import try_direct_links
from harness.twin.hosts import FORWARDING, KMS, control_of, makers_of
from harness.twin.load import Load
from harness.twin.settings import TwinSettings
from harness.twin.stand_ins import with_stand_ins
from harness.twin.twin import Twin, raise_twin
from qkd.control.v1 import controller_pb2
from qkd.optical.v1 import plant_pb2

SQUARE = Path(__file__).with_name("square.toml")
BOUND_S = 60.0
ENDS = ("kme-a", "kme-c")


@asynccontextmanager
async def controlled(topology: Topology) -> AsyncIterator[tuple[Twin, Control]]:
    """Raised, whole, made by its controller alone."""
    names = (KMS, FORWARDING, *control_of(topology), *makers_of(topology))
    specs = {name: LaunchSpec(vendor_entry(name).argv(), name=name) for name in names}
    started = time.monotonic()
    async with raise_twin(topology, specs, TwinSettings(controlled=True)) as twin:
        assert twin.control is not None
        checked = await check_twin(twin, started=started, bound_s=2 * BOUND_S)
        assert checked.holds, checked.missing
        yield twin, twin.control


@pytest.mark.timeout(300)
def test_the_controller_makes_every_link_and_finds_another_way() -> None:
    asyncio.run(_square())


async def _square() -> None:
    async with controlled(with_stand_ins(load(str(SQUARE)))) as (twin, control):
        links = {one.qkdl_id: one for one in (await control.network()).links}
        systems = {control.arrangement.qkdl_id(one): one for one in twin.layout.topology.active_systems}
        assert systems.keys() < links.keys()
        assert all(links[name].light_path for name in systems), "every light path is set up by the switches"
        assert len(links) == len(systems) + 2, "from a to c and from b to d keys are relayed"

        await _cut_and_find_another_way(twin, control)

        found = await try_direct_links(twin, bound_s=BOUND_S)
        assert [one.why for one in found.links if not one.established] == []
        assert (found.established, found.troubles, found.holds) == (9, [], True)
        assert {one.link: one.moved for one in found.links if one.moved} == {
            "da/hwdu": ("d/hwdu-rx@da",),
            "cd-da/hwdu": ("d/hwdu-rx@c",),
            "a/hwdu-back-to-back-c37": ("a/hwdu-rx@a.2",),
        }
        assert not sum(one.wrong for one in found.links)
        assert list((await control.network()).links) == []
        assert not list(twin.plant.state().connections), "no light path is left"


async def _cut_and_find_another_way(twin: Twin, control: Control) -> None:
    """Cuts the fibre of the first hop from a to c; their keys come the other way round, none of them wrong."""
    before = await _virtual(control)
    sites = {control.arrangement.qkdn_id(site.id): site.id for site in twin.layout.sites.values()}
    way = [sites[node] for node in before.path]
    fibre = next(link.id for link in twin.layout.topology.links if set(link.ends) == set(way[:2]))
    async with Load(lambda: twin.reached, [("sae-a", "sae-c")], number=10) as load_:
        twin.plant.disturb(plant_pb2.Disturbance(link_id=fibre, cut=plant_pb2.Cut()))
        async with asyncio.timeout(BOUND_S):
            while True:
                now = await _virtual(control)
                if list(now.path) != list(before.path) and now.state == controller_pb2.LINK_STATE_UP:
                    break
                await asyncio.sleep(0.1)
        assert {sites[node] for node in now.path} == {"a", "c"} | ({"b", "d"} - {*way})
        await _new_keys(twin)
        rounds = load_.rounds
        await load_.until_round(rounds + 3, bound_s=BOUND_S)
    assert load_.tally.equal
    assert (load_.tally.wrong, load_.tally.lost) == (0, 0)
    twin.plant.disturb(plant_pb2.Disturbance(link_id=fibre, cut=plant_pb2.Cut()), clear=True)


async def _virtual(control: Control) -> controller_pb2.NetworkLink:
    name = control.arrangement.virtual_id(ENDS)
    return next(one for one in (await control.network()).links if one.qkdl_id == name)


async def _new_keys(twin: Twin) -> None:
    """Returns when both ends have been relayed more than they had."""

    async def received() -> list[int]:
        return [
            next(link.received_bits for link in (await twin.calls.store(one)).links if link.peer_kme_id == other)
            for one, other in (ENDS, ENDS[::-1])
        ]

    first = await received()
    async with asyncio.timeout(BOUND_S):
        while not all(now > then for now, then in zip(await received(), first, strict=True)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
