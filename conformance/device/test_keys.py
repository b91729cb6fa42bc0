"""The keys themselves: as random ones, and nowhere but where they belong."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from typing import Final

from conformance.device.lab import DeviceLab
from conformance.device.pair import Pair
from conformance.quality import Property, Sample, Specimen, judge, power, shortage
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.module_bench import ONE, PAIR

_BITS: Final = 1 << 15
_SHOWS: Final = 12
"""So many octets in a row make a key out in a log: by chance they stand there with a probability below 2^-70."""
_REQUIREMENTS: Final = {
    Property.BALANCED: ("DEV-KEYS-1", "bits as balanced as random ones"),
    Property.RUNS: ("DEV-KEYS-2", "runs of equal bits as in random ones"),
    Property.PATTERNS: ("DEV-KEYS-3", "bit patterns and octets spread as in random ones"),
    Property.NOT_REPEATED: ("DEV-KEYS-4", "blocks that do not repeat themselves"),
    Property.INDEPENDENT: ("DEV-KEYS-5", "blocks independent of each other and of their IDs"),
    Property.NOT_COMPUTABLE: ("DEV-KEYS-6", "blocks that follow neither from public names nor from earlier ones"),
}


@case("device.keys.random", *(name for name, _ in _REQUIREMENTS.values()))
def test_the_keys_look_random(running: Pair, check: Check) -> None:
    """No test tells 32,768 bits or more of blocks from random ones, with less than one false alarm in a million."""
    octets = max(1, running.capabilities[ONE].block_octets)
    blocks = running.gather(max(12, -(-_BITS // (8 * octets))))[ONE]
    sample = Sample([Specimen(_name(block.block_id), block.octets) for block in blocks])
    check.observe(power(sample))
    check.require(not shortage(sample), f"too few keys: {shortage(sample)}")
    names = [
        *(running.bench.modules[end].module_id for end in running.ends),
        *(one.serial for one in running.capabilities.values()),
    ]
    for about, judgement in judge(sample, [name for name in names if name]).items():
        requirement, expected = _REQUIREMENTS[about]
        check(requirement, not judgement.odd, expected=expected, got=judgement.describe())


def _name(block_id: bytes) -> str:
    return str(uuid.UUID(bytes=block_id)) if len(block_id) == 16 else block_id.hex()


@case("device.keys.fresh", "DEV-KEYS-7")
def test_every_life_has_keys_of_its_own(lab: DeviceLab, running: Pair, check: Check) -> None:
    """Modules that were raised twice over the same fibre under the same names share no block and no block ID."""
    first = running.gather(16)[ONE]
    with lab.pair() as again:
        again.to_running()
        second = again.gather(16)[ONE]
    ids = len({one.block_id for one in first} & {one.block_id for one in second})
    keys = len({one.octets for one in first} & {one.octets for one in second})
    check("DEV-KEYS-7", ids + keys == 0, expected="none in common", got=f"{ids} IDs and {keys} keys in common")


@case("device.secrets.log", "DEV-SECRET-1")
def test_no_key_in_the_log(running: Pair, check: Check) -> None:
    """Neither making nor handing over 40 blocks, nor a resync, leaves key octets in the log in any usual form."""
    running.gather(40)
    for end in running.ends:
        running.answer(end, "Resync")
    running.advance(4)
    log = running.log_text()
    found = sum(any(form in log for form in _forms(block.octets)) for end in PAIR for block in running.bench.taken[end])
    check("DEV-SECRET-1", found == 0, expected="no key octets", got=f"{found} blocks in {len(log)} characters of log")


def _forms(octets: bytes) -> Iterator[str]:
    """How the beginning of a key may stand in a log."""
    head = octets[:_SHOWS]
    yield head.hex()
    yield head.hex().upper()
    yield head.hex(" ")
    yield head.hex(":")
    yield base64.b64encode(head).decode()
    yield base64.urlsafe_b64encode(head).decode()
    yield repr(head)[2:-1]
    yield ", ".join(str(one) for one in head)
    yield str(int.from_bytes(head, "big"))
