"""A store that nobody empties: it says so when it is full, and goes on when it is emptied."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from conformance.device.lab import DeviceLab
from conformance.device.pair import MAKING, Pair, made
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.module_bench import PAIR

_LONGER: Final = 100
"""Ticks are so much longer than in other cases, so that few of them fill a store."""
_TICKS: Final = 24
_STILL: Final = 3
_MOST_BLOCKS: Final = 4096


@case("device.store.full", "DEV-FULL-1", "DEV-FULL-2", "DEV-FULL-3")
def test_a_full_store_is_told(lab: DeviceLab, check: Check) -> None:
    """When nobody takes blocks and the store is full, STORE_FULL stands, the account balances; emptied, keys flow."""
    with lab.pair(replace(lab.fibre, tick_s=_LONGER * lab.fibre.tick_s)) as pair:
        pair.to_running()
        if not _fill(pair):
            for requirement in ("DEV-FULL-1", "DEV-FULL-2", "DEV-FULL-3"):
                check.not_judged(requirement, f"no store was full after {_TICKS * _LONGER} ordinary ticks")
            return
        told = pair.alarmed(lambda bench: any("STORE_FULL" in bench.standing(end) for end in PAIR))
        standing = ", ".join(sorted(code for end in PAIR for code in pair.standing(end))) or "none"
        check("DEV-FULL-1", told, expected="an alarm STORE_FULL", got=standing)
        for end in PAIR:
            status = pair.status(end)
            kept = status.handed_over_bits + status.in_store_bits + status.destroyed_bits
            got = f"{end}: {status.distilled_bits} distilled, {kept} accounted for"
            check("DEV-FULL-2", status.distilled_bits == kept, expected="the account balances", got=got)
        _emptied(pair, check)


def _fill(pair: Pair) -> bool:
    """Whether both ends stop making key though they run."""
    still = 0
    for _ in range(_TICKS):
        before, after = pair.run(1)
        idle = all(made([before, after], end) == 0 and after.state(end) in MAKING for end in PAIR)
        still = still + 1 if idle else 0
        if still >= _STILL and all(after.statuses[end].in_store_bits for end in PAIR):
            return True
    return False


def _emptied(pair: Pair, check: Check) -> None:
    block = 8 * max(1, pair.capabilities[PAIR[0]].block_octets)
    if pair.status(PAIR[0]).in_store_bits // block > _MOST_BLOCKS:
        check.not_judged("DEV-FULL-3", "the store is too large to be emptied here")
        return
    pair.collect(bound_s=20.0)
    pair.release()
    samples = pair.run(3)
    for end in PAIR:
        bits = made(samples, end)
        check("DEV-FULL-3", bits > 0, expected="keys flow again", got=f"{end}: {bits} bits in 3 ticks")
