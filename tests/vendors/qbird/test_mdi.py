"""Two senders and a hub: equal keys at the senders, and none at the hub."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import grpc
import pytest

from harness.plant import HubPlan, PlantPlan, PortPlan, Span
from harness.plant import Path as LightPath
from harness.sdk import read_error
from qkd.device.v1 import module_pb2 as pb
from qkd.optical.v1 import plant_pb2 as optical
from tests.vendors.emulation.rig import HUB, TX, Client, Rig, account, rig
from vendors.emulation.mdi import Sender
from vendors.emulation.messages import Announcement, Kind
from vendors.emulation.settings import ModuleSettings
from vendors.emulation.spec import Setup
from vendors.emulation.verdict import RUNNING
from vendors.qbird.vendor import Qbird

pytestmark = pytest.mark.anyio
FAST = {"misalignment": "0.005"}


def star() -> PlantPlan:
    return PlantPlan(
        spans=tuple(
            Span(link_id=f"arm-{site}", one_site=site, other_site="hub", length_km=5.0, loss_c_db=2.0, loss_o_db=3.0)
            for site in "ab"
        ),
        ports=tuple(PortPlan(port_id=f"{site}/m", site=site) for site in ("a", "b", "hub")),
        hubs=(HubPlan(port_id="hub/m", parity_octets=65536),),
        paths=tuple(LightPath(one_port=f"{site}/m", other_port="hub/m", links=(f"arm-{site}",)) for site in "ab"),
    )


async def raised(net: Rig) -> tuple[Client, Client, Client]:
    one, other = await net.module("a/m", TX, FAST), await net.module("b/m", TX, FAST)
    hub = await net.module("hub/m", HUB, FAST)
    await one.configure(["b/m"], "C-34")
    await other.configure(["a/m"], "C-34")
    await hub.configure(["a/m", "b/m"], "C-34")
    for end in (hub, one, other):
        await end("Start", pb.StartRequest())
    await net.tuned("C-34", "a/m", "b/m", "hub/m")
    return one, other, hub


def reachable(root: object) -> Iterable[object]:
    """Everything that an object refers to, through classes and modules not."""
    seen: dict[int, object] = {}
    todo: list[Any] = [root]
    while todo:
        one = todo.pop()
        if id(one) not in seen and not isinstance(one, type) and type(one).__name__ not in ("module", "function"):
            seen[id(one)] = one
            todo += gc.get_referents(one)
    return seen.values()


async def test_the_senders_get_equal_blocks_and_the_hub_holds_nothing_of_them(tmp_path: Path) -> None:
    async with rig(Qbird(), tmp_path, star()) as net:
        one, other, hub = await raised(net)
        await net.advance(20)
        assert [await end.state() for end in (one, other, hub)] == ["RUNNING"] * 3
        assert one.keys()
        assert one.keys() == other.keys()
        assert not hub.keys()
        for end in (one, other):
            status = await end("GetStatus", pb.GetStatusRequest())
            assert account(status)
            assert 0 < status.performance.qber < 0.11
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await hub.stream("StreamKeyBlocks", pb.StreamKeyBlocksRequest()).read()
        assert read_error(refused.value).code is grpc.StatusCode.UNIMPLEMENTED
        capabilities = await hub("GetCapabilities", pb.GetCapabilitiesRequest())
        assert (capabilities.model, list(capabilities.handovers)) == ("Falqon", [])

        seeds = [end.module._seed for end in (one, other) if isinstance(end.module, Sender)]
        assert len(seeds) == 2
        secrets = [*one.keys().values(), *seeds]

        def held(state: object) -> int:
            octets = [found for found in reachable(state) if isinstance(found, bytes | bytearray)]
            return sum(any(secret in found for found in octets) for secret in secrets)

        hub.module._send_plant = lambda _: None  # the way to the objects of everybody else in this process
        assert held(hub.module.__dict__) == 0
        assert held(one.module.store) == len(one.keys()), "the search finds keys where there are some"


async def test_a_changed_parity_or_message_gives_no_key_and_never_two(tmp_path: Path) -> None:
    async with rig(Qbird(), tmp_path, star()) as net:
        one, other, _ = await raised(net)
        seen: set[str] = set()
        net.plant.disturb(optical.Disturbance(link_id="arm-b", tampered_service=0.5))
        for _ in range(25):
            await net.advance(1)
            seen |= one.module.alarms.standing | other.module.alarms.standing
            a, b = one.keys(), other.keys()
            assert all(a[both] == b[both] for both in a.keys() & b.keys())
        assert "TAMPERED" in seen
        net.plant.disturb(optical.Disturbance(link_id="arm-b", tampered_service=0.5), clear=True)
        await net.advance(3)
        assert not one.module.alarms.standing | other.module.alarms.standing
        assert len(one.keys().keys() ^ other.keys().keys()) <= 4


async def test_an_arm_that_is_cut_and_a_sender_that_is_off_stop_both(tmp_path: Path) -> None:
    async with rig(Qbird(), tmp_path, star()) as net:
        one, other, hub = await raised(net)
        await net.advance(6)
        cut = optical.Disturbance(link_id="arm-a", cut=optical.Cut())
        net.plant.disturb(cut)
        await net.advance(2)
        for end in (one, other, hub):
            assert await end.state() == "ALIGNING"
            assert "LOSS_OF_LIGHT" in end.module.alarms.standing
        net.plant.disturb(cut, clear=True)
        await net.advance(6)
        await other("Stop", pb.StopRequest())
        await net.advance(2)
        assert await one.state() == "ALIGNING"
        await other("Start", pb.StartRequest())
        await net.advance(8)
        assert one.keys() == other.keys()
        await hub("Stop", pb.StopRequest())
        await net.advance(1)
        assert "PEER_SILENT" in one.module.alarms.standing & other.module.alarms.standing


def test_a_hub_that_announces_too_few_bits_is_not_believed() -> None:
    sent: list[optical.AttachRequest] = []
    spec = Qbird.models[0]
    settings = ModuleSettings(**spec.defaults)
    sender = Sender(Setup("a/m", "a/m", spec, settings, spec.rates({}), sent.append))
    sender.configure(["b/m"], "C-34")
    sender._go(RUNNING)
    sender._be_patient = lambda: None  # type: ignore[method-assign]
    for number, parity in enumerate((bytes(settings.block_octets), b"")):
        sender.received(optical.AttachResponse(tick=optical.Tick(number=number, interval_s=1.0)))
        said = Announcement(number, Kind.OFFER, "a/m", "b/m", 1, settings.block_octets, {}, parity)
        sender.received(
            optical.AttachResponse(service=optical.ServiceMessage(port_id="hub/m", octets=b"A" + said.octets_of()))
        )
        assert ("TAMPERED" in sender.alarms.standing) == (not parity)
    assert not sender.store.ready()
