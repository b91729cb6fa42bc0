"""`ModuleBench` for synchronous code; every method waits, and raises as its namesake does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from anyio.from_thread import BlockingPortal

from harness.contract import ContractError
from harness.testbed.blocking import BlockingHost
from harness.testbed.module_bench import Fibre, ModuleBench
from harness.testbed.module_keys import KeyBlock
from harness.testbed.modules import raise_modules
from qkd.device.v1 import module_pb2 as pb

_T = TypeVar("_T")


class BlockingModules:
    """See `ModuleBench`.

    Attributes:
        bench: what it stands for; its attributes may be read.
        fibre: what connects the modules.
    """

    def __init__(self, bench: ModuleBench, portal: BlockingPortal, fibre: Fibre) -> None:
        self.bench = bench
        self.fibre = fibre
        self._portal = portal

    @property
    def ends(self) -> tuple[str, ...]:
        """See `ModuleBench.ends`."""
        return self.bench.ends

    @property
    def capabilities(self) -> Mapping[str, pb.GetCapabilitiesResponse]:
        """See `ModuleBench`."""
        return self.bench.capabilities

    @property
    def time_s(self) -> float:
        """The plant's time, seconds."""
        return self.bench.plant.time_s

    def call(self, end: str, method: str, request: Any = None) -> Any:
        """See `ModuleBench.call`."""
        return self._do(partial(self.bench.call, end, method, request))

    def answer(self, end: str, method: str, request: Any = None, *, token: str | None = None) -> str:
        """How a call is answered: "OK", or the name of the status code."""
        try:
            self._do(partial(self.bench.call, end, method, request, token=token))
        except ContractError as refused:
            return refused.code.name
        return "OK"

    def first_of(self, end: str, method: str, *, token: str | None = None, bound_s: float = 10.0) -> tuple[str, Any]:
        """How a stream begins: "OK" or the name of the status code, and its first message (None = none came)."""
        try:
            return "OK", self._do(partial(self.bench.first_of, end, method, token=token, bound_s=bound_s))
        except ContractError as refused:
            return refused.code.name, None

    def configure(self, end: str, *, peers: Sequence[str] | None = None, channel: str | None = None) -> str:
        """See `ModuleBench.configure`; how it is answered, as of `answer`."""
        try:
            self._do(partial(self.bench.configure, end, peers=peers, channel=channel))
        except ContractError as refused:
            return refused.code.name
        return "OK"

    def power_on(self) -> None:
        """See `ModuleBench.power_on`."""
        self._do(self.bench.power_on)

    def lit(self) -> None:
        """See `ModuleBench.lit`."""
        self._do(self.bench.lit)

    def maintenance(self, end: str, *, on: bool) -> None:
        """See `ModuleBench.maintenance`."""
        self._do(partial(self.bench.maintenance, end, on=on))

    def status(self, end: str) -> pb.GetStatusResponse:
        """See `ModuleBench.status`."""
        return self._do(partial(self.bench.status, end))

    def state(self, end: str) -> str:
        """The state of an end in one word, upper case."""
        return state_name(self.status(end).state)

    def advance(self, ticks: int = 1) -> float:
        """Lets so many ticks pass; gives the plant's time."""
        return self._do(partial(self.bench.advance, ticks * self.fibre.tick_s))

    def observe(self, ticks: int) -> list[tuple[float, dict[str, pb.GetStatusResponse]]]:
        """See `ModuleBench.observe`; after every tick."""
        return self._do(partial(self.bench.observe, ticks, self.fibre.tick_s))

    def disturb(self, **kind: Any) -> None:
        """See `ModuleBench.disturb`."""
        self._portal.call(partial(self.bench.disturb, **kind))

    def clear(self) -> None:
        """See `ModuleBench.clear`."""
        self._portal.call(self.bench.clear)

    def standing(self, end: str) -> frozenset[str]:
        """See `ModuleBench.standing`."""
        return self._portal.call(self.bench.standing, end)

    def alarmed(self, holds: Callable[[ModuleBench], bool], *, bound_s: float = 3.0) -> bool:
        """See `ModuleBench.alarmed`."""
        return self._do(partial(self.bench.alarmed, holds, bound_s))

    def performances(self, end: str, ticks: int, *, bound_s: float = 3.0) -> list[pb.WatchPerformanceResponse]:
        """What `WatchPerformance` says while so many ticks pass, the message that it begins with among it."""
        return self._do(partial(self.bench.performances, end, ticks * self.fibre.tick_s, bound_s=bound_s))

    def collect(self, *, bound_s: float = 3.0, linger_s: float = 0.0) -> dict[str, list[KeyBlock]]:
        """See `ModuleBench.collect`."""
        return self._do(partial(self.bench.collect, bound_s=bound_s, linger_s=linger_s))

    def again(self, end: str, first: int, count: int, *, bound_s: float = 3.0) -> list[KeyBlock]:
        """See `ModuleBench.again`."""
        return self._do(partial(self.bench.again, end, first, count, bound_s=bound_s))

    def forget(self) -> None:
        """See `ModuleBench.forget`."""
        self._portal.call(self.bench.forget)

    def release(self) -> None:
        """See `ModuleBench.release`."""
        self._do(self.bench.release)

    def log_text(self) -> str:
        """The last of the log of the process that holds the modules."""
        return self.bench.host.log_tail().text

    def _do(self, work: Callable[[], Awaitable[_T]]) -> _T:
        return self._portal.call(work)


def state_name(state: pb.ModuleState.ValueType) -> str:
    """A `ModuleState` in one word, upper case."""
    return pb.ModuleState.Name(state).removeprefix("MODULE_STATE_")


@contextmanager
def blocking_modules(
    host: BlockingHost,
    *,
    variant: str = "",
    settings: Mapping[str, str] | None = None,
    model: str = "",
    fibre: Fibre | None = None,
) -> Iterator[BlockingModules]:
    """`raise_modules` for synchronous code."""
    fibre = fibre or Fibre()
    made = raise_modules(host.host, variant=variant, settings=settings, model=model, fibre=fibre)
    with host.portal.wrap_async_context_manager(made) as bench:
        yield BlockingModules(bench, host.portal, fibre)
