"""Key IDs that cannot be served: M5, all or nothing, and what remains (6.4)."""

from __future__ import annotations

import uuid

from conformance.etsi014 import limits
from conformance.etsi014.messages import M5, bad_request, listed_code, no_get, quoted, says
from conformance.etsi014.pair import Pair, same_keys, told
from conformance.etsi014.served import served
from harness.campaign.case import case
from harness.campaign.check import Check

BOTH = ("https", "grpc")


def _verbs(pair: Pair) -> tuple[str, ...]:
    return ("POST",) if pair.binding == "grpc" else ("POST", "GET")


@case(
    "014.fetch.unknown-id",
    "ETSI014-6.4-R1", "ETSI014-6.4-R2", "ETSI014-5.4-R10",
    draws=1, bindings=BOTH,
)  # fmt: skip
def test_a_key_id_that_nobody_has(pair: Pair, check: Check) -> None:
    """A random key ID is answered 400 with M5, by POST and GET; a key ID that exists is served before and after."""
    key = pair.draw_one()
    for verb in _verbs(pair):
        answer = pair.fetch(str(uuid.uuid4()), verb=verb)
        if no_get(answer, verb):
            continue  # no GET at all, which 014.fetch.get judges
        held = not answer.ok and not answer.keys
        check("ETSI014-6.4-R1", held, expected=f"no container ({verb}, unknown ID)", got=answer)
        check("ETSI014-6.4-R2", says(answer, M5), expected=f"{quoted(M5)} ({verb}, unknown ID)", got=answer)
        listed_code(check, "ETSI014-5.4-R10", answer)
    twin = pair.fetch(key)
    check.require(same_keys(twin, [key]), f"a key ID that exists is not served either: {twin.describe()}")


@case(
    "014.fetch.known-and-unknown",
    "ETSI014-6.4-R3", "ETSI014-6.4-R4", "ETSI014-6.4-R5",
    draws=2, shares=2, applies=limits.several_ids, bindings=BOTH,
)  # fmt: skip
def test_all_or_nothing(pair: Pair, check: Check) -> None:
    """One unknown key ID among good ones, first or last, spoils the whole request; the good keys stay available."""
    if not pair.takes_several_ids():
        for requirement in check.unsettled:
            check.not_judged(requirement, "the KME refuses requests for several key IDs (A16)")
        return
    keys = pair.draw(2)
    good, other = keys
    unknown = str(uuid.uuid4())
    for what, ids in (("the unknown one last", (good, unknown)), ("the unknown one first", (unknown, other))):
        answer = pair.fetch(ids)
        check("ETSI014-6.4-R3", not answer.keys, expected=f"no key: {what}", got=answer)
        check("ETSI014-6.4-R4", says(answer, M5), expected=f"{quoted(M5)}: {what}", got=answer)
        if answer.keys:
            check.not_judged("ETSI014-6.4-R5", "the request was served in part")
            return
    for key in keys:
        answer = pair.fetch(key)
        expected = "200, the key, after a request that failed as a whole"
        check("ETSI014-6.4-R5", same_keys(answer, [key]), expected=expected, got=told(answer, [key]))


@case(
    "014.fetch.known-and-spent",
    "ETSI014-6.4-R3", "ETSI014-5.4-R8", "ETSI014-6.4-R5", "ETSI014-5.4-R7",
    draws=2, shares=2, applies=limits.several_ids, bindings=BOTH,
)  # fmt: skip
def test_a_key_that_was_fetched_spoils_a_request(pair: Pair, check: Check) -> None:
    """A key ID that was fetched before, together with a good one: no key at all; the good key is there afterwards."""
    if not pair.takes_several_ids():
        for requirement in check.unsettled:
            check.not_judged(requirement, "the KME refuses requests for several key IDs (A16)")
        return
    spent, good = pair.draw(2)
    first = pair.fetch(spent)
    check.require(same_keys(first, [spent]), f"the first fetch is not served: {first.describe()}")
    answer = pair.fetch([good, spent])
    ids = {key.id.lower() for key in answer.keys}
    check("ETSI014-5.4-R7", spent.id.lower() not in ids, expected="no second copy of the fetched key", got=answer)
    check("ETSI014-6.4-R3", not answer.keys, expected="no key: one of the two was fetched before", got=answer)
    check("ETSI014-5.4-R8", says(answer, M5), expected=quoted(M5), got=answer)
    if answer.keys:
        check.not_judged("ETSI014-6.4-R5", "the request was served, in part at least")
        return
    last = pair.fetch(good)
    expected = "200, the key, after a request that failed as a whole"
    check("ETSI014-6.4-R5", same_keys(last, [good]), expected=expected, got=told(last, [good]))


@case("014.fetch.no-id", "ETSI014-6.4-R10", shares=1, bindings=BOTH)
def test_no_key_id_at_all(pair: Pair, check: Check) -> None:
    """A request with an empty list of key IDs yields no key and is answered 400 with an Error."""
    pair.shared(1)
    answer = pair.fetch([])
    check("ETSI014-6.4-R10", bad_request(answer), expected="400 with an Error: key_IDs is empty", got=answer)


@case("014.key.refusal", "ETSI014-5.3-R6", draws=2, at_risk=2, bindings=BOTH)
def test_a_refused_request_has_no_effect(pair: Pair, check: Check) -> None:
    """After requests that are refused the next valid one is served, and a key handed out before can be fetched."""
    key = pair.draw_one()
    for answer in (
        pair.master.get_key(pair.slave.id, number=0),
        pair.master.get_key(pair.slave.id, size=limits.sizes_above(pair.ics)[0]),
    ):
        check.observe(f"refused: {answer.describe()}")
    fetched = pair.fetch(key)
    same = same_keys(fetched, [key])
    check("ETSI014-5.3-R6", same, expected="200, a key that was handed out before", got=told(fetched, [key]))
    pair.master.get_key(pair.slave.id, number=0)
    # Not `take`, which would try again: the very next request is what this is about.
    served(check, "ETSI014-5.3-R6", pair, pair.master.get_key(pair.slave.id))
