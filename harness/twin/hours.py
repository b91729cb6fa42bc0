"""Hours of a network's time in minutes of everybody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.twin.account import Account
from harness.twin.load import Load, Tally
from harness.twin.settings import TwinSettings
from harness.twin.settle import account
from harness.twin.twin import Twin

Say = Callable[[str], None]
TICK_S = 10.0
_SPEED = 100.0
_STEP_S = 120.0
_ROUND_S = 10.0
_KEYS_AT_A_TIME = 8


def for_hours(settings: TwinSettings) -> TwinSettings:
    """Settings for a network whose time is to pass fast: long ticks."""
    return replace(settings, tick_s=TICK_S, speed=max(settings.speed or _SPEED, _SPEED))


async def pass_hours(twin: Twin, hours: float, say: Say = lambda _: None) -> tuple[Account, Tally]:
    """Lets time pass while applications of every pair exchange keys; then all come to rest and it is accounted for.

    Args:
        twin: ready.
        hours: of the plant's time.
        say: told how far it got.

    Raises:
        ContractError: a module was not done with a tick in time.
    """
    sae_of = {kme_id: site.saes[0] for kme_id, site in twin.layout.sites.items() if site.saes}
    pairs = [(sae_of[one], sae_of[other]) for one, other in twin.layout.pairs]
    load = Load(lambda: twin.reached, pairs, number=_KEYS_AT_A_TIME)
    await twin.plant.hold()
    end = twin.plant.time_s + 3600.0 * hours
    async with load:
        while (left := end - twin.plant.time_s) > 0:
            if twin.rounds:
                await twin.next_turn()
            before = load.rounds
            await twin.plant.advance(min(left, _STEP_S))
            # Applications live in everybody's time: they get their turn before the network's time goes on.
            await load.until_round(before + 1, bound_s=_ROUND_S)
            say(f"{max(0.0, end - twin.plant.time_s) / 3600:.2f} h to go, {load.tally.equal} keys compared")
    return await account(twin), load.tally
