"""The time of a plant: ticks that never overlap, begun by a pace or by whoever asks for them."""

from __future__ import annotations

import asyncio
import logging
import math

from harness.plant.carriage import Carriage
from harness.plant.session import Session

_log = logging.getLogger(__name__)


class Clock:
    """Begins ticks and knows who is not done with the present one.

    Args:
        carriage: told of every tick.
        tick_s: length of a tick, seconds of the plant's time.
        bound_s: wall seconds that a tick waits for a module.
    """

    def __init__(self, carriage: Carriage, tick_s: float, bound_s: float) -> None:
        self._carriage = carriage
        self._tick_s = tick_s
        self._bound_s = bound_s
        self._begun = 0
        self._awaited: set[Session] = set()
        # Who was silent in the last tick holds nobody up again until it speaks.
        self._silent: set[Session] = set()
        self._settled = asyncio.Event()
        self._settled.set()

    @property
    def time_s(self) -> float:
        """Plant's time: the start of the tick under way, or the end of the last."""
        return (self._begun if self._settled.is_set() else self._begun - 1) * self._tick_s

    def ticks_in(self, seconds: float) -> int:
        """Whole ticks that cover a time; a hair's breadth over a whole number does not count."""
        return math.ceil(seconds / self._tick_s - 1e-9)

    def done(self, session: Session, number: int) -> None:
        """A module is done with a tick."""
        if session in self._silent:
            self._silent.discard(session)
            _log.warning("port %s speaks again, in tick %d", session, self._begun - 1)
        if number == self._begun - 1:
            self._no_longer(session)

    def gone(self, session: Session) -> None:
        """A module was unplugged."""
        self._silent.discard(session)
        self._no_longer(session)

    async def tick(self, *, patient: bool = False) -> list[Session]:
        """One tick; returns when everybody is done with it, or the bound is over: then with who is not.

        Args:
            patient: wait for those too who were silent in the last tick.
        """
        if silent := await self._wait():  # a tick whose waiter was cancelled is ended first
            return silent
        if patient:
            self._silent.clear()
        self._awaited = set(self._carriage.sessions.values()) - self._silent
        self._begun += 1
        if self._awaited:
            self._settled.clear()
        self._carriage.begin(self._begun - 1)
        return await self._wait()

    async def rest(self) -> None:
        """Returns when the tick under way, if any, is over."""
        await self._wait()

    async def pace(self, period_s: float) -> None:
        """Ticks for ever, one each `period_s` wall seconds or as soon after as the last one is over."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self.tick()
            due = max(due + period_s, loop.time())
            await asyncio.sleep(due - loop.time())

    def waiting_for(self, session: Session) -> str:
        """A silent port for a message: with the one that it may be waiting for itself."""
        other = self._carriage.other_end(session)
        return f"{session}, which sends to {other}" if session.train is not None and other else str(session)

    async def _wait(self) -> list[Session]:
        try:
            async with asyncio.timeout(self._bound_s):
                await self._settled.wait()
        except TimeoutError:
            silent = sorted(self._awaited, key=lambda session: session.port_id)
            for session in silent:
                _log.warning(
                    "port %s is not done with tick %d after %g s; the plant goes on without it",
                    self.waiting_for(session),
                    self._begun - 1,
                    self._bound_s,
                )
            self._silent.update(silent)
            self._awaited.clear()
            self._settled.set()
            return silent
        return []

    def _no_longer(self, session: Session) -> None:
        self._awaited.discard(session)
        if not self._awaited:
            self._settled.set()
