"""The fibre plant: the one emulated physical world that QKD modules are plugged into."""

from __future__ import annotations

import asyncio
import math
import secrets
from contextlib import suppress
from types import TracebackType
from typing import Self

import grpc

from harness.contract import ContractError
from harness.plant.carriage import Carriage
from harness.plant.clock import Clock
from harness.plant.plan import PlantPlan
from harness.plant.services import ControlService, PortService
from harness.plant.world import World
from harness.sdk.server import ContractServer, contract_server
from qkd.optical.v1 import plant_pb2

_GRACE_S = 0.5


class FibrePlant:
    """Serves ``qkd.optical.v1`` on loopback. An asynchronous context manager.

    Args:
        plan: what there is and what is connected at the start.
        tick_s: length of a tick, seconds of the plant's time.
        speed: seconds of the plant's time in a wall second: ticks run by themselves, each after the last is over;
            None = only `advance` lets time pass.
        tick_bound_s: wall seconds that a tick waits for a module; one that is not done by then is named in a log line
            (`advance` raises) and holds up no further tick until it is done with one.

    Raises:
        ValueError: when a figure is out of range or a path of the plan cannot be laid.

    Attributes:
        address: ``host:port``, once entered.
        control_token: of PlantControlService.
    """

    def __init__(
        self, plan: PlantPlan, *, tick_s: float = 1.0, speed: float | None = 1.0, tick_bound_s: float = 30.0
    ) -> None:
        for name, value in (("tick_s", tick_s), ("speed", 1.0 if speed is None else speed), ("bound", tick_bound_s)):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is above zero and finite, not {value}")
        self.address = ""
        self.control_token = secrets.token_urlsafe(32)
        self._plan = plan
        self._tick_s = tick_s
        self._speed = speed
        self._bound_s = tick_bound_s
        self._tokens = {port.port_id: port.token or secrets.token_urlsafe(32) for port in plan.ports}
        self._world = World(plan)
        self._carriage = Carriage(self._world, tick_s)
        self._clock = Clock(self._carriage, tick_s, tick_bound_s)
        self._advancing = asyncio.Lock()
        self._server: ContractServer | None = None
        self._pace: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"FibrePlant({len(self._plan.spans)} spans, {len(self._tokens)} ports)"

    async def __aenter__(self) -> Self:
        ports = PortService(self._carriage, self._clock, self._tokens)
        self._server = contract_server(ports, ControlService(self))
        self.address = self._server.address
        await self._server.start()
        self.go_on()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop_pace()
        stops = ContractError(grpc.StatusCode.UNAVAILABLE, "PLANT_STOPS", message="the plant is taken down")
        for session in tuple(self._carriage.sessions.values()):
            session.end(stops)
        if self._server is not None:
            await self._server.stop(_GRACE_S)

    async def hold(self) -> None:
        """Time passes by itself no more, only by `advance`; returns when every module has done its work."""
        await self._stop_pace()
        await self._clock.rest()

    async def _stop_pace(self) -> None:
        pace, self._pace = self._pace, None
        if pace is not None:
            pace.cancel()
            with suppress(asyncio.CancelledError):
                await pace

    def go_on(self) -> None:
        """Time passes by itself again, where the plant has a speed."""
        if self._speed is not None and self._pace is None:
            self._pace = asyncio.create_task(self._clock.pace(self._tick_s / self._speed))

    def token_of(self, port_id: str) -> str:
        """What the module at a port must show; raises `KeyError`."""
        return self._tokens[port_id]

    @property
    def time_s(self) -> float:
        """Seconds of the plant's time since its start."""
        return self._clock.time_s

    def path_state(self, port_id: str, channel: str) -> plant_pb2.PathState:
        """What a signal from a port would meet now on its way to whatever it is connected to."""
        return self._world.path_state(port_id, channel, self.time_s)

    def disturb(self, disturbance: plant_pb2.Disturbance, *, clear: bool = False) -> None:
        """Puts a disturbance on a span, or takes that of its kind away; at once, trains under way too.

        Raises:
            ContractError: NOT_FOUND / UNKNOWN_LINK; INVALID_ARGUMENT / NO_KIND.
        """
        self._world.disturb(disturbance, clear=clear)
        self._carriage.reconsider()

    def cross_connect(self, switch_id: str, one_port: str, other_port: str, *, opened: bool = False) -> None:
        """Connects two ports of a switch, or opens the connection. Names of ports: see `SwitchPlan`.

        Raises:
            ContractError: NOT_FOUND / UNKNOWN_SWITCH, UNKNOWN_PORT; INVALID_ARGUMENT / SAME_PORT;
                FAILED_PRECONDITION / WAVELENGTH_OCCUPIED, SLA_CLASSICAL, PORT_IN_USE, NOT_CONNECTED; then nothing
                has changed.
        """
        self._world.cross_connect(switch_id, one_port, other_port, opened=opened)
        self._carriage.reconsider()

    def state(self) -> plant_pb2.GetPlantResponse:
        """Everything as it is: one `Span` a link, every port, every cross-connection and disturbance."""
        answer = plant_pb2.GetPlantResponse(time_s=self.time_s, disturbances=self._world.disturbances())
        for span in self._plan.spans:
            answer.spans.add(
                link_id=span.link_id,
                length_km=span.length_km,
                loss_c_band_db=span.loss_c_db,
                loss_o_band_db=span.loss_o_db,
                classical_channels=span.classical_channels,
                quantum_channels=self._world.spectrum.channels(span.link_id),
            )
        for port in self._plan.ports:
            one = answer.ports.add(port_id=port.port_id, site_id=port.site)
            if (session := self._carriage.sessions.get(port.port_id)) is not None:
                one.module_id, one.direction = session.module_id, session.direction
                one.channel = session.channel
        for switch_id, one_port, other_port in self._world.fabric.connections():
            answer.connections.add(switch_id=switch_id, one_port=one_port, other_port=other_port)
        return answer

    async def advance(self, seconds: float) -> float:
        """Lets time pass, rounded up to whole ticks; returns the plant's time when every module has done its work.

        Raises:
            ValueError: when `seconds` is below zero or not finite.
            ContractError: FAILED_PRECONDITION / RUNS_BY_ITSELF unless on hold or without speed; DEADLINE_EXCEEDED /
                PORT_SILENT when a module was not done with a tick in time: the time of that tick has passed, that of
                the rest has not.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"time passes forwards, by a finite stretch, not by {seconds} s")
        if self._pace is not None:
            text = "this plant runs by itself; only one with speed=None, or on hold, is advanced"
            raise ContractError(grpc.StatusCode.FAILED_PRECONDITION, "RUNS_BY_ITSELF", message=text)
        async with self._advancing:
            for _ in range(self._clock.ticks_in(seconds)):
                if silent := await self._clock.tick(patient=True):
                    names = ", ".join(self._clock.waiting_for(session) for session in silent)
                    text = f"not done with a tick within {self._bound_s:g} s: {names}; plant's time {self.time_s:g} s"
                    raise ContractError(grpc.StatusCode.DEADLINE_EXCEEDED, "PORT_SILENT", message=text)
            return self.time_s
