"""HWDU modules pair freely over a switch, on any of their channels; and the process as the harness hosts it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.hosting import LaunchSpec
from harness.hosting.process import launch
from harness.plant import Path as LightPath
from harness.plant import PlantPlan, PortPlan, Span, SwitchPlan, line_port
from harness.sdk import VendorEntry
from qkd.device.v1 import module_pb2 as pb
from tests.vendors.emulation.rig import LINK, RX, TX, one_link, rig
from vendors.ait.entry import ENTRY as AIT
from vendors.huawei.entry import ENTRY as HUAWEI
from vendors.huawei.vendor import HuaweiDuesseldorf
from vendors.idquantique.entry import ENTRY as IDQUANTIQUE
from vendors.qbird.entry import ENTRY as QBIRD
from vendors.toshiba.entry import ENTRY as TOSHIBA

pytestmark = pytest.mark.anyio


def switched() -> PlantPlan:
    """A sender at a; receivers at b and c; a switch at a chooses."""
    return PlantPlan(
        spans=tuple(
            Span(link_id=f"l-{site}", one_site="a", other_site=site, length_km=8.0, loss_c_db=3.0, loss_o_db=4.5)
            for site in "bc"
        ),
        switches=(SwitchPlan(switch_id="sw", site="a"),),
        ports=(
            PortPlan(port_id="a/m", site="a", switch="sw"),
            PortPlan(port_id="b/m", site="b", link="l-b"),
            PortPlan(port_id="c/m", site="c", link="l-c"),
        ),
        paths=(LightPath(one_port="a/m", other_port="b/m", links=("l-b",), switches=("sw",)),),
    )


async def test_a_sender_is_switched_from_one_receiver_to_another(tmp_path: Path) -> None:
    async with rig(HuaweiDuesseldorf(), tmp_path, switched()) as net:
        tx = await net.module("a/m", TX)
        receivers = {port: await net.module(port, RX) for port in ("b/m", "c/m")}
        for port, channel in (("b/m", "C-37"), ("c/m", "C-38")):
            if port == "c/m":
                await tx("Stop", pb.StopRequest())
                net.plant.cross_connect("sw", "a/m", line_port("sw", "l-b", 1), opened=True)
                net.plant.cross_connect("sw", "a/m", line_port("sw", "l-c", 1))
            rx = receivers[port]
            await tx.configure([port], channel)
            await rx.configure(["a/m"], channel)
            await rx("Start", pb.StartRequest())
            await tx("Start", pb.StartRequest())
            await net.tuned(channel, "a/m", port)
            await net.advance(8)
            assert await tx.state() == await rx.state() == "RUNNING"
            assert rx.keys()
            assert rx.keys() == tx.keys()
            assert next(block.sequence for block in tx.module.store.ready()) == 0
        assert receivers["b/m"].keys().keys().isdisjoint(receivers["c/m"].keys())


async def test_a_channel_of_classical_traffic_is_refused_and_another_works(tmp_path: Path) -> None:
    span = Span(
        link_id=LINK,
        one_site="a",
        other_site="b",
        length_km=8.0,
        loss_c_db=3.0,
        loss_o_db=4.5,
        classical_channels=("C-37",),
        co_propagating=0,
    )
    async with rig(HuaweiDuesseldorf(), tmp_path, replace(one_link(), spans=(span,))) as net:
        tx, rx = await net.pair("C-37")
        await net.advance(4)
        assert await tx.state() == "ALIGNING"
        assert "CHANNEL_REFUSED" in tx.module.alarms.standing
        for end, peer in ((tx, "b/m"), (rx, "a/m")):
            await end("Stop", pb.StopRequest())
            await end.configure([peer], "C-38")
            await end("Start", pb.StartRequest())
        await net.tuned("C-38", "a/m", "b/m")
        await net.advance(6)
        assert await tx.state() == "RUNNING"
        assert not tx.module.alarms.standing


@pytest.mark.parametrize("entry", [AIT, HUAWEI, IDQUANTIQUE, QBIRD, TOSHIBA], ids=lambda entry: entry.name)
async def test_each_maker_is_hosted_and_says_what_its_models_are(entry: VendorEntry) -> None:
    async with launch(LaunchSpec(entry.argv(), name=entry.name), strict_end=True) as host:
        said = host.description
        assert said.name == entry.name
        assert list(said.roles) == ["module"]
        models = said.ics.fields["device"].struct_value.fields["models"].struct_value.fields
        assert models
        assert all(model.struct_value.fields["clock_hz"].number_value > 0 for model in models.values())
