"""A QKD module that a case plays: what it is told is written down, what it says is what the case sets."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from harness.contract import ContractError
from harness.sdk.server import ContractServer, contract_server
from qkd.device.v1 import module_pb2 as pb
from qkd.device.v1.module_pb2_grpc import QkdModuleServiceServicer

_INTERVAL_S = 0.25
_LIGHT = frozenset({pb.MODULE_STATE_RUNNING, pb.MODULE_STATE_DEGRADED})


@dataclass(frozen=True)
class Kind:
    """What a played module is.

    Attributes:
        protocol, role: as of `GetCapabilitiesResponse`.
        channels: that it can be set to.
        max_loss_db: largest loss, dB.
        att_device, att_port: the switch port that it hangs on.
    """

    protocol: pb.Protocol.ValueType
    role: pb.ModuleRole.ValueType
    channels: tuple[str, ...]
    max_loss_db: float
    att_device: str
    att_port: int


class PlayedModule(QkdModuleServiceServicer):
    """One module. Its calls run in the event loop of the bench; `told` may be read from any thread.

    Args:
        module_id: its name in the network.
        kind: what it is.

    Attributes:
        token: to show to it.
        told: the calls that changed it, in order: "configure PEER CHANNEL", "start", "stop".
        begins: the state that Start leads to.
        state: as it is.
        skr_bps, qber, snr: its figures while it makes keys; None = it has none.
    """

    def __init__(self, module_id: str, kind: Kind) -> None:
        self.module_id = module_id
        self.kind = kind
        self.token = secrets.token_urlsafe(24)
        self.told: list[str] = []
        self.begins: pb.ModuleState.ValueType = pb.MODULE_STATE_RUNNING
        self.state: pb.ModuleState.ValueType = pb.MODULE_STATE_OFF
        self.skr_bps = 2000.0
        self.qber: float | None = 0.02 if kind.protocol != pb.PROTOCOL_CV_GAUSSIAN else None
        self.snr: float | None = None if self.qber is not None else 0.5
        self._alarms: list[pb.WatchAlarmsResponse] = []
        self._changed = asyncio.Condition()
        self.server: ContractServer | None = None

    @property
    def address(self) -> str:
        """Where it answers, or answered last."""
        assert self.server is not None  # noqa: S101 - it has been started
        return self.server.address

    async def start(self, port: int = 0) -> None:
        """Begins to answer."""
        self.server = contract_server(self, port=port, token=self.token)
        await self.server.start()

    async def stop(self) -> None:
        """Is gone; `start(port)` brings it back."""
        if self.server is not None:
            await self.server.stop(None)

    # -- what a case does -----------------------------------------------------------------------------

    async def become(
        self,
        state: pb.ModuleState.ValueType | None = None,
        *,
        skr_bps: float | None = None,
        qber: float | None = None,
        snr: float | None = None,
    ) -> None:
        """Takes this state and these figures, and says so at once; what is None stays."""
        async with self._changed:
            self.state = self.state if state is None else state
            self.skr_bps = self.skr_bps if skr_bps is None else skr_bps
            self.qber = self.qber if qber is None else qber
            self.snr = self.snr if snr is None else snr
            self._changed.notify_all()

    async def alarm(self, code: str, text: str, severity: pb.Severity.ValueType, *, cleared: bool = False) -> None:
        """Raises an alarm, or says that it no longer stands."""
        async with self._changed:
            one = pb.WatchAlarmsResponse(code=code, text=text, severity=severity, cleared=cleared, time_s=1.0)
            self._alarms.append(one)
            self._changed.notify_all()

    def reset(self) -> None:
        """As new: OFF, with the figures that it had at first. For between two cases, by `portal.call`."""
        self.told.clear()
        self._alarms.clear()
        self.begins, self.skr_bps = pb.MODULE_STATE_RUNNING, 2000.0
        self.qber = 0.02 if self.qber is not None else None
        self.snr = 0.5 if self.snr is not None else None

    # -- what the agent sees --------------------------------------------------------------------------

    def _performance(self) -> pb.Performance:
        made = pb.Performance(time_s=1.0, interval=Duration(nanos=int(_INTERVAL_S * 1e9)))
        if self.state in _LIGHT:
            made.skr_bps = self.skr_bps
            if self.qber is not None:
                made.qber = self.qber
            if self.snr is not None:
                made.snr = self.snr
        return made

    async def GetCapabilities(self, request: pb.GetCapabilitiesRequest, context: object) -> pb.GetCapabilitiesResponse:
        """See `QkdModuleService`."""
        return pb.GetCapabilitiesResponse(
            maker="bench",
            model="QM-1",
            serial=self.module_id,
            protocol=self.kind.protocol,
            role=self.kind.role,
            channels=self.kind.channels,
            handovers=[pb.HANDOVER_STREAM],
            max_loss_db=self.kind.max_loss_db,
            clock_hz=1e9,
            free_pairing=True,
            qber_abort=0.11 if self.qber is not None else 0.0,
            block_octets=64,
        )

    async def Configure(self, request: pb.ConfigureRequest, context: object) -> pb.ConfigureResponse:
        """See `QkdModuleService`."""
        if self.state != pb.MODULE_STATE_OFF:
            raise ContractError(grpc.StatusCode.FAILED_PRECONDITION, "NOT_OFF", message="stop the module first")
        if request.channel not in self.kind.channels:
            raise ContractError(grpc.StatusCode.INVALID_ARGUMENT, "CHANNEL_UNKNOWN", message="no such channel")
        self.told.append(f"configure {','.join(request.peer_module_ids)} {request.channel}")
        return pb.ConfigureResponse()

    async def Start(self, request: pb.StartRequest, context: object) -> pb.StartResponse:
        """See `QkdModuleService`."""
        self.told.append("start")
        if self.state == pb.MODULE_STATE_OFF:
            await self.become(self.begins)
        return pb.StartResponse()

    async def Stop(self, request: pb.StopRequest, context: object) -> pb.StopResponse:
        """See `QkdModuleService`."""
        self.told.append("stop")
        await self.become(pb.MODULE_STATE_OFF)
        return pb.StopResponse()

    async def GetStatus(self, request: pb.GetStatusRequest, context: object) -> pb.GetStatusResponse:
        """See `QkdModuleService`."""
        return pb.GetStatusResponse(state=self.state, performance=self._performance())

    async def WatchPerformance(
        self, request: pb.WatchPerformanceRequest, context: Any
    ) -> AsyncIterator[pb.WatchPerformanceResponse]:
        """See `QkdModuleService`: at each change, and once an interval."""
        while True:
            yield pb.WatchPerformanceResponse(performance=self._performance(), state=self.state)
            async with self._changed:
                try:
                    await asyncio.wait_for(self._changed.wait(), _INTERVAL_S)
                except TimeoutError:
                    continue

    async def WatchAlarms(self, request: pb.WatchAlarmsRequest, context: Any) -> AsyncIterator[pb.WatchAlarmsResponse]:
        """See `QkdModuleService`."""
        place = 0
        while True:
            while place < len(self._alarms):
                place += 1
                yield self._alarms[place - 1]
            async with self._changed:
                place = min(place, len(self._alarms))
                if place == len(self._alarms):
                    await self._changed.wait()
