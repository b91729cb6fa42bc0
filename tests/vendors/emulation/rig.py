"""Modules of a maker on a real plant, all in this process; time passes only by `advance`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.plant import FibrePlant, PlantPlan, PortPlan, Span
from harness.plant import Path as LightPath
from harness.sdk import bearer_metadata, loopback_channel
from qkd.device.v1 import module_pb2 as pb
from qkd.device.v1.module_pb2_grpc import QkdModuleServiceStub
from qkd.optical.v1 import plant_pb2 as optical
from qkd.vendor.v1.vendor_pb2 import PlantPort, ProvisionModuleRequest, ProvisionModuleResponse
from vendors.emulation.instance import ModuleInstance
from vendors.emulation.maker import EmulatedMaker
from vendors.emulation.module import EmulatedModule

TX, RX, HUB = pb.MODULE_ROLE_TRANSMITTER, pb.MODULE_ROLE_RECEIVER, pb.MODULE_ROLE_HUB
TOKEN = "t" * 32
LINK = "link-a"


def one_link(length_km: float = 10.0, loss_db: float = 4.0) -> PlantPlan:
    """Two sites, one link, a port at each end."""
    return PlantPlan(
        spans=(
            Span(link_id=LINK, one_site="a", other_site="b", length_km=length_km, loss_c_db=loss_db, loss_o_db=6.0),
        ),
        ports=(PortPlan(port_id="a/m", site="a"), PortPlan(port_id="b/m", site="b")),
        paths=(LightPath(one_port="a/m", other_port="b/m", links=(LINK,)),),
    )


@dataclass
class Client:
    """Calls one module over its control interface."""

    stub: Any
    response: ProvisionModuleResponse
    instance: ModuleInstance

    @property
    def module(self) -> EmulatedModule:
        return self.instance.module

    async def __call__(self, method: str, request: Any) -> Any:
        return await getattr(self.stub, method)(request, metadata=bearer_metadata(TOKEN), timeout=10)

    def stream(self, method: str, request: Any) -> Any:
        return getattr(self.stub, method)(request, metadata=bearer_metadata(TOKEN))

    async def state(self) -> str:
        status = await self("GetStatus", pb.GetStatusRequest())
        return pb.ModuleState.Name(status.state).removeprefix("MODULE_STATE_")

    async def configure(self, peers: Sequence[str], channel: str) -> None:
        await self("Configure", pb.ConfigureRequest(peer_module_ids=peers, channel=channel))

    def keys(self) -> dict[bytes, bytes]:
        return {block.block_id: block.octets for block in self.module.store.ready()}


class Rig:
    """A plant, a maker and its modules by port."""

    def __init__(self, plant: FibrePlant, maker: EmulatedMaker, state: Path, stack: AsyncExitStack) -> None:
        self.plant = plant
        self.maker = maker
        self._state = state
        self._stack = stack

    async def module(
        self, port: str, role: pb.ModuleRole.ValueType, settings: Mapping[str, str] | None = None, **more: Any
    ) -> Client:
        folder = self._state / port.replace("/", "-")
        folder.mkdir(exist_ok=True)
        request = ProvisionModuleRequest(
            instance_id=port.replace("/", "-"),
            module_id=port,
            role=role,
            port=PlantPort(address=self.plant.address, token=self.plant.token_of(port), port_id=port),
            token=TOKEN,
            settings=settings or {},
            **more,
        )
        response = await self.maker.provision_module(request, folder)
        channel = await self._stack.enter_async_context(loopback_channel(response.control_address))
        return Client(QkdModuleServiceStub(channel), response, self.maker._instances[request.instance_id])

    async def pair(self, channel: str, settings: Mapping[str, str] | None = None) -> tuple[Client, Client]:
        """Transmitter and receiver, configured and started."""
        tx, rx = await self.module("a/m", TX, settings), await self.module("b/m", RX, settings)
        await tx.configure(["b/m"], channel)
        await rx.configure(["a/m"], channel)
        await rx("Start", pb.StartRequest())
        await tx("Start", pb.StartRequest())
        await self.tuned(channel, "a/m", "b/m")
        return tx, rx

    async def tuned(self, channel: str, *ports: str) -> None:
        """The plant has heard of the channel of these ports."""
        await until(lambda: all(p.channel == channel for p in self.plant.state().ports if p.port_id in ports))

    async def advance(self, ticks: int) -> None:
        await self.plant.advance(float(ticks))

    def disturb(self, *, clear: bool = False, **kind: Any) -> None:
        self.plant.disturb(optical.Disturbance(link_id=LINK, **kind), clear=clear)


@asynccontextmanager
async def rig(maker: EmulatedMaker, state: Path, plan: PlantPlan | None = None) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        plant = await stack.enter_async_context(
            FibrePlant(plan or one_link(), tick_s=1.0, speed=None, tick_bound_s=10.0)
        )
        stack.push_async_callback(maker.shutdown)
        yield Rig(plant, maker, state, stack)


async def until(so: Callable[[], bool]) -> None:
    """Awaits a state of this process, with a bound."""
    async with asyncio.timeout(10):
        while not so():  # noqa: ASYNC110 - the states that are awaited offer no event
            await asyncio.sleep(0.005)


def account(status: pb.GetStatusResponse) -> bool:
    return status.distilled_bits == status.handed_over_bits + status.in_store_bits + status.destroyed_bits
