"""The plant on the wire: light and messages between modules, time, disturbances, and what is refused."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc
import pytest

from harness.contract import ContractError, bearer_metadata, read_error
from harness.plant import FibrePlant
from harness.plant import session as session_module
from harness.sdk import loopback_channel
from qkd.optical.v1 import plant_pb2, plant_pb2_grpc
from tests.harness.plant.conftest import line, star
from tests.harness.plant.toy import MEASURE, RECEIVE, TRANSMIT, attached, seed, settled

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(20)]
CUT = plant_pb2.Disturbance(link_id="ab", cut=plant_pb2.Cut())


@pytest.fixture
async def plant() -> AsyncIterator[FibrePlant]:
    async with FibrePlant(line(seed=7), speed=None, tick_bound_s=5) as plant:
        yield plant


async def test_light_and_messages_arrive_and_time_passes(plant: FibrePlant) -> None:
    async with attached(plant, "a3", TRANSMIT, "C-37") as a, attached(plant, "c1", RECEIVE, "C-37") as c:
        assert await plant.advance(2.5) == 3.0
        assert [tick.number for tick in a.ticks] == [0, 1, 2]
        assert [tick.time_s for tick in c.ticks] == [0.0, 1.0, 2.0]
        assert all(19 < tick.temperature_c < 25 and tick.interval_s == 1.0 for tick in a.ticks)
        assert [light.tick for light in c.lights] == [0, 1, 2]
        assert [light.seed for light in c.lights] == [seed("a3", n) for n in range(3)]
        light = c.lights[0]
        assert (light.from_port, light.interval_s, light.path.length_km) == ("a3", 1.0, 30.0)
        assert light.path.loss_db == pytest.approx(9.24)
        assert light.path.noise_photons_per_s_nm > 0
        assert 0 < light.path.error_probability < 0.05
        assert [(m.port_id, m.octets) for m in a.messages] == [("c1", b"got it, all of it")] * 3
        assert a.darks == []


async def test_a_cut_is_dark_and_silent_until_it_is_mended(plant: FibrePlant) -> None:
    async with attached(plant, "a1", TRANSMIT, "O") as a, attached(plant, "b1", RECEIVE, "O") as b:
        await plant.advance(1)
        plant.disturb(CUT)
        await b.say(service=plant_pb2.ServiceMessage(octets=b"chat: is anybody there?"))
        await plant.advance(1)
        assert [(dark.tick, dark.reason) for dark in a.darks] == [(1, "CUT")]
        assert "ab" in a.darks[0].text
        assert [light.tick for light in b.lights] == [0]
        assert len(a.messages) == 1
        plant.disturb(CUT, clear=True)
        await plant.advance(1)
        assert [light.tick for light in b.lights] == [0, 2]


async def test_an_eavesdropper_and_a_bend_are_in_the_path_state(plant: FibrePlant) -> None:
    async with attached(plant, "a1", TRANSMIT, "O"), attached(plant, "b1", RECEIVE, "O") as b:
        await plant.advance(1)
        plant.disturb(plant_pb2.Disturbance(link_id="ab", intercept_resend=0.3))
        plant.disturb(plant_pb2.Disturbance(link_id="ab", bend_loss_db=6.0))
        await plant.advance(1)
        before, after = (light.path for light in b.lights)
        assert (before.intercepted, after.intercepted) == pytest.approx((0.0, 0.3))
        assert after.loss_db == pytest.approx(before.loss_db + 2.0)


async def test_two_senders_on_one_channel_of_a_fibre(plant: FibrePlant) -> None:
    async with (
        attached(plant, "a2", TRANSMIT, "C-37") as late,
        attached(plant, "b2", RECEIVE, "C-37") as receiver,
        attached(plant, "a1", TRANSMIT, "C-37") as refused,
    ):
        await refused.until(lambda toy: toy.darks)
        assert refused.darks[0].reason == "WAVELENGTH_OCCUPIED"
        assert all(word in refused.darks[0].text for word in ("C-37", "ab", "a2"))
        await plant.advance(1)
        assert [dark.reason for dark in refused.darks] == ["WAVELENGTH_OCCUPIED"] * 2
        assert len(receiver.lights) == 1
        assert late.darks == []
        assert [list(span.quantum_channels) for span in plant.state().spans] == [["C-37"], []]
        await refused.tune("C-38")  # the valid twin
        await settled(plant, lambda state: state.spans[0].quantum_channels == ["C-37", "C-38"])


async def test_a_freed_channel_can_be_had_by_the_next_train(plant: FibrePlant) -> None:
    async with attached(plant, "b2", RECEIVE, "C-37") as receiver:
        async with attached(plant, "a1", TRANSMIT, "C-37"):
            late = attached(plant, "a2", TRANSMIT, "C-37")
            await late.__aenter__()
        await plant.advance(1)
        assert len(receiver.lights) == 1
        await late.__aexit__(None, None, None)


async def test_a_classical_channel_is_refused(plant: FibrePlant) -> None:
    async with attached(plant, "a1", TRANSMIT, "C-40") as a, attached(plant, "b1", RECEIVE, "C-40") as b:
        await a.until(lambda toy: toy.darks)
        await a.done(a.darks[0].tick)  # some modules take it for the answer to a train
        await plant.advance(1)
        assert {dark.reason for dark in a.darks} == {"SLA_CLASSICAL"}
        assert b.lights == []


async def test_why_light_does_not_arrive(plant: FibrePlant) -> None:
    async with attached(plant, "a1", TRANSMIT) as a:
        for reason in ("NOT_TUNED", "NO_RECEIVER", "NOT_TUNED"):
            if reason == "NO_RECEIVER":
                await a.tune("C-37")
                await settled(plant, lambda state: state.ports[0].channel == "C-37")
                await plant.advance(1)
            elif a.darks:
                async with attached(plant, "b1", RECEIVE, "C-38") as b:
                    await plant.advance(1)
                    assert b.lights == []
            else:
                await plant.advance(1)
            assert a.darks[-1].reason == reason
        async with attached(plant, "b1", TRANSMIT, "C-37"):
            await plant.advance(1)
            assert a.darks[-1].reason == "NO_RECEIVER"
    async with attached(plant, "a3", TRANSMIT, "C-37") as a:
        plant.cross_connect("sw-b", "sw-b/ab/3", "sw-b/bc/1", opened=True)
        await plant.advance(1)
        assert a.darks[-1].reason == "NO_PATH"


@pytest.mark.parametrize("what", ["unplugged", "cut", "switched"])
async def test_what_happens_between_light_and_answer_frees_the_sender(plant: FibrePlant, what: str) -> None:
    reasons = {"unplugged": "RECEIVER_GONE", "cut": "CUT", "switched": "NO_PATH"}
    async with attached(plant, "a3", TRANSMIT, "C-37") as a:
        async with attached(plant, "c1", RECEIVE, "C-37") as c:
            c.answers = False
            advancing = asyncio.create_task(plant.advance(1))
            await c.until(lambda toy: toy.lights)
            assert not advancing.done()
            if what == "cut":
                plant.disturb(CUT)
            elif what == "switched":
                plant.cross_connect("sw-b", "sw-b/ab/3", "sw-b/bc/1", opened=True)
        assert await advancing == 1.0
        assert [dark.reason for dark in a.darks] == [reasons[what]]


async def test_a_share_of_the_messages_is_tampered_with_one_bit(plant: FibrePlant) -> None:
    async def changed() -> list[bytes]:
        async with attached(plant, "a1", TRANSMIT, "O") as a, attached(plant, "b1", RECEIVE, "O") as b:
            b.answers = False
            for _ in range(200):
                await b.say(service=plant_pb2.ServiceMessage(octets=b"chat" + bytes(60)))
            await a.until(lambda toy: len(toy.messages) == 200)
            return [message.octets for message in a.messages]

    assert set(await changed()) == {b"chat" + bytes(60)}
    plant.disturb(plant_pb2.Disturbance(link_id="ab", tampered_service=0.25))
    first = await changed()
    turned = [int.from_bytes(one, "big") ^ int.from_bytes(b"chat" + bytes(60), "big") for one in first]
    assert {bits.bit_count() for bits in turned} == {0, 1}
    assert 30 <= sum(map(bool, turned)) <= 70
    assert first == await changed()


async def test_same_seed_same_light() -> None:
    async def paths(number: int) -> list[bytes]:
        async with (
            FibrePlant(line(seed=number), speed=None, tick_s=600) as plant,
            attached(plant, "a1", TRANSMIT, "O"),
            attached(plant, "b1", RECEIVE, "O") as b,
        ):
            await plant.advance(12_000)
            return [light.path.SerializeToString() for light in b.lights]

    one = await paths(1)
    assert len(set(one)) == 20  # it drifts
    assert one == await paths(1)
    assert one != await paths(2)


# -- hubs ---------------------------------------------------------------------------------------------------


async def test_a_hub_sees_the_parity_of_two_senders_and_speaks_with_both() -> None:
    async with (
        FibrePlant(star(), speed=None, tick_bound_s=5) as plant,
        attached(plant, "s2", TRANSMIT, "O") as two,
        attached(plant, "s1", TRANSMIT, "O") as one,
        attached(plant, "hub", MEASURE) as hub,
    ):
        await plant.advance(2)
        assert [outcome.tick for outcome in hub.outcomes] == [0, 1]
        outcome = hub.outcomes[1]
        assert (outcome.one_port, outcome.other_port, outcome.interval_s) == ("s1", "s2", 1.0)
        bits = [hashlib.shake_256(seed(port, 1)).digest(64) for port in ("s1", "s2")]
        assert outcome.parity == bytes(x ^ y for x, y in zip(*bits, strict=True))
        assert outcome.other_path.loss_db == outcome.one_path.loss_db == pytest.approx(6.24)
        assert seed("s1", 1) not in outcome.SerializeToString()
        assert [m.port_id for m in one.messages + two.messages] == ["hub"] * 4
        await one.say(service=plant_pb2.ServiceMessage(octets=b"chat"))
        await one.say(service=plant_pb2.ServiceMessage(port_id="s2", octets=b"chat, past the hub"))
        await two.until(lambda toy: toy.messages[-1].octets == b"chat, past the hub")
        await hub.until(lambda toy: toy.messages)
        assert [(m.port_id, m.octets) for m in hub.messages] == [("s1", b"chat")]
        assert two.messages[-1].port_id == "s1"


@pytest.mark.parametrize("what", ["cut", "nothing emitted", "not plugged", "other channel"])
async def test_a_sender_whose_partner_is_dark_is_dark(what: str) -> None:
    async with (
        FibrePlant(star(), speed=None, tick_bound_s=5) as plant,
        attached(plant, "s1", TRANSMIT, "O") as one,
        attached(plant, "hub", MEASURE) as hub,
    ):
        if what == "not plugged":
            await plant.advance(1)
        else:
            async with attached(plant, "s2", TRANSMIT, "C-30" if what == "other channel" else "O") as two:
                two.emits = what != "nothing emitted"
                if what == "cut":
                    plant.disturb(plant_pb2.Disturbance(link_id="h2", cut=plant_pb2.Cut()))
                await plant.advance(1)
                if what == "cut":
                    assert [dark.reason for dark in two.darks] == ["CUT"]
        assert hub.outcomes == []
        assert [dark.tick for dark in one.darks] == [0]
        assert one.darks[0].reason in ("NO_RECEIVER", "NOT_TUNED")


async def test_a_hub_that_vanishes_frees_both_senders() -> None:
    async with (
        FibrePlant(star(), speed=None, tick_bound_s=5) as plant,
        attached(plant, "s1", TRANSMIT, "O") as one,
        attached(plant, "s2", TRANSMIT, "O") as two,
    ):
        async with attached(plant, "hub", MEASURE) as hub:
            one.says_done = two.says_done = False
            advancing = asyncio.create_task(plant.advance(1))
            await hub.until(lambda toy: toy.outcomes)
            await one.until(lambda toy: toy.messages)
            await two.until(lambda toy: toy.messages)
            one.says_done = two.says_done = True
        await advancing
        assert [dark.reason for dark in one.darks + two.darks] == ["RECEIVER_GONE"] * 2


async def test_three_senders_take_turns() -> None:
    async with (
        FibrePlant(star(3), speed=None, tick_bound_s=5) as plant,
        attached(plant, "s1", TRANSMIT, "O") as one,
        attached(plant, "s2", TRANSMIT, "O"),
        attached(plant, "s3", TRANSMIT, "O"),
        attached(plant, "hub", MEASURE, "O") as hub,
    ):
        await plant.advance(3)
        pairs = [(outcome.one_port, outcome.other_port) for outcome in hub.outcomes]
        assert pairs == [("s1", "s2"), ("s1", "s3"), ("s2", "s3")]
        assert [dark.tick for dark in one.darks] == [2]
        assert "turn" in one.darks[0].text


# -- time ---------------------------------------------------------------------------------------------------


async def test_a_silent_port_is_named_and_waited_for_again() -> None:
    async with (
        FibrePlant(line(), speed=None, tick_bound_s=0.75) as plant,
        attached(plant, "a1", TRANSMIT, "O") as a,
        attached(plant, "b1", RECEIVE, "O") as b,
    ):
        b.answers = False
        for _ in range(2):
            with pytest.raises(ContractError) as caught:
                await plant.advance(10)
            assert caught.value.reason == "PORT_SILENT"
            assert "a1 (toy of a1), which sends to b1" in caught.value.message
        assert plant.time_s == 2.0
        b.answers = True
        await a.done(1)
        assert await plant.advance(1) == 3.0


async def test_ticks_run_by_themselves_past_a_silent_port(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with (
        FibrePlant(line(), speed=500, tick_bound_s=1.0) as plant,
        attached(plant, "a1", TRANSMIT, "O") as a,
        attached(plant, "b1", RECEIVE, "O") as b,
    ):
        await b.until(lambda toy: len(toy.lights) > 5)
        assert [light.tick for light in b.lights] == sorted({light.tick for light in b.lights})
        b.answers = False
        count = len(b.ticks)
        await b.until(lambda toy: len(toy.ticks) > count + 20)
        assert any("a1 (toy of a1), which sends to b1 is not done" in line for line in caplog.messages)
        assert len(caplog.messages) == 1
        b.answers = True
        await a.done(a.ticks[-1].number)
        got = len(b.lights)
        await b.until(lambda toy: len(toy.lights) > got + 3)
        with pytest.raises(ContractError) as caught:
            await plant.advance(1)
        assert caught.value.reason == "RUNS_BY_ITSELF"


async def test_a_cancelled_advance_leaves_no_tick_behind(plant: FibrePlant) -> None:
    async with attached(plant, "a1", TRANSMIT, "O") as a, attached(plant, "b1", RECEIVE, "O") as b:
        b.answers = False
        advancing = asyncio.create_task(plant.advance(5))
        await b.until(lambda toy: toy.lights)
        advancing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await advancing
        again = asyncio.create_task(plant.advance(1))
        await b.say(service=plant_pb2.ServiceMessage(octets=b"chat"))
        await a.until(lambda toy: toy.messages)
        assert [tick.number for tick in a.ticks] == [0]  # the next has not begun
        b.answers = True
        await b.say(service=plant_pb2.ServiceMessage(octets=b"got it"))
        assert await again == 2.0
        assert [tick.number for tick in a.ticks] == [0, 1]


# -- what is refused ----------------------------------------------------------------------------------------


async def _refused(plant: FibrePlant, messages: list[Any], token: str = "") -> ContractError:
    async with loopback_channel(plant.address) as wire, asyncio.timeout(5):
        stub: Any = plant_pb2_grpc.FibrePlantServiceStub(wire)
        call = stub.Attach(metadata=bearer_metadata(token or plant.token_of("a1")))
        with pytest.raises(grpc.aio.AioRpcError) as caught:  # noqa: PT012 - the error may come at any of them
            for message in messages:
                with suppress(asyncio.InvalidStateError):  # the stream may be over already
                    await call.write(plant_pb2.AttachRequest(**message))
            while await call.read() is not grpc.aio.EOF:
                pass
        return read_error(caught.value)


async def refusal(plant: FibrePlant, messages: list[Any], token: str = "") -> ContractError:
    """How a stream ends. A write that meets its end is to gRPC an error of its own, which hides the plant's."""
    error = await _refused(plant, messages, token)
    for _ in range(10):
        if "Internal error from Core" not in error.message:
            break
        error = await _refused(plant, messages, token)
    return error


