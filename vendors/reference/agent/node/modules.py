"""One QKD module of the node: configured, started and stopped, its figures and alarms followed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import grpc

from harness.sdk import bearer_metadata
from qkd.device.v1 import module_pb2 as pb
from qkd.device.v1.module_pb2_grpc import QkdModuleServiceStub
from qkd.vendor.v1.vendor_pb2 import NodeModule

from .part import CHANNEL_OPTIONS, Part
from .settings import NodeSettings

DOWN = (pb.MODULE_STATE_OFF, pb.MODULE_STATE_MAINTENANCE)
GENERATING = (pb.MODULE_STATE_RUNNING, pb.MODULE_STATE_DEGRADED)


class Pair(NamedTuple):
    """Whom a module makes keys with, and on which channel of its own."""

    peer_module_id: str
    channel: str


class Module(Part):
    """One module.

    Args:
        plan: where it is.
        applied: how an earlier life of the agent has configured it; None = not known.
        keep: called with what it is configured for from now on.
        alarmed: called with each alarm.

    Attributes:
        capabilities, state, performance: as it says; None = it has not said yet.
        pair: what it shall do; None = it shall be off.
    """

    def __init__(
        self,
        plan: NodeModule,
        settings: NodeSettings,
        changed: Callable[[], None],
        *,
        applied: Pair | None,
        keep: Callable[[Pair], None],
        alarmed: Callable[[pb.WatchAlarmsResponse], None],
    ) -> None:
        super().__init__(f"module {plan.module_id}", settings, changed)
        self.plan = plan
        self.capabilities: pb.GetCapabilitiesResponse | None = None
        self.state: pb.ModuleState.ValueType | None = None
        self.performance: pb.Performance | None = None
        self.pair: Pair | None = None
        self._commanded = False  # nothing is touched before the node has been configured
        self._applied = applied
        self._keep_applied = keep
        self._alarmed = alarmed
        self._metadata = bearer_metadata(plan.token)
        self._stub: Any = None

    async def run(self) -> None:
        """See `Part`."""
        async with AsyncExitStack() as stack:
            channel = grpc.aio.insecure_channel(self.plan.control_address, options=CHANNEL_OPTIONS)
            self._stub = QkdModuleServiceStub(await stack.enter_async_context(channel))
            await super().run()

    def make(self, pair: Pair | None) -> None:
        """From now on it makes keys with this peer; None = it is off."""
        if not self._commanded or pair != self.pair:
            self._commanded = True
            self.pair = pair
            self.wish()

    async def _call(self, method: str, request: Any) -> Any:
        return await getattr(self._stub, method)(request, metadata=self._metadata, timeout=self.settings.call_s)

    async def tell(self) -> None:
        """See `Part`. A module that makes keys as it shall is left alone, whoever has started it."""
        if not self._commanded or not self.reachable:
            return
        status = await self._call("GetStatus", pb.GetStatusRequest())
        if self.pair is None:
            if status.state not in DOWN:
                await self._call("Stop", pb.StopRequest())
        elif status.state != pb.MODULE_STATE_MAINTENANCE and (self.pair != self._applied or status.state in DOWN):
            await self._begin(self.pair, status.state)
        self._heard((await self._call("GetStatus", pb.GetStatusRequest())).state)

    async def _begin(self, pair: Pair, state: pb.ModuleState.ValueType) -> None:
        if state != pb.MODULE_STATE_OFF:
            await self._call("Stop", pb.StopRequest())
        await self._call("Configure", pb.ConfigureRequest(peer_module_ids=[pair.peer_module_id], channel=pair.channel))
        self._applied = pair
        self._keep_applied(pair)
        await self._call("Start", pb.StartRequest())

    # -- what it says --------------------------------------------------------------------------------

    def follows(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """See `Part`."""
        return (self._follow_performance, self._follow_alarms)

    async def _follow_performance(self) -> None:
        request = pb.GetCapabilitiesRequest()
        capabilities = await self._stub.GetCapabilities(request, metadata=self._metadata, wait_for_ready=True)
        self.capabilities = capabilities
        stream = self._stub.WatchPerformance(pb.WatchPerformanceRequest(), metadata=self._metadata)
        async for said in stream:
            self.performance = said.performance
            self.state = self.state or said.state
            self.found()
            self._heard(said.state)
            self.changed()
        self.lost()

    def _heard(self, state: pb.ModuleState.ValueType) -> None:
        if state != self.state:
            self.state = state
            self.changed()
            if self.pair is not None and state == pb.MODULE_STATE_OFF:  # after a maintenance, say
                self.wish()

    def lost(self) -> None:
        """See `Part`."""
        self.state = self.performance = None
        super().lost()

    async def _follow_alarms(self) -> None:
        request = pb.WatchAlarmsRequest()
        async for alarm in self._stub.WatchAlarms(request, metadata=self._metadata, wait_for_ready=True):
            self._alarmed(alarm)
