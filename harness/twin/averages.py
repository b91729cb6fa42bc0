"""Average rate and error rate of every system, over the performance intervals that were seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import grpc

from harness.topology import Role, System
from harness.twin.layout import Layout
from harness.twin.twin import Twin
from qkd.device.v1 import module_pb2

_EVERY_S = 0.25
# Intervals of a system that an average can stand on: at a glance, and in a report.
GLANCE, REPORTED = 20, 80
_MAKES_KEYS = (module_pb2.MODULE_STATE_RUNNING, module_pb2.MODULE_STATE_DEGRADED)
_NOT_ASKED_TO = (module_pb2.MODULE_STATE_OFF, module_pb2.MODULE_STATE_STARTING, module_pb2.MODULE_STATE_MAINTENANCE)


@dataclass
class Average:
    """Of one system, each interval weighted with its length.

    Attributes:
        intervals: how many were seen.
        observed_s: their length in all, seconds of the plant's time.
    """

    intervals: int = 0
    observed_s: float = 0.0
    _bits: float = 0.0
    _qber_s: float = 0.0
    _errors: float = 0.0
    _last: float = -1.0

    @property
    def skr_bps(self) -> float | None:
        """Secret key rate, bits a second; None = no interval was seen."""
        return self._bits / self.observed_s if self.observed_s else None

    @property
    def qber(self) -> float | None:
        """As a fraction; None = it has none (continuous variables), or no interval was seen."""
        return self._errors / self._qber_s if self._qber_s else None

    def take(self, performance: module_pb2.Performance) -> None:
        """One more interval, unless it is the one that was taken last."""
        length = performance.interval.ToTimedelta().total_seconds()
        if performance.time_s == self._last or length <= 0:
            return
        self._last = performance.time_s
        self.intervals += 1
        self.observed_s += length
        self._bits += performance.skr_bps * length
        if performance.HasField("qber"):
            self._qber_s += length
            self._errors += performance.qber * length


class Averages:
    """What has been seen so far, by system id.

    Args:
        enough: intervals of a system that an average can stand on.

    A system counts from its first interval with keys, so that coming up does not; from then on intervals without
    keys count as well, unless it is switched off.
    """

    def __init__(self, enough: int = GLANCE) -> None:
        self._enough = enough
        self.of: dict[str, Average] = {}
        self._began: dict[str, int] = {}

    def note(self, system: System, turn: int, status: module_pb2.GetStatusResponse) -> None:
        """What a module of the system says, in this turn."""
        if status.state in _MAKES_KEYS:
            self._began[system.id] = turn
        if self._began.get(system.id) == turn and status.state not in _NOT_ASKED_TO:
            self.of.setdefault(system.id, Average()).take(status.performance)

    def enough(self, systems: list[System]) -> bool:
        """Whether of each a number of intervals was seen that an average can stand on."""
        return all(system.id in self.of and self.of[system.id].intervals >= self._enough for system in systems)


def speaker(layout: Layout, system: System) -> str:
    """The module whose figures stand for the system: its receiver or, for MDI, a transmitter."""
    hub = layout.topology.module(system.receiver).role is Role.HUB
    return system.transmitters[0] if hub else system.receiver


@asynccontextmanager
async def watched_averages(twin: Twin, enough: int) -> AsyncIterator[Averages]:
    """Looks four times a second while the body runs; `enough` as in `Averages`."""
    averages = Averages(enough)
    task = asyncio.create_task(_keep_looking(twin, averages))
    try:
        yield averages
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_enough(twin: Twin, averages: Averages, *, bound_s: float) -> None:
    """Returns when an average can stand on what was seen of every system, turn by turn, or the bound of each is over.

    Args:
        twin: ready.
        averages: being watched.
        bound_s: for each turn, seconds.
    """
    loop = asyncio.get_running_loop()
    for number in range(max(1, len(twin.rounds))):
        if averages.enough(list(twin.layout.topology.active_systems)):
            return
        if number:
            await twin.next_turn()
        until = loop.time() + bound_s
        while True:
            if averages.enough(twin.systems_in_turn()) or loop.time() > until:
                break
            await asyncio.sleep(_EVERY_S)


async def _keep_looking(twin: Twin, averages: Averages) -> None:
    while True:
        await asyncio.gather(*(_look(twin, averages, system, twin.turn) for system in twin.systems_in_turn()))
        await asyncio.sleep(_EVERY_S)


async def _look(twin: Twin, averages: Averages, system: System, turn: int) -> None:
    with suppress(grpc.aio.AioRpcError, KeyError):  # it may be on its way out
        name = speaker(twin.layout, system)
        status = await twin.calls.module(name, "GetStatus", module_pb2.GetStatusRequest())
        averages.note(system, turn, status)