def plug(port: str = "a1", direction: Any = TRANSMIT) -> dict[str, Any]:
    return {"plug": plant_pb2.Plug(port_id=port, module_id="m", direction=direction)}


EMIT = plant_pb2.Emit(tick=0, seed=bytes(32))


@pytest.mark.parametrize(
    ("messages", "token", "reason"),
    [
        ([plug()], "wrong", "TOKEN_REFUSED"),
        ([plug("b1")], "", "TOKEN_REFUSED"),
        ([plug("nowhere")], "", "UNKNOWN_PORT"),
        ([plug(direction=MEASURE)], "", "WRONG_DIRECTION"),
        ([plug(direction=0)], "", "CONSTRAINT_VIOLATED"),
        ([{"tune": plant_pb2.Tune(channel="O")}, plug()], "", "NOT_PLUGGED"),
        ([plug(), plug()], "", "PLUGGED_ALREADY"),
        ([plug(), {}], "", "NO_MESSAGE"),
        ([plug(), {"tune": plant_pb2.Tune(channel="blue")}], "", "UNKNOWN_CHANNEL"),
        ([plug(), {"emit": EMIT}], "", "TICK_OUT_OF_ORDER"),
        ([plug(), {"emit": plant_pb2.Emit(tick=0, seed=b"short")}], "", "CONSTRAINT_VIOLATED"),
        ([plug(direction=RECEIVE), {"emit": EMIT}], "", "NOT_A_SENDER"),
        ([plug(), {"tick_done": plant_pb2.TickDone(number=3)}], "", "TICK_OUT_OF_ORDER"),
    ],
)
async def test_a_stream_that_breaks_the_contract_ends_with_the_reason(
    plant: FibrePlant, messages: list[Any], token: str, reason: str
) -> None:
    error = await refusal(plant, messages, token)
    assert error.reason == reason, error
    assert plant.token_of("a1") not in error.message
    await settled(plant, lambda state: not any(port.module_id for port in state.ports))


