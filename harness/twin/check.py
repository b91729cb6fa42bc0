"""Whether a raised network works: every system makes keys, and every two sites get the same ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.testbed.reached import Reached
from harness.topology import System
from harness.twin.account import Account
from harness.twin.averages import speaker
from harness.twin.keys import Applications, Compared
from harness.twin.twin import ModuleStatus, Twin

_POLL_S = 0.2
_LARGEST_REQUEST = 100
_IN_A_ROW = 8
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many keys to compare: so many for each pair, and so many for all pairs together."""

    each: int = 10**9
    in_all: int = 10**9


@dataclass(frozen=True, slots=True)
class LinkFigure:
    """What a system does now, beside what is published of it.

    Attributes:
        system: its id, maker and path.
        skr_bps: secret key rate of the last interval, bits a second of the plant's time.
        qber: as a fraction; None = it has none (continuous variables).
        state: of its receiver or, for MDI, of a transmitter.
    """

    system: System
    skr_bps: float
    qber: float | None
    state: str


@dataclass
class Checked:
    """What came out.

    Attributes:
        ready_s: from the start until every system made keys and every pair had its first key, seconds; None = it
            did not come to that.
        pairs: how many pairs of sites share keys.
        pairs_equal: pairs all of whose keys were equal at both ends, at least one.
        keys: compared.
        mismatches: keys that were not the same at both ends, or that only the master got.
        links: of every active system.
        compared: what came of the keys of each pair, by its SAE IDs.
        missing: what was not ready when the time was over, for people.
        turns: ids of the systems that took turns, turn by turn; empty = all ran at once.
        account: of every link, where it was asked for.
    """

    ready_s: float | None
    pairs: int
    pairs_equal: int
    keys: int
    mismatches: int
    links: list[LinkFigure]
    missing: list[str] = field(default_factory=list)
    turns: list[list[str]] = field(default_factory=list)
    compared: dict[tuple[str, str], Compared] = field(default_factory=dict)
    account: Account | None = None

    @property
    def keys_of(self) -> dict[tuple[str, str], int]:
        """Keys compared, by the SAE IDs of a pair."""
        return {pair: one.equal for pair, one in self.compared.items()}

    @property
    def holds(self) -> bool:
        """Whether the network is whole, no key differed and every bit is accounted for."""
        balanced = self.account is None or (self.account.balanced and self.account.settled)
        return self.ready_s is not None and self.pairs_equal == self.pairs and not self.mismatches and balanced


async def check_twin(
    twin: Twin, *, started: float, bound_s: float, wanted: Wanted | None = None, say: Say = lambda _: None
) -> Checked:
    """Waits until the network is ready, then has every pair exchange keys.

    Args:
        twin: raised.
        started: `time.monotonic()` of when raising it began.
        bound_s: of waiting, from `started`, seconds.
        wanted: keys to compare, after the first of each pair.
        say: told how far it got.
    """
    deadline = started + bound_s
    idle = await _running(twin, deadline, say)
    reached = twin.reached
    sae_of = {kme_id: site.saes[0] for kme_id, site in twin.layout.sites.items() if site.saes}
    pairs = [(sae_of[one], sae_of[other]) for one, other in twin.layout.pairs]
    compared: dict[tuple[str, str], Compared] = {}
    links = figures(twin, await twin.statuses())
    for number in range(max(1, len(twin.rounds))):
        if number:
            await twin.next_turn()
            idle += await _running(twin, deadline, say)
            links += [
                one for one in figures(twin, await twin.statuses()) if one.system not in {o.system for o in links}
            ]
        left = [pair for pair in pairs if pair not in compared or compared[pair].refused]
        if len(twin.rounds) > 1 and number < len(twin.rounds) - 1:
            # Who has no keys before its turn is not waited for.
            turn = {twin.layout.kme_pair(system) for system in twin.systems_in_turn()}
            left = [pair for pair, ends in zip(pairs, twin.layout.pairs, strict=True) if ends in turn]
        compared |= await asyncio.to_thread(_first_keys, reached, left, deadline, say)
    without = [f"{one} and {other}: no key ({got.refused})" for (one, other), got in compared.items() if not got.equal]
    ready_s = None if idle or without else time.monotonic() - started
    if wanted is not None and not without:
        await asyncio.to_thread(_more_keys, reached, compared, wanted, deadline, say)
    return Checked(
        ready_s=ready_s,
        pairs=len(pairs),
        pairs_equal=sum(bool(got.equal) and not got.mismatches + got.missing for got in compared.values()),
        keys=sum(got.equal for got in compared.values()),
        mismatches=sum(got.mismatches + got.missing for got in compared.values()),
        links=links,
        missing=[*(twin.control.troubles if twin.control is not None else ()), *idle, *without],
        compared=compared,
        turns=[[system.id for system in turn] for turn in twin.rounds],
    )


