"""Key blocks: the same at both ends, each under an ID of its own, in order, and gone when they are released."""

from __future__ import annotations

from typing import Final

from conformance.device.pair import Pair
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.campaign.ics import Ics
from harness.testbed.module_bench import PAIR

MANY: Final = 150


@case("device.blocks.same", "DEV-BLOCK-1", "DEV-BLOCK-2", "DEV-BLOCK-3", "DEV-BLOCK-4", "DEV-BLOCK-5")
def test_blocks_are_the_same_at_both_ends(running: Pair, check: Check) -> None:
    """150 blocks have the same IDs and octets at both ends, no ID twice, and the length that was stated."""
    running.gather(MANY)
    missing = running.missing()
    for end in PAIR:
        blocks = running.bench.taken[end]
        ids = [block.block_id for block in blocks]
        odd = sum(len(name) != 16 for name in ids)
        check("DEV-BLOCK-1", odd == 0, expected="16 octets each", got=f"{end}: {odd} of {len(ids)} IDs differ")
        twice = len(ids) - len(set(ids))
        check("DEV-BLOCK-2", twice == 0, expected="no ID twice", got=f"{end}: {twice} of {len(ids)} IDs again")
        got = f"{end} lacks {missing[end]} of the blocks of the other end"
        check("DEV-BLOCK-3", missing[end] == 0, expected="the same IDs at both ends", got=got)
        wanted = running.capabilities[end].block_octets
        wrong = sum(len(block.octets) != wanted for block in blocks)
        got = f"{end}: {wrong} of {len(blocks)} have another length"
        check("DEV-BLOCK-5", wrong == 0, expected=f"{wanted} octets each", got=got)
    different = running.different()
    got = f"{different} of about {len(running.bench.taken[PAIR[0]])} blocks differ"
    check("DEV-BLOCK-4", different == 0, expected="the same octets under one ID", got=got)


@case(
    "device.blocks.in-order", "DEV-BLOCK-6", "DEV-BLOCK-7", "DEV-BLOCK-8",
    ics={"numbered": True},
)  # fmt: skip
def test_blocks_come_in_order(running: Pair, ics: Ics, check: Check) -> None:
    """Sequence numbers run from 0 without gaps; each block names its peer and when it was made."""
    taken = running.gather(40)
    for end in PAIR:
        blocks = taken[end]
        numbers = [block.sequence for block in blocks]
        first = next((place for place, number in enumerate(numbers) if number != place), None)
        got = f"{end}: 0 to {len(numbers) - 1}" if first is None else f"{end}: {numbers[first]} where {first} belongs"
        check("DEV-BLOCK-6", first is None, expected="0, 1, 2, …", got=got)
        times = [block.time_s or 0.0 for block in blocks]
        sound = times == sorted(times) and times[0] > 0 and times[-1] <= running.time_s + running.fibre.tick_s
        check(
            "DEV-BLOCK-7",
            sound,
            expected="the plant's time, not falling",
            got=f"{end}: {times[0]:.2f} to {times[-1]:.2f} s",
        )
        if ics.flag("push"):
            continue
        peer = running.bench.peers_of(end)[0]
        named = {block.peer_module_id for block in blocks}
        check("DEV-BLOCK-8", named == {peer}, expected=peer, got=f"{end}: {', '.join(sorted(named))}")
    if ics.flag("push"):
        check.not_judged("DEV-BLOCK-8", "blocks that are pushed name no peer")


@case("device.blocks.again", "DEV-BLOCK-9", "DEV-RELEASE-1", "DEV-RELEASE-2", ics={"numbered": True})
def test_blocks_can_be_had_again_until_they_are_released(running: Pair, check: Check) -> None:
    """Asked again, a module gives the same blocks with the same octets; released ones are gone, later ones are not."""
    running.stock(4)
    first = running.collect()
    check.require(all(len(blocks) >= 4 for blocks in first.values()), "too few blocks")
    for end in PAIR:
        again = running.again(end, 0, len(first[end]))
        same = [(b.block_id, b.octets, b.sequence) for b in again] == [
            (b.block_id, b.octets, b.sequence) for b in first[end]
        ]
        got = f"{end}: {len(again)} of {len(first[end])}, {'the same' if same else 'others'}"
        check("DEV-BLOCK-9", same, expected="the same blocks", got=got)
    running.release()
    for end in PAIR:
        status = running.status(end)
        bits = 8 * sum(len(block.octets) for block in first[end])
        held = running.settles(lambda end=end, bits=bits: running.status(end).handed_over_bits == bits)  # type: ignore[misc]
        status = running.status(end)
        got = f"{end}: {status.handed_over_bits} of {bits} bits handed over"
        check("DEV-RELEASE-1", held, expected="counted as handed over", got=got)
        running.advance(1)
        released = {block.block_id for block in first[end]}
        again = running.again(end, 0, 1, bound_s=0.5)
        gone = not released & {block.block_id for block in again}
        check(
            "DEV-RELEASE-2",
            gone,
            expected="released blocks are gone",
            got=f"{end}: {'gone' if gone else 'served again'}",
        )


@case("device.push.hello", "DEV-PUSH-1", "DEV-PUSH-2", ics={"push": True})
def test_a_module_that_pushes_says_hello(running: Pair, check: Check) -> None:
    """The module dials, says hello under its source ID and with its token, and begins where the KMS wants."""
    taken = running.gather(3)
    for end in PAIR:
        hellos = running.hellos(end)
        check("DEV-PUSH-1", bool(hellos), expected="a hello with the token", got=f"{end}: {len(hellos)}")
        named = {hello.source_id for hello in hellos}
        check("DEV-PUSH-1", named == {running.source_id}, expected=running.source_id, got=f"{end}: {sorted(named)}")
        first = taken[end][0].sequence
        check("DEV-PUSH-2", first == 0, expected="from the welcomed number, 0", got=f"{end}: {first}")
