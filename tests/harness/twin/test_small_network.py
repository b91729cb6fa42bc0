"""A small network, raised for real: keys, half an hour of its time, an account to the bit, and a crash."""

from __future__ import annotations

import asyncio
import time

import pytest

from harness.cli.vendors import vendor_entry
from harness.hosting import LaunchSpec
from harness.topology import load
from harness.twin.check import check_twin
from harness.twin.hosts import FORWARDING, KMS, makers_of
from harness.twin.hours import for_hours, pass_hours
from harness.twin.settings import TwinSettings
from harness.twin.settle import account
from harness.twin.twin import Twin, raise_twin

BOUND_S = 60.0


@pytest.mark.timeout(120)
def test_the_ring_makes_keys_balances_and_survives_a_crash() -> None:
    asyncio.run(_ring())


async def _ring() -> None:
    topology = load("barcelona-ring")
    names = (KMS, FORWARDING, *makers_of(topology))
    specs = {name: LaunchSpec(vendor_entry(name).argv(), name=name) for name in names}
    started = time.monotonic()
    async with raise_twin(topology, specs, for_hours(TwinSettings())) as twin:
        checked = await check_twin(twin, started=started, bound_s=BOUND_S)
        assert checked.holds, checked.missing
        found, tally = await pass_hours(twin, 0.1)
        assert found.problems == []
        assert (found.settled, found.lost) == (True, 0)
        assert (tally.wrong, tally.lost) == (0, 0)
        await twin.restart_maker("toshiba")
        await _all_run(twin)
        after = await account(twin)
        assert after.problems == []
        assert after.lost > 0, "what was in the modules is gone, and stands in the books as lost"


async def _all_run(twin: Twin) -> None:
    async with asyncio.timeout(BOUND_S):
        while True:
            if all(one.running for one in await twin.statuses()):
                return
            await asyncio.sleep(0.1)
