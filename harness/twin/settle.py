"""Brings a network to rest, so that its account can be read, and has it go on afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harness.twin.account import Account, Readings, balance
from harness.twin.twin import Twin

_POLL_S = 0.3
_ALIKE = 4
_BOUND_S = 30.0


@asynccontextmanager
async def at_rest(twin: Twin) -> AsyncIterator[None]:
    """While the body runs no time passes in the plant and nothing is relayed. Applications are not stopped."""
    await twin.plant.hold()
    await twin.joints.set_routes(none=True)
    try:
        yield
    finally:
        await twin.joints.set_routes()
        twin.plant.go_on()


async def account(twin: Twin, *, bound_s: float = _BOUND_S) -> Account:
    """The account of a network whose applications are at rest.

    Args:
        twin: goes on afterwards.
        bound_s: of waiting until nothing changes any more, seconds; then it is read as it is, `settled` False.
    """
    loop = asyncio.get_running_loop()
    async with at_rest(twin):
        until, alike = loop.time() + bound_s, 1
        last = await twin.readings()
        while alike < _ALIKE and loop.time() < until:
            await asyncio.sleep(_POLL_S)
            now = await twin.readings()
            alike = alike + 1 if _same(last, now) else 1
            last = now
        found = balance(twin.layout, last, twin.ledger)
        found.settled = alike >= _ALIKE
        return found


def _same(one: Readings, other: Readings) -> bool:
    """Whether the accounts are the same; what modules measure may differ."""
    bits = [
        {
            name: (status.distilled_bits, status.handed_over_bits, status.in_store_bits, status.destroyed_bits)
            for name, status in each.modules.items()
        }
        for each in (one, other)
    ]
    return bits[0] == bits[1] and one.stores == other.stores and one.forwarders == other.forwarders