async def test_a_port_is_plugged_once(plant: FibrePlant) -> None:
    async with attached(plant, "a1", TRANSMIT):
        error = await refusal(plant, [plug()])
        assert (error.reason, error.code) == ("PORT_IN_USE", grpc.StatusCode.ALREADY_EXISTS)
        assert "toy of a1" in error.message
    async with attached(plant, "a1", RECEIVE):
        pass


async def test_the_end_of_the_stream_unplugs(plant: FibrePlant) -> None:
    async with loopback_channel(plant.address) as wire:
        stub: Any = plant_pb2_grpc.FibrePlantServiceStub(wire)
        call = stub.Attach(metadata=bearer_metadata(plant.token_of("a1")))
        await call.write(plant_pb2.AttachRequest(**plug()))
        await call.read()
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
    assert not any(port.module_id for port in plant.state().ports)


async def test_a_port_that_does_not_read_is_unplugged(
    plant: FibrePlant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session_module, "UNREAD_BOUND_S", 0.1)
    async with attached(plant, "a1", TRANSMIT, "O") as a, loopback_channel(plant.address) as wire:
        stub: Any = plant_pb2_grpc.FibrePlantServiceStub(wire)
        deaf = stub.Attach(metadata=bearer_metadata(plant.token_of("b1")))
        await deaf.write(plant_pb2.AttachRequest(**plug("b1", RECEIVE)))
        await settled(plant, lambda state: state.ports[2].module_id)
        big = plant_pb2.ServiceMessage(octets=bytes(2**20))
        async with asyncio.timeout(10):
            while plant.state().ports[2].module_id:
                await a.say(service=big)
        assert any("b1 (m) does not read" in line for line in caplog.messages)
        with pytest.raises(grpc.aio.AioRpcError) as caught:  # noqa: PT012 - after what it did get
            while await deaf.read() is not grpc.aio.EOF:
                pass
        assert read_error(caught.value).reason == "PORT_DOES_NOT_READ"