def figures(twin: Twin, statuses: list[ModuleStatus]) -> list[LinkFigure]:
    """What each system in turn does."""
    by_id = {one.module.id: one for one in statuses}
    found = []
    for system in twin.systems_in_turn():
        one = by_id[speaker(twin.layout, system)]
        performance = one.status.performance
        qber = performance.qber if performance.HasField("qber") else None
        found.append(LinkFigure(system, performance.skr_bps, qber, one.state))
    return found


async def _running(twin: Twin, deadline: float, say: Say) -> list[str]:
    """Waits until all modules run; gives those that do not when the time is over."""
    told = -1
    while True:
        statuses = await twin.statuses()
        idle = [one for one in statuses if not one.running]
        if len(statuses) - len(idle) != told:
            told = len(statuses) - len(idle)
            say(f"{told} of {len(statuses)} modules run")
        if not idle or time.monotonic() > deadline:
            return [f"{one.module.id} is {one.state}" for one in idle]
        await asyncio.sleep(_POLL_S)


def _first_keys(
    reached: Reached, pairs: list[tuple[str, str]], deadline: float, say: Say
) -> dict[tuple[str, str], Compared]:
    """One key for each pair, asked for again while there is none."""
    done: dict[tuple[str, str], Compared] = {}
    left = list(pairs)
    with Applications(reached) as applications:
        while left:
            for pair in left:
                done[pair] = applications.exchange(*pair)
            still = [pair for pair in left if done[pair].refused]
            if len(still) < len(left):
                say(f"{len(pairs) - len(still)} of {len(pairs)} pairs have a key")
            left = still
            if time.monotonic() > deadline:
                break
            if left:
                time.sleep(_POLL_S)  # noqa: TID251 - asked again within a bound
    return done


def _more_keys(
    reached: Reached, compared: dict[tuple[str, str], Compared], wanted: Wanted, deadline: float, say: Say
) -> None:
    """Up to so many keys, round by round; `refused` says why a pair stopped short.

    A pair is asked for as many as it last had, twice as many after a success, half after a refusal: what thin links
    and relays can give in a time is far less than what others can.
    """
    with Applications(reached) as applications:
        at_a_time = dict.fromkeys(compared, 1)
        total = sum(one.equal for one in compared.values())
        while time.monotonic() < deadline:
            left = [pair for pair, one in compared.items() if one.equal < wanted.each] if total < wanted.in_all else []
            if not left:
                break
            gained = 0
            # A link that gives as many as a request may ask for is asked again before the others have their turn.
            for pair in (one for one in left for _ in range(_IN_A_ROW if at_a_time[one] == _LARGEST_REQUEST else 1)):
                so_far = compared[pair]
                number = min(at_a_time[pair], wanted.each - so_far.equal, wanted.in_all - total - gained)
                if number < 1 or time.monotonic() > deadline:
                    continue
                more = applications.exchange(*pair, number=number)
                so_far.equal += more.equal
                so_far.mismatches += more.mismatches
                so_far.missing += more.missing
                so_far.refused = more.refused
                at_a_time[pair] = max(1, number // 2) if more.refused else min(_LARGEST_REQUEST, 2 * number)
                gained += more.equal
            total += gained
            say(f"{total} keys compared, {len(left)} pairs to go")
            if not gained:
                time.sleep(_POLL_S)  # noqa: TID251 - stock is awaited within a bound
