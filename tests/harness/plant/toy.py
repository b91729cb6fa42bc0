"""The smallest modules that obey ``qkd.optical.v1``: a sender, a receiver and a hub that answer in one message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from harness.contract import bearer_metadata
from harness.plant import FibrePlant
from harness.sdk import loopback_channel
from qkd.optical.v1 import plant_pb2, plant_pb2_grpc

TRANSMIT, RECEIVE, MEASURE = (
    plant_pb2.DIRECTION_TRANSMIT,
    plant_pb2.DIRECTION_RECEIVE,
    plant_pb2.DIRECTION_MEASURE,
)


class Toy:
    """One plugged module. What came is in the lists; `emits` and `answers` make it lazy."""

    def __init__(self, call: Any, port: str, direction: plant_pb2.Direction.ValueType) -> None:
        self.call = call
        self.port = port
        self.direction = direction
        self.emits = True
        self.answers = True
        self.says_done = True
        self.ticks: list[Any] = []
        self.lights: list[Any] = []
        self.darks: list[Any] = []
        self.outcomes: list[Any] = []
        self.messages: list[Any] = []
        self.error: grpc.aio.AioRpcError | None = None
        self._changed = asyncio.Condition()
        self._writing = asyncio.Lock()  # a stream takes one write at a time

    async def say(self, **message: Any) -> None:
        async with self._writing:
            await self.call.write(plant_pb2.AttachRequest(**message))

    async def tune(self, channel: str) -> None:
        await self.say(tune=plant_pb2.Tune(channel=channel))

    async def plug(self) -> None:
        await self.say(
            plug=plant_pb2.Plug(port_id=self.port, module_id=f"toy of {self.port}", direction=self.direction)
        )

    async def until(self, come: Any) -> None:
        """Waits until `come(self)` is true, 5 s at most."""
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(lambda: come(self))

    async def run(self) -> None:
        try:
            while (response := await self.call.read()) is not grpc.aio.EOF:
                await self._act(response)
                async with self._changed:
                    self._changed.notify_all()
        except grpc.aio.AioRpcError as error:
            self.error = error
            async with self._changed:
                self._changed.notify_all()

    async def _act(self, response: Any) -> None:
        kind = response.WhichOneof("message")
        match kind:
            case "tick":
                self.ticks.append(response.tick)
                if self.direction == TRANSMIT and self.emits:
                    await self.say(
                        emit=plant_pb2.Emit(tick=response.tick.number, seed=seed(self.port, response.tick.number))
                    )
                else:
                    await self.done(response.tick.number)
            case "light":
                self.lights.append(response.light)
                if self.answers:
                    await self.say(service=plant_pb2.ServiceMessage(octets=b"got it, all of it"))
            case "bell_outcome":
                self.outcomes.append(response.bell_outcome)
                for port in (response.bell_outcome.one_port, response.bell_outcome.other_port):
                    await self.say(service=plant_pb2.ServiceMessage(port_id=port, octets=b"clicked"))
            case "service":
                self.messages.append(response.service)
                if self.direction == TRANSMIT and self.ticks and not response.service.octets.startswith(b"chat"):
                    await self.done(self.ticks[-1].number)
            case "dark":
                self.darks.append(response.dark)
                if self.ticks and self.direction == TRANSMIT:
                    await self.done(response.dark.tick)

    async def done(self, tick: int) -> None:
        if self.says_done:
            await self.say(tick_done=plant_pb2.TickDone(number=tick))


def seed(port: str, tick: int) -> bytes:
    return f"{port} {tick}".encode().ljust(32, b".")[:32]


@asynccontextmanager
async def attached(
    plant: FibrePlant, port: str, direction: plant_pb2.Direction.ValueType, channel: str = "", *, token: str = ""
) -> AsyncIterator[Toy]:
    """A module at a port, tuned; unplugged at the end."""
    async with loopback_channel(plant.address) as wire:
        stub: Any = plant_pb2_grpc.FibrePlantServiceStub(wire)
        call = stub.Attach(metadata=bearer_metadata(token or plant.token_of(port)))
        toy = Toy(call, port, direction)
        await toy.plug()
        await call.read()  # Plugged
        if channel:
            await toy.tune(channel)
        running = asyncio.create_task(toy.run())
        try:
            await settled(plant, lambda state: any(p.port_id == port and p.channel == channel for p in state.ports))
            yield toy
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            call.cancel()
            await settled(plant, lambda state: all(p.port_id != port or not p.module_id for p in state.ports))


async def settled(plant: FibrePlant, come: Any) -> None:
    """Waits until the plant's state is as asked, 5 s at most."""
    async with asyncio.timeout(5):
        while not come(plant.state()):  # noqa: ASYNC110 - the plant tells nobody when its state changes
            await asyncio.sleep(0.002)