async def test_modules_are_told_when_the_plant_is_taken_down() -> None:
    plant = FibrePlant(line(), speed=None)
    async with plant, loopback_channel(plant.address) as wire:
        stub: Any = plant_pb2_grpc.FibrePlantServiceStub(wire)
        call = stub.Attach(metadata=bearer_metadata(plant.token_of("a1")))
        await call.write(plant_pb2.AttachRequest(**plug()))
        await call.read()
        await plant.__aexit__(None, None, None)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert read_error(caught.value).reason == "PLANT_STOPS"


# -- control ------------------------------------------------------------------------------------------------


async def test_the_plant_is_controlled_over_grpc(plant: FibrePlant) -> None:
    async with loopback_channel(plant.address) as wire, attached(plant, "a3", TRANSMIT, "C-37"):
        stub: Any = plant_pb2_grpc.PlantControlServiceStub(wire)
        own = {"metadata": bearer_metadata(plant.control_token)}
        connection = plant_pb2.Connection(switch_id="sw-b", one_port="sw-b/ab/3", other_port="sw-b/bc/1")
        state = await stub.GetPlant(plant_pb2.GetPlantRequest(), **own)
        assert list(state.connections) == [connection]
        assert {p.port_id: (p.module_id, p.channel) for p in state.ports}["a3"] == ("toy of a3", "C-37")
        assert [list(span.quantum_channels) for span in state.spans] == [["C-37"], ["C-37"]]
        await stub.Disturb(plant_pb2.DisturbRequest(disturbance=CUT), **own)
        await stub.CrossConnect(plant_pb2.CrossConnectRequest(connection=connection, open=True), **own)
        assert (await stub.Advance(plant_pb2.AdvanceRequest(seconds=2), **own)).time_s == 2.0
        state = await stub.GetPlant(plant_pb2.GetPlantRequest(), **own)
        assert (list(state.connections), list(state.disturbances), state.time_s) == ([], [CUT], 2.0)
        await stub.Disturb(plant_pb2.DisturbRequest(disturbance=CUT, clear=True), **own)
        assert list(plant.state().disturbances) == []
        connection.other_port = "sw-b/ab/1"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.CrossConnect(plant_pb2.CrossConnectRequest(connection=connection), **own)
        error = read_error(caught.value)
        assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PORT_IN_USE")


