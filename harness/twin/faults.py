"""What can go wrong with a network, what it does then, and how long until keys flow again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import grpc

from harness.topology import System
from harness.twin.layout import KeyLink
from harness.twin.load import Load, Pair, longest_gap
from harness.twin.settle import account
from harness.twin.twin import ModuleStatus, Twin
from qkd.device.v1 import module_pb2
from qkd.optical.v1 import plant_pb2

Say = Callable[[str], None]
_POLL_S = 0.1
_MOST_PAIRS = 6
DISTURBED_S = 3.0
KEYS_LIVE_S = 3600


@dataclass
class Outcome:
    """What one fault did.

    Attributes:
        fault: its name.
        where: what it was put on.
        seen: what the network said of it, in words.
        detected: it was noticed as it should be; None = nobody has to.
        compared, wrong, lost: keys while it lasted and until all was well again. Wrong: not equal at both ends.
            Lost: taken by the master, not to be had by the slave.
        longest_gap_s: longest time that an affected pair was without a key, seconds.
        again_s: from the end of the disturbance until every module runs and every affected pair has a new key,
            seconds; None = not within the bound.
        again_plant_s: the same, seconds of the plant's time.
        whole_s: from the fault itself until then: with its duration, or with the restart of what was killed, seconds.
        lost_bits: that a crash took.
        balanced: the account afterwards, to the bit.
        problems: what did not fit, for people.
    """

    fault: str
    where: str
    seen: str = ""
    detected: bool | None = None
    compared: int = 0
    wrong: int = 0
    lost: int = 0
    longest_gap_s: float = 0.0
    again_s: float | None = None
    again_plant_s: float | None = None
    whole_s: float | None = None
    lost_bits: int = 0
    balanced: bool = False
    problems: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Nothing wrong was delivered, it was noticed, all came back, every bit is accounted for."""
        return not self.wrong and self.detected is not False and self.again_s is not None and self.balanced


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        name, where: for people.
        pairs: SAE IDs of pairs that it can affect.
        strike: does it, and undoes it; says what the network said of it, and whether it was noticed.
    """

    name: str
    where: str
    pairs: Sequence[Pair]
    strike: Callable[[Twin], Awaitable[tuple[str, bool | None]]]


async def run_faults(
    twin: Twin, faults: Sequence[Fault], *, bound_s: float, say: Say = lambda _: None
) -> list[Outcome]:
    """Applies faults one after the other, while applications exchange keys and compare every one.

    Args:
        twin: ready.
        faults: see `standard_faults`.
        bound_s: longest wait for all to be well again, for each fault, seconds.
        say: told what is done.
    """
    pairs = list(dict.fromkeys(pair for fault in faults for pair in fault.pairs))
    outcomes = []
    load = Load(lambda: twin.reached, pairs)
    lost_before = 0
    async with load:
        for fault in faults:
            say(f"{fault.name}: {fault.where}")
            outcome = await _one(twin, fault, load, bound_s)
            await load.stop()
            found = await account(twin)
            load.start()
            outcome.balanced = found.balanced and found.settled
            outcome.problems += (
                found.problems if found.settled else [*found.problems, "the network did not come to rest"]
            )
            outcome.lost_bits, lost_before = found.lost - lost_before, found.lost
            outcomes.append(outcome)
    return outcomes


async def _one(twin: Twin, fault: Fault, load: Load, bound_s: float) -> Outcome:
    outcome = Outcome(fault.name, fault.where)
    before, start = load.tally, time.monotonic()
    outcome.seen, outcome.detected = await fault.strike(twin)
    undone, plant_undone = time.monotonic(), twin.plant.time_s
    if await _well(twin, fault, load, undone, bound_s):
        outcome.again_s = time.monotonic() - undone
        outcome.again_plant_s = twin.plant.time_s - plant_undone
        outcome.whole_s = time.monotonic() - start
    end = time.monotonic()
    counted = load.tally.since(before)
    outcome.compared, outcome.wrong, outcome.lost = counted.equal + counted.wrong, counted.wrong, counted.lost
    outcome.longest_gap_s = max(longest_gap(load.given(pair), start, end) for pair in fault.pairs)
    return outcome


async def _well(twin: Twin, fault: Fault, load: Load, since: float, bound_s: float) -> bool:
    """Waits until every module runs and every affected pair has a key that it did not have at `since`."""
    while time.monotonic() < since + bound_s:
        keys = all(load.given(pair)[-1:] > [since] for pair in fault.pairs)
        if keys and all(one.running for one in await twin.statuses()):
            return True
        await asyncio.sleep(_POLL_S)
    return False


# -- what can go wrong ----------------------------------------------------------------------------------


def standard_faults(twin: Twin) -> list[Fault]:
    """One of each kind, where the pair of sites with the most relays between them notices it; see `Fault`."""
    ends, path = _longest_relay(twin)
    pairs = _pairs(twin, ends)
    hop = (path[0], path[1])
    link = next(one for one in twin.layout.links if set(one.ends) == set(hop))
    system = link.systems[0]
    middle = path[len(path) // 2] if len(path) > 2 else path[0]
    span = system.path[0]
    found = [
        Fault("fibre cut", span, pairs, _disturbed(plant_pb2.Disturbance(link_id=span, cut=plant_pb2.Cut()), system)),
        Fault(
            "eavesdropper",
            f"{span}: every signal measured and sent anew",
            pairs,
            _disturbed(plant_pb2.Disturbance(link_id=span, intercept_resend=1.0), system),
        ),
        Fault("module crash", f"kill -9 of all modules of {system.maker}", pairs, _module_crash(system.maker)),
        Fault("LKMS kill -9", f"{middle} and who shares its process", pairs, _kme_crash(middle)),
        Fault("clock step", f"{middle}: two hours ahead, keys live one", pairs, _clock_step(middle, 7200.0)),
        Fault("clock step back", f"{middle}: two hours back", pairs, _clock_step(middle, 0.0)),
    ]
    if len(path) > 2:
        found += [
            Fault("relay kill -9", f"{middle} and who shares its process", pairs, _forwarder_crash(middle)),
            Fault("relay tampering", f"hop {hop[0]} to {hop[1]}, a bit of every message", pairs, _tampering(*hop)),
        ]
    return found


def _longest_relay(twin: Twin) -> tuple[tuple[str, str], list[str]]:
    relayed = [link for link in twin.layout.links if link.relayed and link.ends in twin.layout.pairs]
    ways = [(link.ends, twin.joints.path(link.ends)) for link in relayed]
    if not ways:
        ends = _in_turn(twin)[0]
        return ends, list(ends)
    return max(ways, key=lambda way: len(way[1]))


def _pairs(twin: Twin, ends: tuple[str, str]) -> list[Pair]:
    """SAEs of the pair itself, and of some other pairs: neighbours and relayed ones."""
    links: dict[tuple[str, str], KeyLink] = {link.ends: link for link in twin.layout.links}
    others = sorted(
        (pair for pair in _in_turn(twin) if pair != ends), key=lambda pair: (not set(pair) & set(ends), pair)
    )
    direct = [pair for pair in others if not links[pair].relayed]
    relayed = [pair for pair in others if links[pair].relayed]
    chosen = [ends, *direct[: _MOST_PAIRS // 2], *relayed[: _MOST_PAIRS // 2 - 1]]
    sae_of = {kme_id: site.saes[0] for kme_id, site in twin.layout.sites.items() if site.saes}
    return [(sae_of[one], sae_of[other]) for one, other in chosen]


def _in_turn(twin: Twin) -> list[tuple[str, str]]:
    """Pairs that get new keys now: while systems take turns, whose keys are gone waits for its turn, not for us."""
    turn = {twin.layout.kme_pair(system) for system in twin.systems_in_turn()}
    direct = {link.ends for link in twin.layout.links if not link.relayed}
    return [pair for pair in twin.layout.pairs if pair in turn or pair not in direct]


def _disturbed(disturbance: plant_pb2.Disturbance, system: System) -> Callable[[Twin], Awaitable[tuple[str, bool]]]:
    async def strike(twin: Twin) -> tuple[str, bool]:
        twin.plant.disturb(disturbance)
        try:
            noticed = await _until(lambda: _stopped(twin, system))
            await asyncio.sleep(DISTURBED_S)  # it lasts: applications live on what is in stock
            states = await _of_system(twin, system)
        finally:
            twin.plant.disturb(disturbance, clear=True)
        return f"{system.id}: {', '.join(one.state.lower() for one in states)}", noticed

    return strike


async def _of_system(twin: Twin, system: System) -> list[ModuleStatus]:
    return [one for one in await twin.statuses() if one.module.id in system.modules]


async def _stopped(twin: Twin, system: System) -> bool:
    """No module of the system makes keys."""
    return not any(
        one.status.state in (module_pb2.MODULE_STATE_RUNNING, module_pb2.MODULE_STATE_DEGRADED)
        for one in await _of_system(twin, system)
    )


def _module_crash(maker: str) -> Callable[[Twin], Awaitable[tuple[str, None]]]:
    async def strike(twin: Twin) -> tuple[str, None]:
        await twin.restart_maker(maker)
        return "started anew, without the keys that were in the modules", None

    return strike


def _kme_crash(kme_id: str) -> Callable[[Twin], Awaitable[tuple[str, None]]]:
    async def strike(twin: Twin) -> tuple[str, None]:
        await twin.restart_kme(kme_id)
        return "started anew on the store that it left", None

    return strike


def _forwarder_crash(kme_id: str) -> Callable[[Twin], Awaitable[tuple[str, None]]]:
    async def strike(twin: Twin) -> tuple[str, None]:
        await twin.restart_forwarder(kme_id)
        return "started anew, without the keys that it held", None

    return strike


def _tampering(kme_id: str, neighbour: str) -> Callable[[Twin], Awaitable[tuple[str, bool]]]:
    async def strike(twin: Twin) -> tuple[str, bool]:
        proxy = await twin.joints.tap(kme_id, neighbour)
        refused = (await twin.forwarding(neighbour)).tampered
        proxy.tampering = True

        async def seen() -> bool:
            return (await twin.forwarding(neighbour)).tampered > refused

        try:
            noticed = await _until(seen)
            await asyncio.sleep(DISTURBED_S)
        finally:
            proxy.tampering = False
        refused = (await twin.forwarding(neighbour)).tampered - refused
        return f"{refused} messages refused by their MAC, {proxy.turned} bits turned", noticed

    return strike


def _clock_step(kme_id: str, offset_s: float) -> Callable[[Twin], Awaitable[tuple[str, None]]]:
    async def strike(twin: Twin) -> tuple[str, None]:
        before = await _expired(twin, kme_id)
        twin.step_clock(kme_id, offset_s)
        await asyncio.sleep(DISTURBED_S)
        return f"{await _expired(twin, kme_id) - before} bits expired", None

    return strike


async def _expired(twin: Twin, kme_id: str) -> int:
    return sum(link.expired_bits for link in (await twin.calls.store(kme_id)).links)


async def _until(holds: Callable[[], Awaitable[bool]], bound_s: float = 20.0) -> bool:
    loop = asyncio.get_running_loop()
    until = loop.time() + bound_s
    while loop.time() < until:
        try:
            if await holds():
                return True
        except grpc.aio.AioRpcError:
            pass  # it may be coming up again
        await asyncio.sleep(_POLL_S)
    return False
