"""Several requests at the same moment (5.3, 5.4, 6.4): what holds for one after another holds for all at once."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from conformance.etsi014 import limits
from conformance.etsi014.gate import Gate
from conformance.etsi014.messages import M5
from conformance.etsi014.pair import Bench, Pair, Told, same_keys, told
from conformance.etsi014.volley import MOST, Fetch, Take, Volley, volley
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.wire.etsi014 import Answer, DeliveredKey

BOTH = ("https", "grpc")
_ONE_KEY_ROUNDS = 6
_TAKE_ROUNDS, _TAKERS = 2, 6
_DIRECTION_ROUNDS, _EACH_WAY = 2, 2
_OVERLAP_ROUNDS = 3
_BLOCKED_AFTER_S = 3.0


@case(
    "014.parallel.one-key",
    "ETSI014-5.4-R12", "ETSI014-5.4-R13", "ETSI014-5.4-R1",
    draws=_ONE_KEY_ROUNDS, bindings=BOTH,
)  # fmt: skip
def test_one_of_many_simultaneous_fetches_is_served(pair: Pair, bench: Bench, check: Check) -> None:
    """Eight simultaneous requests of the slave for one key: one of them gets it, and no other; six rounds."""
    keys = pair.draw(_ONE_KEY_ROUNDS)
    decided = 0
    with volley(bench, pair.binding) as shots:
        for key in keys:
            answers = shots.fire([Fetch(pair.slave_role, pair.master.id, (key.id,))] * MOST)
            decided += _delivered_once(check, pair, key, answers)
    check.require(decided == len(keys), "an answer was cut off, and the key may have been in it")


def _delivered_once(check: Check, pair: Pair, key: DeliveredKey, answers: Sequence[Answer]) -> bool:
    """Judge one round; False when an answer was cut off, so that the key may have been in it."""
    winners = [answer for answer in answers if answer.keys]
    shown = (winners or list(answers))[-1]
    count = f"{len(winners)} of {len(answers)} simultaneous requests were served"
    check("ETSI014-5.4-R12", len(winners) <= 1, expected="at most one served", got=Told(shown, count))
    # None may be served while all of them compete, as long as the key is still there afterwards.
    won = winners[0] if winners else pair.fetch(key)
    if not won.keys and won.status is not None and any(_cut(answer) for answer in answers):
        return False
    got = told(won, [key])
    check("ETSI014-5.4-R13", bool(won.keys), expected="one served, then or afterwards", got=got)
    check("ETSI014-5.4-R1", same_keys(won, [key]), expected="the key as the master has it", got=got)
    return True


@case(
    "014.parallel.take",
    "ETSI014-5.3-R1", "ETSI014-5.3-R2", "ETSI014-5.4-R1",
    draws=_TAKE_ROUNDS * _TAKERS, bindings=BOTH,
)  # fmt: skip
def test_simultaneous_takers_get_different_keys(pair: Pair, bench: Bench, check: Check) -> None:
    """Six simultaneous requests for a key yield six different ones, all of which the slave can fetch; two rounds."""
    answers: list[Answer] = []
    with volley(bench, pair.binding) as shots:
        for _ in range(_TAKE_ROUNDS):
            answers += shots.fire([Take(pair.master_role, pair.slave.id)] * _TAKERS)
    _still_answering(check, pair, answers)
    keys = [key for answer in answers for key in answer.keys]
    check.require(len(keys) > _TAKERS, f"{len(keys)} of {len(answers)} requests were served, {answers[-1].describe()}")
    _all_different(check, answers)
    _each_is_fetched(check, pair, keys)


def _still_answering(check: Check, pair: Pair, answers: Sequence[Answer]) -> None:
    """Judge that requests at the same moment do not leave the KME unable to answer."""
    silent = [answer for answer in answers if answer.failure == "timeout"]
    # Slow is lawful: whoever did not wait long enough asks once more.
    shown = pair.take() if silent else answers[-1]
    if shown.ok or not silent:
        check(
            "ETSI014-5.3-R1", True, expected="an answer to each", got=f"{len(answers) - len(silent)} answered in time"
        )
    elif shown.status is None or not pair.lacks(shown):
        got = Told(shown, f"{len(silent)} of {len(answers)} simultaneous requests were not answered before")
        check("ETSI014-5.3-R1", False, expected="200, after requests at the same moment", got=got)


def _all_different(check: Check, answers: Sequence[Answer]) -> None:
    keys = [key for answer in answers for key in answer.keys]
    ids, materials = {key.id.lower() for key in keys}, {key.material for key in keys}
    wrong = [f"{len(keys) - len(seen)} {what} given twice" for seen, what in ((ids, "IDs"), (materials, "keys"))
             if len(seen) < len(keys)]  # fmt: skip
    expected = f"{len(keys)} different keys with different IDs"
    check("ETSI014-5.3-R2", not wrong, expected=expected, got="; ".join(wrong) or f"{len(keys)} different ones")


def _each_is_fetched(check: Check, pair: Pair, keys: Sequence[DeliveredKey]) -> None:
    for part, answer in pair.fetch_each(keys):
        expected = f"{len(part)} keys as the master has them"
        check("ETSI014-5.4-R1", same_keys(answer, part), expected=expected, got=told(answer, part))


@case(
    "014.parallel.both-directions",
    "ETSI014-5.3-R1", "ETSI014-5.3-R2", "ETSI014-5.4-R1", "ETSI014-3.1-R1",
    draws=_DIRECTION_ROUNDS * 2 * _EACH_WAY,
)  # fmt: skip
def test_both_directions_at_once(pair: Pair, bench: Bench, check: Check) -> None:
    """Both SAEs take keys as masters at the same moment, then fetch as slaves at the same moment: all keys agree."""
    ends = (pair, pair.back)
    with volley(bench, pair.binding) as shots:
        for _ in range(_DIRECTION_ROUNDS):
            wishes = [Take(end.master_role, end.slave.id) for end in ends for _ in range(_EACH_WAY)]
            taken = shots.fire(wishes)
            _still_answering(check, pair, taken)
            served = [(ends[place // _EACH_WAY], answer) for place, answer in enumerate(taken) if answer.keys]
            check.require(len({end.master.id for end, _ in served}) == 2, f"not served both ways: {_refusal(taken)}")
            _all_different(check, taken)
            bench.lag.let_pass()
            _fetched_both_ways(check, shots, served)


def _fetched_both_ways(check: Check, shots: Volley, served: Sequence[tuple[Pair, Answer]]) -> None:
    wanted = [(end, answer.keys[0]) for end, answer in served]
    fetched = shots.fire([Fetch(end.slave_role, end.master.id, (key.id,)) for end, key in wanted])
    for (end, key), first in zip(wanted, fetched, strict=True):
        answer = end.fetch(key) if _settles(first) else first
        held = same_keys(answer, [key])
        expected = f"the key as {end.master.id} has it"
        check("ETSI014-5.4-R1", held, expected=expected, got=told(answer, [key]))
        check("ETSI014-3.1-R1", held, expected=f"200 for {end.slave.id} as slave", got=told(answer, [key]))


@case(
    "014.parallel.overlapping-sets",
    "ETSI014-6.4-R3", "ETSI014-6.4-R5", "ETSI014-5.4-R12",
    draws=3 * _OVERLAP_ROUNDS, applies=limits.several_ids,
)  # fmt: skip
def test_overlapping_sets_of_keys(pair: Pair, bench: Bench, check: Check) -> None:
    """Simultaneous requests for {1, 2} and {2, 3}: each gets all or nothing, no key comes twice, none gets lost."""
    drawn = pair.draw(3 * _OVERLAP_ROUNDS)
    with volley(bench, pair.binding) as shots:
        for start in range(0, len(drawn), 3):
            keys = drawn[start : start + 3]
            sets = [keys[:2], keys[1:]] * 2
            wishes = [Fetch(pair.slave_role, pair.master.id, tuple(key.id for key in each)) for each in sets]
            _whole_and_once(check, pair, keys, sets, shots.fire(wishes))


def _whole_and_once(
    check: Check,
    pair: Pair,
    keys: Sequence[DeliveredKey],
    sets: Sequence[Sequence[DeliveredKey]],
    answers: Sequence[Answer],
) -> None:
    delivered: list[str] = []
    for wanted, answer in zip(sets, answers, strict=True):
        delivered += [key.id.lower() for key in answer.keys]
        whole = not answer.keys or same_keys(answer, wanted)
        check("ETSI014-6.4-R3", whole, expected="both keys asked for, or none", got=told(answer, wanted))
    twice = len(delivered) - len(set(delivered))
    shown = Told(answers[-1], f"{len(delivered)} keys in {len(answers)} answers, {twice} of them twice")
    check("ETSI014-5.4-R12", not twice, expected="no key in two answers", got=shown)
    if any(_cut(answer) for answer in answers):
        check.not_judged("ETSI014-6.4-R5", "an answer was cut off; keys may have been in it")
        return
    for key in keys:
        if key.id.lower() not in delivered:
            answer = pair.fetch(key)
            expected = "the key that no request got, afterwards"
            check("ETSI014-6.4-R5", same_keys(answer, [key]), expected=expected, got=told(answer, [key]))
    if len(set(delivered)) == len(keys):
        check.not_judged("ETSI014-6.4-R5", "every key was delivered in the race")


@case(
    "014.parallel.refusals-between",
    "ETSI014-5.4-R1", "ETSI014-6.4-R1",
    draws=MOST // 2,
)  # fmt: skip
def test_refusals_in_between_do_not_disturb(pair: Pair, bench: Bench, check: Check) -> None:
    """Requests for known and for unknown key IDs at the same moment: each gets its own answer."""
    keys = pair.draw(MOST // 2)
    with volley(bench, pair.binding) as shots:
        ids = [each for key in keys for each in (key.id, str(uuid4()))]
        answers = shots.fire([Fetch(pair.slave_role, pair.master.id, (each,)) for each in ids])
    for key, known, unknown in zip(keys, answers[::2], answers[1::2], strict=True):
        answer = pair.fetch(key) if _settles(known) else known
        check("ETSI014-5.4-R1", same_keys(answer, [key]), expected="200, the key asked for", got=told(answer, [key]))
        check("ETSI014-6.4-R1", not unknown.keys, expected="no key for an unknown ID", got=unknown)


@case(
    "014.parallel.third-party",
    "ETSI014-5.4-R3", "ETSI014-5.4-R6",
    draws=MOST // 2, needs=("third-at-slave",), bindings=BOTH,
)  # fmt: skip
def test_a_third_sae_at_the_same_moment(pair: Pair, bench: Bench, check: Check) -> None:
    """Slave and third SAE ask for the same keys at the same moment: the slave gets them, the third none."""
    keys = pair.draw(MOST // 2)
    third = bench.roles.third
    assert third is not None
    with volley(bench, pair.binding) as shots:
        wishes = [Fetch(role, pair.master.id, (key.id,)) for role in (third, pair.slave_role) for key in keys]
        answers = shots.fire(wishes)
    for key, foreign, own in zip(keys, answers[: len(keys)], answers[len(keys) :], strict=True):
        check("ETSI014-5.4-R3", not foreign.keys, expected=f"no key for {third.id}", got=foreign)
        answer = pair.fetch(key) if _settles(own) else own
        if not foreign.keys:
            expected = f"200, the key for {pair.slave.id}"
            check("ETSI014-5.4-R6", same_keys(answer, [key]), expected=expected, got=told(answer, [key]))
    if all(foreign.keys for foreign in answers[: len(keys)]):
        check.not_judged("ETSI014-5.4-R6", "the third SAE was not refused")


@case("014.parallel.unfinished-request", "ETSI014-A8-R8", disturbs=True)
def test_an_unfinished_request_blocks_nobody(pair: Pair, bench: Bench, check: Check) -> None:
    """While one SAE has not finished sending a request, another connection is served within three seconds."""
    gate = Gate(bench, pair.master_role, pair.slave_role)
    gate.require_known(check)
    with volley(bench, pair.binding) as shots:
        shots.leave_unfinished(Take(pair.master_role, pair.slave.id))
        answer = gate.knock_as_known(within_s=_BLOCKED_AFTER_S).answer
        check("ETSI014-A8-R8", answer.ok, expected="a Status while another request is unfinished", got=answer)
    served = bench.campaign.await_until(lambda: gate.knock_as_known().admitted, "the KME to recover", 10.0)
    check.require(served, "the KME does not recover from an unfinished request")


def _settles(answer: Answer) -> bool:
    """Whether asking once more is fair: the KME had too much to do, or the key may still be on its way to it.

    Nothing is said about how many requests it serves at once, nor about how soon the slave's KME has a key.
    """
    busy = answer.status in {429, 503} or (answer.status is None and answer.rejected)
    return busy or (answer.refused_with(400) and answer.error_message == M5)


def _cut(answer: Answer) -> bool:
    """Whether keys may have been lost on the way."""
    return answer.status is None and not answer.rejected


def _refusal(answers: Sequence[Answer]) -> str:
    return next((answer.describe() for answer in answers if not answer.ok), "no keys")
