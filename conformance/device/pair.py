"""A pair of modules as the cases see it: brought to where a case begins, and sampled while time passes."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from harness.campaign.check import Inconclusive
from harness.contract import ContractError
from harness.testbed.blocking_modules import BlockingModules, state_name
from harness.testbed.module_bench import HUB, ONE, OTHER, PAIR
from harness.testbed.module_keys import KeyBlock, PushIntake
from harness.testbed.modules import SOURCE_ID
from qkd.device.v1 import module_pb2 as pb
from qkd.device.v1 import push_pb2

_T = TypeVar("_T")
MAKING: Final = ("RUNNING", "DEGRADED")
"""States in which keys are made."""
START_TICKS: Final = 120
"""How long a pair may take to its first key: so many ticks."""
_LONGEST_INTERVAL: Final = 60
"""How many ticks an interval of figures, or of key processing, may take."""
_STRIDE: Final = 2
LAG_TICKS: Final = 5
"""How many ticks one end may be behind the other with a block."""


@dataclass(frozen=True)
class Sample:
    """What `GetStatus` said after a tick.

    Attributes:
        time_s: of the plant.
        statuses: by end.
    """

    time_s: float
    statuses: Mapping[str, pb.GetStatusResponse]

    def state(self, end: str) -> str:
        """In one word, upper case."""
        return state_name(self.statuses[end].state)

    def distilled(self, end: str) -> int:
        """Key bits that an end has made so far."""
        return int(self.statuses[end].distilled_bits)

    def figures(self, end: str) -> pb.Performance:
        """Those of the last interval."""
        return self.statuses[end].performance


class ModuleRefusedError(Inconclusive, ContractError):
    """A module refused what a case needs to get on: nothing can be said either way, unless the case expects it."""


class Pair(BlockingModules):
    """See `BlockingModules`. `PAIR` are the ends with keys, `ends` has the hub, too."""

    def _do(self, work: Callable[[], Awaitable[_T]]) -> _T:
        try:
            return super()._do(work)
        except ContractError as refused:
            raise ModuleRefusedError(refused.code, refused.reason, message=refused.message) from None

    @property
    def has_hub(self) -> bool:
        """Whether the two ends meet at a hub."""
        return HUB in self.ends

    def sample(self) -> Sample:
        """As it is now."""
        return Sample(*self.observe(0)[0])

    def run(self, ticks: int) -> list[Sample]:
        """Lets time pass; a sample before and after each tick."""
        return [Sample(*one) for one in self.observe(ticks)]

    def to_running(self) -> None:
        """Configures and starts everything, and waits until all make keys.

        Raises:
            Inconclusive: they do not get there.
        """
        self.power_on()
        self.await_running()

    def await_running(self, ticks: int = START_TICKS) -> None:
        """Waits until all modules make keys.

        Raises:
            Inconclusive: they do not get there.
        """
        for _ in range(0, ticks, _STRIDE):
            if self._making():
                return
            self.advance(_STRIDE)
        if not self._making():
            raise Inconclusive(f"the modules do not run after {ticks} ticks: {self.states()}")

    def _making(self) -> bool:
        sample = self.sample()
        return all(sample.state(end) in MAKING for end in self.ends)

    def runs(self, ticks: int = START_TICKS) -> bool:
        """Whether all modules make keys within so many ticks."""
        try:
            self.await_running(ticks)
        except Inconclusive:
            return False
        return True

    def runs_seen(self, samples: list[Sample]) -> bool:
        """As `runs`; adds what was seen on the way to `samples`."""
        for _ in range(START_TICKS):
            if all(samples[-1].state(end) in MAKING for end in self.ends):
                return True
            self.advance()
            samples.append(self.sample())
        return False

    def figures_over(self, ticks: int) -> dict[str, list[pb.Performance]]:
        """By end the figures of intervals that begin from now on, for so many ticks, or until there are some.

        Blocks are taken and released meanwhile, so that no store fills.

        Raises:
            Inconclusive: there are none.
        """
        since = self.time_s
        found: dict[str, list[pb.Performance]] = {end: [] for end in PAIR}
        for number in range(_LONGEST_INTERVAL):
            if number >= ticks and all(found.values()):
                return found
            self.advance()
            for end in PAIR:
                figures = self.status(end).performance
                if began(figures) >= since - 1e-6:
                    found[end].append(figures)
            if number % LAG_TICKS == LAG_TICKS - 1:
                self.collect()
                self.release()
        raise Inconclusive(f"no interval of figures began and ended in {_LONGEST_INTERVAL} ticks")

    def stock(self, blocks: int) -> None:
        """Lets time pass until so many blocks wait at each end; none is taken.

        Raises:
            Inconclusive: they do not come.
        """
        for _ in range(_LONGEST_INTERVAL):
            least = min(self.status(end).in_store_bits // (8 * self.capabilities[end].block_octets) for end in PAIR)
            if least >= blocks:
                return
            self.advance()
        raise Inconclusive(f"fewer than {blocks} blocks in store after {_LONGEST_INTERVAL} ticks")

    def settles(self, holds: Callable[[], bool], looks: int = 60) -> bool:
        """Whether something comes true that a module does after a message (an ack); looks again a few times."""
        pause = threading.Event()
        for _ in range(looks):
            if holds():
                return True
            pause.wait(0.02)
        return holds()

    @property
    def source_id(self) -> str:
        """Under which modules push."""
        return SOURCE_ID

    def hellos(self, end: str) -> Sequence[push_pb2.PushHello]:
        """How a module that pushes introduced itself."""
        intake = self.bench.intake
        return intake.hellos[end] if isinstance(intake, PushIntake) else ()

    def until(self, state: str, ticks: int) -> bool:
        """Whether both ends with keys (one is enough where a hub judges) come to a state within so many ticks."""
        for _ in range(ticks):
            if all(self.state(end) == state for end in PAIR):
                return True
            self.advance()
        return all(self.state(end) == state for end in PAIR)

    def states(self) -> str:
        """All states, for people."""
        return ", ".join(f"{end} {self.state(end)}" for end in self.ends)

    def gather(self, blocks: int, most_ticks: int = 400) -> dict[str, list[KeyBlock]]:
        """Collects while time passes until each end has handed over so many blocks; releases them as it goes.

        Raises:
            Inconclusive: they make too few.
        """
        had = {end: len(self.bench.taken[end]) for end in PAIR}
        for _ in range(most_ticks // LAG_TICKS):
            self.advance(LAG_TICKS)
            self.collect()
            self.release()
            if all(len(self.bench.taken[end]) - had[end] >= blocks for end in PAIR):
                return {end: self.bench.taken[end][had[end] :] for end in PAIR}
        raise Inconclusive(f"fewer than {blocks} blocks in {most_ticks} ticks")

    def missing(self) -> dict[str, int]:
        """By end how many of the blocks that the other end has it does not hand over, `LAG_TICKS` later either."""
        before = {end: {block.block_id for block in self.bench.taken[end]} for end in PAIR}
        if before[ONE] != before[OTHER]:
            self.advance(LAG_TICKS)
            self.collect()
        after = {end: {block.block_id for block in self.bench.taken[end]} for end in PAIR}
        return {ONE: len(before[OTHER] - after[ONE]), OTHER: len(before[ONE] - after[OTHER])}

    def different(self) -> int:
        """How many blocks have other octets at the one end than at the other."""
        one = {block.block_id: block.octets for block in self.bench.taken[ONE]}
        other = {block.block_id: block.octets for block in self.bench.taken[OTHER]}
        return sum(one[name] != other[name] for name in one.keys() & other.keys())


def began(figures: pb.Performance) -> float:
    """When an interval began, seconds of the plant's time."""
    return figures.time_s - figures.interval.ToNanoseconds() / 1e9


def made(samples: Sequence[Sample], end: str) -> int:
    """Key bits that an end made between the first and the last sample."""
    return samples[-1].distilled(end) - samples[0].distilled(end)
