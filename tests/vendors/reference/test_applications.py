"""Applications as an SDN agent sets them: who is served, how much, in which order, how long; and who asks to be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from harness.sdk import read_error
from qkd.kms.v1 import control_pb2 as wire
from qkd.kms.v1.control_pb2_grpc import KmsControlServiceStub
from tests.vendors.reference.intake.sites import monitor_channel
from tests.vendors.reference.rig import Answer, Rig, in_loop, raised
from vendors.reference.clock import Clock
from vendors.reference.settings import KmeSettings

KEY = 256


@dataclass
class Now:
    """The time, which only tests let pass."""

    time: float = 1_000_000.0

    def clock(self) -> Clock:
        return Clock(lambda: self.time, lambda: self.time)


class Agent:
    """An SDN agent at both KMEs."""

    def __init__(self, rig: Rig, channels: dict[str, Any]) -> None:
        self.rig = rig
        self.stubs = {kme_id: KmsControlServiceStub(channel) for kme_id, channel in channels.items()}

    async def set(self, *applications: wire.AdmittedApplication) -> None:
        for stub in self.stubs.values():
            await stub.SetApplications(wire.SetApplicationsRequest(applications=applications))

    async def uses(self, kme_id: str = "kme-a") -> dict[str, wire.ApplicationUse]:
        answer = await self.stubs[kme_id].GetApplications(wire.GetApplicationsRequest())
        return {one.app_id: one for one in answer.applications}

    async def wait(self, call: Any) -> tuple[str, list[str]]:
        async with asyncio.timeout(5):
            request = await call.read()
        return request.server_sae_id, list(request.client_sae_ids)


@asynccontextmanager
async def controlled(folder: Path, now: Now, **options: Any) -> AsyncIterator[Agent]:
    async with raised(folder, controlled=True, clock=now.clock(), **options) as rig:
        channels = {kme_id: monitor_channel(one.grpc, "agent") for kme_id, one in rig.endpoints.items()}
        try:
            yield Agent(rig, channels)
        finally:
            for channel in channels.values():
                await channel.close()


def app(app_id: str, server: str, *clients: str, **more: Any) -> wire.AdmittedApplication:
    return wire.AdmittedApplication(app_id=app_id, server_sae_id=server, client_sae_ids=clients, **more)


def refused(answer: Answer, says: str) -> bool:
    """An Error as 014 has it (6.5), with 503."""
    assert answer.status == 503
    assert list(answer.json) == ["message"]
    return says in answer.message


@in_loop
async def test_who_is_not_admitted_waits_for_the_agent(tmp_path: Path) -> None:
    async with controlled(tmp_path, Now()) as agent:
        one, two, four = [await agent.rig.sae(f"sae-{number}") for number in (1, 2, 4)]
        calls = [agent.stubs["kme-a"].WatchRequests(wire.WatchRequestsRequest())]
        for _ in range(2):
            assert refused(await one.enc("sae-2"), "not admitted")
        assert (await one.status("sae-2")).json["stored_key_count"] == 0
        assert refused(await one.enc("sae-2", {"additional_slave_SAE_IDs": ["sae-3"]}), "not admitted")
        calls.append(agent.stubs["kme-a"].WatchRequests(wire.WatchRequestsRequest()))
        for call in calls:
            assert await agent.wait(call) == ("sae-1", ["sae-2"])
            assert await agent.wait(call) == ("sae-1", ["sae-2", "sae-3"])
        await agent.set(app("x", "sae-1", "sae-2"))
        key_id, key = await one.get_key("sae-2")
        assert (await one.status("sae-2")).json["stored_key_count"] > 0
        assert (await two.dec("sae-1", key_id)).keys == {key_id: key}
        assert refused(await two.enc("sae-1"), "not admitted")  # it is not the master
        assert refused(await one.enc("sae-3"), "not admitted")
        assert (await agent.wait(calls[0])) == ("sae-1", ["sae-3"])  # and the pairs before came once
        assert (await four.enc("nobody")).status == 400  # as ever
        assert (await agent.uses())["x"].consumed_bits == KEY
        key_id, _ = await one.get_key("sae-2")
        await agent.set()
        assert refused(await two.dec("sae-1", key_id), "not admitted")
        assert refused(await one.enc("sae-2"), "not admitted")


@in_loop
async def test_more_than_the_bandwidth_is_refused_and_time_gives_it_back(tmp_path: Path) -> None:
    now = Now()
    async with controlled(tmp_path, now) as agent:
        one, four = await agent.rig.sae("sae-1"), await agent.rig.sae("sae-4")
        await agent.set(app("x", "sae-1", "sae-2", max_bandwidth=4 * KEY), app("y", "sae-4", "sae-2"))
        for _ in range(4):
            await one.get_key("sae-2")
        assert refused(await one.enc("sae-2"), "bandwidth")
        assert (await four.enc("sae-2", {"number": 16})).status == 200  # no bound
        now.time += 0.5
        await one.get_key("sae-2", number=1)
        await one.get_key("sae-2", number=1)
        assert refused(await one.enc("sae-2"), "bandwidth")
        now.time += 1000.0
        assert (await one.enc("sae-2", {"number": 20})).status == 200  # more than a second's worth, once it is full
        now.time += 4.0
        assert refused(await one.enc("sae-2"), "bandwidth")  # and is paid for
        now.time += 0.3
        await one.get_key("sae-2")
        uses = await agent.uses()
        assert (uses["x"].consumed_bits, uses["x"].refused) == ((4 + 2 + 20 + 1) * KEY, 3)
        assert (uses["y"].consumed_bits, uses["y"].refused) == (16 * KEY, 0)
        assert uses["x"].last_asked.ToNanoseconds() == int(now.time * 1e9)
        await agent.set(app("x", "sae-1", "sae-2", max_bandwidth=8 * KEY))
        assert (await agent.uses())["x"].consumed_bits == 27 * KEY  # the same application, of another quality


@in_loop
async def test_an_application_that_has_ended_is_not_served_and_asks_for_nothing(tmp_path: Path) -> None:
    now = Now()
    async with controlled(tmp_path, now) as agent:
        one = await agent.rig.sae("sae-1")
        end = Timestamp(seconds=int(now.time) + 10)
        await agent.set(app("x", "sae-1", "sae-2", expiration_time=end))
        await one.get_key("sae-2")
        now.time += 10.0
        assert refused(await one.enc("sae-2"), "not admitted")
        assert agent.rig.kmes["kme-a"].applications is not None
        assert not agent.rig.kmes["kme-a"].applications._waiting


@in_loop
async def test_when_keys_are_scarce_the_higher_priority_comes_first(tmp_path: Path) -> None:
    now = Now()
    async with controlled(tmp_path, now, blocks=2) as agent:  # 16 keys at KME A
        high, low = await agent.rig.sae("sae-1"), await agent.rig.sae("sae-4")
        await agent.set(app("h", "sae-1", "sae-2", priority=5), app("l", "sae-4", "sae-2", "sae-3", priority=1))
        assert (await low.enc("sae-2", {"number": 10})).status == 200
        assert refused(await high.enc("sae-2", {"number": 8}), "not enough")
        assert refused(await low.enc("sae-2"), "higher priority")
        assert refused(await low.enc("sae-3"), "higher priority")  # the same link
        assert (await high.enc("sae-2", {"number": 2})).status == 200  # it has been served: the line is empty
        await low.get_key("sae-2")
        assert refused(await low.enc("sae-2", {"number": 9}), "not enough")
        await high.get_key("sae-2")  # the lower one in line holds nobody up
        assert refused(await high.enc("sae-2", {"number": 9}), "not enough")
        now.time += 2.0  # it did not try again
        await low.get_key("sae-2")


@in_loop
async def test_keys_wait_as_long_as_their_application_says(tmp_path: Path) -> None:
    now = Now()
    async with controlled(tmp_path, now, settings=KmeSettings(copy_ttl_s=60.0)) as agent:
        one, two, three, four = [await agent.rig.sae(f"sae-{number}") for number in (1, 2, 3, 4)]
        await agent.set(app("x", "sae-1", "sae-2", ttl=Duration(seconds=5)), app("y", "sae-4", "sae-3"))
        (short, _), (long, key) = await one.get_key("sae-2"), await four.get_key("sae-3")
        now.time += 10.0
        agent.rig.kmes["kme-b"]._ageing.expire()
        assert (await two.dec("sae-1", short)).status == 400
        assert (await three.dec("sae-4", long)).keys == {long: key}
        long, _ = await four.get_key("sae-3")
        now.time += 70.0
        agent.rig.kmes["kme-b"]._ageing.expire()
        assert (await three.dec("sae-4", long)).status == 400  # the KME's own time


@in_loop
async def test_forwarding_modules_are_no_applications(tmp_path: Path) -> None:
    settings = KmeSettings(relay_saes="sae-1,sae-2")
    async with controlled(tmp_path, Now(), settings=settings) as agent:
        one, two = await agent.rig.sae("sae-1"), await agent.rig.sae("sae-2")
        key_id, key = await one.get_key("sae-2")
        assert (await two.dec("sae-1", key_id)).keys == {key_id: key}


@in_loop
async def test_applications_outlast_the_kme_and_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    async with controlled(tmp_path, Now()) as agent:
        await agent.set(app("x", "sae-1", "sae-2"))
        for wrong in ([app("y", "sae-1", "sae-3"), app("y", "sae-1", "sae-2")], [app("y", "sae-1", "sae-1")]):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await agent.set(*wrong)
            assert read_error(caught.value).reason == "APPLICATION_INVALID"
        async with monitor_channel(agent.rig.endpoints["kme-a"].grpc, "sae-1") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await KmsControlServiceStub(channel).SetApplications(wire.SetApplicationsRequest())
            assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await KmsControlServiceStub(channel).WatchRequests(wire.WatchRequestsRequest()).read()
            assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED
        await agent.rig.stop("kme-a")
        await agent.rig.start("kme-a")
        await agent.rig.stocked()
        await (await agent.rig.sae("sae-1")).get_key("sae-2")
