"""A network on trial: raised, checked, watched, broken where that was asked for, and taken down."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.hosting import LaunchSpec
from harness.topology import Topology
from harness.twin.averages import GLANCE, Averages, until_enough, watched_averages
from harness.twin.check import Checked, Wanted, check_twin
from harness.twin.direct import DirectLinks, try_direct_links
from harness.twin.faults import KEYS_LIVE_S, Fault, Outcome, run_faults, standard_faults
from harness.twin.hours import for_hours, pass_hours
from harness.twin.layout import Layout
from harness.twin.load import Tally
from harness.twin.measure import Cost, watched_cost
from harness.twin.settings import TwinSettings
from harness.twin.settle import account
from harness.twin.stand_ins import with_stand_ins
from harness.twin.twin import Twin, raise_twin

Say = Callable[[str], None]
# How long a network is watched that is not whole; how long one that is, at most, for each interval. Seconds.
_GLANCE_S = 6.0
_SLOWEST_S = 1.0
# How long a group of direct links is waited for, at most; the thinnest gives a block in twenty.
_DIRECT_S = 45.0


@dataclass(frozen=True, slots=True)
class Ordered:
    """What a trial consists of, besides the check.

    Attributes:
        wanted: keys to compare after the first of each pair.
        hours: of the network's time that are to pass under load; then every bit is accounted for.
        faults: whether `standard_faults` are put on it.
        account: whether every bit is accounted for in any case.
        direct_links: whether every link that the topology allows is made once by the controller, after everything else.
        intervals: of each system that are to be seen for its averages.
        bound_s: of waiting until it is ready, and after each fault, seconds.
    """

    wanted: Wanted | None = None
    hours: float | None = None
    faults: bool = False
    account: bool = False
    direct_links: bool = False
    intervals: int = GLANCE
    bound_s: float = 120.0


@dataclass
class Trial:
    """What came of it.

    Attributes:
        layout: what was raised.
        ordered: what it was to consist of.
        started: when raising it began.
        took_s: until all was taken down, seconds.
        checked: whether it works, with the account where one was taken.
        under_load: keys while hours passed.
        averages: of every system while nothing was disturbed.
        cost: processes and memory.
        planned: the faults that were to be put on it.
        outcomes: of those that were, in the same order.
        direct: the direct links, where they were asked for and the network was whole.
    """

    layout: Layout
    ordered: Ordered
    started: datetime
    checked: Checked
    averages: Averages
    cost: Cost
    took_s: float = 0.0
    under_load: Tally | None = None
    planned: list[Fault] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    direct: DirectLinks | None = None

    @property
    def holds(self) -> bool:
        """Whether the network is whole, and all that was to happen to it has happened and did no harm."""
        hours = self.ordered.hours is None or self.under_load is not None
        survived = len(self.outcomes) == len(self.planned) and all(one.holds for one in self.outcomes)
        direct = not self.ordered.direct_links or (self.direct is not None and self.direct.holds)
        return self.checked.holds and hours and survived and direct


async def run_trial(
    topology: Topology,
    specs: Mapping[str, LaunchSpec],
    settings: TwinSettings,
    ordered: Ordered,
    say: Say = lambda _: None,
) -> Trial:
    """Raises a network, does what was ordered, and takes it down.

    Args:
        topology, specs, settings: see `raise_twin`.
        ordered: what is done.
        say: told how far it got.

    Raises:
        HostingError: when a process or an instance does not come up.
        ValueError: the topology has a maker that nobody can launch, or a plant that cannot be; or what is ordered does
            not go with a controller, or needs one.
    """
    if settings.controlled and (ordered.hours is not None or ordered.faults or ordered.account):
        raise ValueError("a controlled network is not brought to rest: no hours, faults or account of it yet")
    if ordered.direct_links:
        if not settings.controlled:
            raise ValueError("direct links are made by a controller: raise the network with one")
        topology = with_stand_ins(topology)
    begun = datetime.now(UTC), time.monotonic()
    if ordered.hours is not None:
        settings = for_hours(settings)
    with tempfile.TemporaryDirectory(prefix="qkd-harness-clocks-") as clocks:
        if ordered.faults:
            kme = {**settings.kme, "block_ttl_s": str(KEYS_LIVE_S)}
            settings = replace(settings, clocks=Path(clocks), kme=kme)
        async with watched_cost() as cost, raise_twin(topology, specs, settings) as twin:
            say(f"{topology.name}: {len(topology.active_systems)} systems, {len(twin.layout.sites)} sites")
            trial = await _undisturbed(twin, ordered, cost, begun, say)
            if ordered.faults:
                trial.planned = standard_faults(twin)
            if trial.checked.holds:
                await _disturbed(twin, trial, say)
                if ordered.direct_links:
                    trial.direct = await try_direct_links(twin, bound_s=min(ordered.bound_s, _DIRECT_S), say=say)
    trial.took_s = time.monotonic() - begun[1]
    return trial


async def _undisturbed(twin: Twin, ordered: Ordered, cost: Cost, begun: tuple[datetime, float], say: Say) -> Trial:
    checked = await check_twin(twin, started=begun[1], bound_s=ordered.bound_s, wanted=ordered.wanted, say=say)
    # Watching has begun only now: it must not slow down what is timed.
    async with watched_averages(twin, ordered.intervals) as averages:
        trial = Trial(twin.layout, ordered, begun[0], checked, averages, cost)
        if not checked.holds:
            await until_enough(twin, averages, bound_s=_GLANCE_S)
            return trial
        if ordered.hours is not None:
            checked.account, more = await pass_hours(twin, ordered.hours, say)
            trial.under_load = more
            checked.keys += more.equal
            checked.mismatches += more.wrong + more.lost
        await until_enough(twin, averages, bound_s=_SLOWEST_S * ordered.intervals)
    return trial


async def _disturbed(twin: Twin, trial: Trial, say: Say) -> None:
    if trial.planned:
        trial.outcomes = await run_faults(twin, trial.planned, bound_s=trial.ordered.bound_s, say=say)
    if trial.ordered.account and (trial.checked.account is None or trial.outcomes):
        trial.checked.account = await account(twin)