@pytest.mark.parametrize("call", ["GetPlant", "Disturb", "CrossConnect", "Advance"])
async def test_control_needs_the_control_token(plant: FibrePlant, call: str) -> None:
    requests = {
        "GetPlant": plant_pb2.GetPlantRequest(),
        "Disturb": plant_pb2.DisturbRequest(disturbance=CUT),
        "CrossConnect": plant_pb2.CrossConnectRequest(connection=plant_pb2.Connection(switch_id="sw-b")),
        "Advance": plant_pb2.AdvanceRequest(seconds=1),
    }
    async with loopback_channel(plant.address) as wire:
        stub: Any = plant_pb2_grpc.PlantControlServiceStub(wire)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await getattr(stub, call)(requests[call], metadata=bearer_metadata(plant.token_of("a1")))
    assert read_error(caught.value).reason == "TOKEN_REFUSED"
    assert (plant.time_s, list(plant.state().disturbances)) == (0.0, [])


@pytest.mark.parametrize("wrong", [{"tick_s": 0.0}, {"speed": -1.0}, {"tick_bound_s": float("nan")}])
def test_arguments_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="above zero"):
        FibrePlant(line(), **wrong)


def test_no_token_is_in_the_repr() -> None:
    plant = FibrePlant(line())
    assert plant.control_token not in repr(vars(plant)["_plan"])
    assert repr(plant) == "FibrePlant(2 spans, 7 ports)"
