"""Applications that exchange keys all the time while other things happen to a network."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from harness.testbed.reached import Reached
from harness.twin.keys import Applications, Compared

_PAUSE_S = 0.05
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Tally:
    """Keys so far: equal at both ends, wrong (not equal), lost (taken by the master, not to be had by the slave)."""

    equal: int = 0
    wrong: int = 0
    lost: int = 0

    def since(self, earlier: Tally) -> Tally:
        """What has come since."""
        return Tally(self.equal - earlier.equal, self.wrong - earlier.wrong, self.lost - earlier.lost)


class Load:
    """Keys between pairs of SAEs, round and round, in a thread of its own. An asynchronous context manager.

    Args:
        reached: how the KMEs are reached; asked for anew after each failure, as they may have moved.
        pairs: SAE IDs, the master first.
        number: of keys in one request.
        pause_s: after each round, seconds.
    """

    def __init__(
        self, reached: Callable[[], Reached], pairs: Iterable[Pair], *, number: int = 1, pause_s: float = _PAUSE_S
    ) -> None:
        self._reached = reached
        self._pairs = list(pairs)
        self._number = number
        self._pause_s = pause_s
        self._lock = threading.Lock()
        self._tally = Tally()
        self._rounds = 0
        self._given: dict[Pair, list[float]] = defaultdict(list)
        self._wanted = threading.Event()
        self._work: asyncio.Task[None] | None = None

    @property
    def tally(self) -> Tally:
        """What has come so far."""
        with self._lock:
            return self._tally

    def given(self, pair: Pair) -> list[float]:
        """When the pair had equal keys, `time.monotonic()`."""
        with self._lock:
            return list(self._given[pair])

    @property
    def rounds(self) -> int:
        """How many times every pair has been asked."""
        with self._lock:
            return self._rounds

    async def until_round(self, number: int, *, bound_s: float) -> None:
        """Returns when every pair has been asked so many times, or the bound is over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + bound_s
        while True:
            if self.rounds >= number or loop.time() > until:
                return
            await asyncio.sleep(_PAUSE_S)

    def start(self) -> None:
        """Goes on."""
        if self._work is None:
            self._wanted.set()
            self._work = asyncio.create_task(asyncio.to_thread(self._run))

    async def stop(self) -> None:
        """Returns when no request is under way any more."""
        work, self._work = self._work, None
        if work is not None:
            self._wanted.clear()
            await work

    def _run(self) -> None:
        applications = Applications(self._reached())
        try:
            while self._wanted.is_set():
                for pair in self._pairs:
                    if not self._wanted.is_set():
                        break
                    try:
                        got = applications.exchange(*pair, number=self._number)
                    except (OSError, LookupError):
                        got = Compared(refused="not reached")
                    if got.refused or got.missing:
                        applications.close()
                        applications = Applications(self._reached())
                    self._note(pair, got)
                with self._lock:
                    self._rounds += 1
                time.sleep(self._pause_s)  # noqa: TID251 - the pace of the load
        finally:
            applications.close()

    def _note(self, pair: Pair, got: Compared) -> None:
        with self._lock:
            before = self._tally
            self._tally = Tally(before.equal + got.equal, before.wrong + got.mismatches, before.lost + got.missing)
            if got.equal:
                self._given[pair].append(time.monotonic())

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def longest_gap(moments: Sequence[float], start: float, end: float) -> float:
    """Longest time without a key between two moments, seconds."""
    within = [start, *(one for one in moments if start <= one <= end), end]
    return max(later - earlier for earlier, later in pairwise(within))
