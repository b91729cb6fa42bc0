"""A pair of modules on the plant: equal keys, faults, state machine, accounts, restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest

from harness.sdk import read_error
from qkd.device.v1 import module_pb2 as pb
from qkd.optical.v1 import plant_pb2 as optical
from vendors.emulation.ends import Transmitter
from vendors.huawei.vendor import HuaweiDuesseldorf
from vendors.toshiba.vendor import Toshiba

from .rig import RX, TX, account, rig, until

pytestmark = pytest.mark.anyio
# slow enough to be quick
SMALL = {"block_octets": "256", "store_octets": "4000000", "duty": "0.02"}


async def test_fifty_ticks_give_the_same_blocks_at_both_ends(tmp_path: Path) -> None:
    async with rig(Toshiba(), tmp_path) as net:
        tx, rx = await net.pair("O", SMALL)
        states = []
        for _ in range(5):
            await net.advance(1)
            states.append(await tx.state())
        assert states == ["STARTING", "ALIGNING", "ALIGNING", "RUNNING", "RUNNING"]
        await net.advance(50)
        assert tx.keys() == rx.keys()
        assert list(tx.keys()) == list(rx.keys())
        status = await rx("GetStatus", pb.GetStatusRequest())
        assert account(status)
        performance = status.performance
        assert 0 < performance.qber < 0.11
        assert performance.time_s == 55.0
        made = len(rx.keys()) * 256 * 8
        assert made == pytest.approx(52 * performance.skr_bps, rel=0.1), "the rate that is stated is the rate of blocks"
        assert performance == (await tx("GetStatus", pb.GetStatusRequest())).performance
        assert not rx.module.alarms.standing


async def test_a_cut_a_bend_and_an_eavesdropper_stop_keys_and_go_by(tmp_path: Path) -> None:
    async with rig(Toshiba(), tmp_path) as net:
        tx, rx = await net.pair("O", SMALL)
        await net.advance(6)
        for fault, state, alarm in (
            (optical.Disturbance(cut=optical.Cut()), "ALIGNING", "LOSS_OF_LIGHT"),
            (optical.Disturbance(intercept_resend=0.9), "ABORTED", "QBER_HIGH"),
            (optical.Disturbance(added_loss_db=40.0), "ABORTED", "LOSS_TOO_HIGH"),
        ):
            kind = fault.WhichOneof("kind")
            assert kind is not None
            net.disturb(**{kind: getattr(fault, kind)})
            await net.advance(2)
            before = rx.keys()
            await net.advance(3)
            for end in (tx, rx):
                assert (await end.state()) == state
                assert alarm in end.module.alarms.standing
            assert rx.keys() == before
            net.disturb(clear=True, **{kind: getattr(fault, kind)})
            await net.advance(6)
            assert await tx.state() == await rx.state() == "RUNNING"
            assert len(rx.keys()) > len(before)
            assert not tx.module.alarms.standing | rx.module.alarms.standing
        assert tx.keys() == rx.keys()


async def test_tampered_messages_are_noticed_and_never_give_two_keys_for_one_id(tmp_path: Path) -> None:
    async with rig(Toshiba(), tmp_path) as net:
        tx, rx = await net.pair("O", SMALL)
        await net.advance(6)
        seen: set[str] = set()
        net.disturb(tampered_service=0.4)
        for _ in range(30):
            await net.advance(1)
            seen |= tx.module.alarms.standing | rx.module.alarms.standing
            one, other = tx.keys(), rx.keys()
            assert all(one[both] == other[both] for both in one.keys() & other.keys())
        assert "TAMPERED" in seen
        net.disturb(tampered_service=1.0)
        await net.advance(3)
        before = rx.keys()
        await net.advance(3)
        assert rx.keys() == before
        assert await tx.state() != "RUNNING"
        net.disturb(clear=True, tampered_service=1.0)
        await net.advance(2)
        assert not tx.module.alarms.standing | rx.module.alarms.standing
        assert tx.keys() == rx.keys(), "what was left open is settled"
        assert isinstance(tx.module, Transmitter)
        assert tx.module.taker.unsettled_blocks == 0


async def test_a_full_store_stops_both_and_reading_lets_them_go_on(tmp_path: Path) -> None:
    async with rig(Toshiba(), tmp_path) as net:
        tx, rx = await net.pair("O", {"block_octets": "256", "store_octets": "2560"})
        await net.advance(6)
        assert len(rx.keys()) == 10
        assert tx.keys() == rx.keys()
        for end in (tx, rx):
            assert "STORE_FULL" in end.module.alarms.standing
            status = await end("GetStatus", pb.GetStatusRequest())
            assert status.performance.skr_bps > 0, "the signals go on"
            assert status.distilled_bits == 8 * 2560
        for end in (tx, rx):
            end.module.store.release(4)
        await net.advance(1)
        assert len(rx.keys()) == 10
        assert tx.keys() == rx.keys()
        assert account(await rx("GetStatus", pb.GetStatusRequest()))


async def test_blocks_stream_in_order_until_released_and_states_obey_their_rules(tmp_path: Path) -> None:
    async with rig(HuaweiDuesseldorf(), tmp_path) as net:
        tx, rx = await net.pair("C-37")
        await net.advance(8)
        one, other = (end.stream("StreamKeyBlocks", pb.StreamKeyBlocksRequest()) for end in (tx, rx))
        async with asyncio.timeout(10):
            got = [[await stream.read() for _ in range(3)] for stream in (one, other)]
        assert [(b.sequence, b.block_id, b.octets) for b in got[0]] == [
            (b.sequence, b.block_id, b.octets) for b in got[1]
        ]
        assert {b.peer_module_id for b in got[0]} == {"b/m"}
        assert [b.sequence for b in got[0]] == [0, 1, 2]
        again = rx.stream("StreamKeyBlocks", pb.StreamKeyBlocksRequest(first_sequence=1))
        assert await again.read() == got[1][1]
        await rx("ReleaseKeyBlocks", pb.ReleaseKeyBlocksRequest(next_sequence=2))
        status = await rx("GetStatus", pb.GetStatusRequest())
        assert status.handed_over_bits == 2 * 256 * 8
        assert account(status)
        assert not status.performance.HasField("qber")
        assert status.performance.HasField("snr")
        assert status.performance.excess_noise > 0

        rest = rx.stream("StreamKeyBlocks", pb.StreamKeyBlocksRequest(first_sequence=0))
        assert (await rest.read()).sequence == 2, "what was released is passed over"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await rx.stream("StreamKeyBlocks", pb.StreamKeyBlocksRequest(first_sequence=10**6)).read()
        assert read_error(refused.value).reason == "SEQUENCE_AHEAD"
        for method, request, reason in (
            ("Configure", pb.ConfigureRequest(peer_module_ids=["x"], channel="C-37"), "NOT_OFF"),
            ("ReleaseKeyBlocks", pb.ReleaseKeyBlocksRequest(next_sequence=10**6), "SEQUENCE_AHEAD"),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await rx(method, request)
            assert read_error(refused.value).reason == reason


async def test_stop_maintenance_resync_and_another_peer(tmp_path: Path) -> None:
    async with rig(HuaweiDuesseldorf(), tmp_path) as net:
        tx, rx = await net.pair("C-37")
        await net.advance(8)
        await tx("Resync", pb.ResyncRequest())
        await net.advance(1)
        assert await tx.state() == await rx.state() == "ALIGNING"
        await net.advance(3)
        assert await tx.state() == await rx.state() == "RUNNING"
        await rx("SetMaintenance", pb.SetMaintenanceRequest(maintenance=True))
        await net.advance(1)
        assert "PEER_SILENT" in tx.module.alarms.standing
        assert await rx.state() == "MAINTENANCE"
        for method, request, reason in (
            ("Start", pb.StartRequest(), "IN_MAINTENANCE"),
            ("Resync", pb.ResyncRequest(), "IS_OFF"),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await rx(method, request)
            assert read_error(refused.value).reason == reason
        await rx("SetMaintenance", pb.SetMaintenanceRequest())
        assert await rx.state() == "OFF"
        kept = rx.keys()
        assert kept
        assert kept == tx.keys()
        await rx.configure(["a/m"], "C-38")
        assert rx.keys() == kept, "the same peer on another channel: nothing is lost"
        await rx.configure(["c/m"], "C-38")
        status = await rx("GetStatus", pb.GetStatusRequest())
        assert not rx.keys()
        assert status.destroyed_bits == len(kept) * 256 * 8
        assert account(status)


async def test_alarms_and_performance_are_streamed(tmp_path: Path) -> None:
    async with rig(HuaweiDuesseldorf(), tmp_path) as net:
        tx, _ = await net.pair("C-37")
        await net.advance(5)
        alarms = tx.stream("WatchAlarms", pb.WatchAlarmsRequest())
        figures = tx.stream("WatchPerformance", pb.WatchPerformanceRequest())
        async with asyncio.timeout(10):
            assert (await figures.read()).performance.time_s == 5.0
            net.disturb(cut=optical.Cut())
            await net.advance(1)
            raised = await alarms.read()
            assert (raised.code, raised.cleared, raised.time_s) == ("LOSS_OF_LIGHT", False, 6.0)
            net.disturb(cut=optical.Cut(), clear=True)
            await net.advance(4)
            assert (await alarms.read()).cleared
            assert [(await figures.read()).performance.time_s for _ in range(5)] == [6.0, 7.0, 8.0, 9.0, 10.0]


async def test_a_module_that_crashed_comes_back_on_its_ports_and_makes_new_keys(tmp_path: Path) -> None:
    maker = Toshiba()
    async with rig(maker, tmp_path) as net:
        tx, rx = await net.pair("O", SMALL)
        await net.advance(6)
        old = tx.keys()
        address = rx.response.control_address
        await maker.release_instance("b-m")  # all it had is gone, as after a crash
        await net.advance(2)
        assert {"LOSS_OF_LIGHT"} <= tx.module.alarms.standing
        rx = await net.module("b/m", RX, SMALL)
        assert rx.response.control_address == address
        assert await rx.state() == "OFF"
        await rx.configure(["a/m"], "O")
        await rx("Start", pb.StartRequest())
        await net.tuned("O", "b/m")
        await net.advance(8)
        new = rx.keys()
        assert new
        assert not new.keys() & old.keys()
        assert {**old, **new} == tx.keys()


async def test_a_plant_that_restarts_finds_its_modules_again(tmp_path: Path) -> None:
    async with rig(HuaweiDuesseldorf(), tmp_path) as net:
        tx, _ = await net.pair("C-37")
        await net.advance(6)
        for session in tuple(net.plant._carriage.sessions.values()):
            session.end()
        await until(lambda: "UNPLUGGED" in tx.module.alarms.standing)
        await net.tuned("C-37", "a/m", "b/m")
        await net.advance(6)
        assert await tx.state() == "RUNNING"


async def test_what_capabilities_exclude_is_refused(tmp_path: Path) -> None:
    async with rig(Toshiba(), tmp_path) as net:
        tx = await net.module("a/m", TX, {"sold_with": "b/m"})
        for peers, channel, reason in (
            (["b/m"], "C-37", "CHANNEL_EXCLUDED"),
            (["c/m"], "O", "PEER_EXCLUDED"),
            (["b/m", "c/m"], "O", "PEER_EXCLUDED"),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await tx.configure(peers, channel)
            assert read_error(refused.value).reason == reason
        for method, request, reason in (
            ("Start", pb.StartRequest(), "NOT_CONFIGURED"),
            ("ReleaseKeyBlocks", pb.ReleaseKeyBlocksRequest(), "UNIMPLEMENTED"),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await tx(method, request)
            assert read_error(refused.value).reason == reason
