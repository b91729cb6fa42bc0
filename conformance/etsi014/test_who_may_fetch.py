"""Who may fetch which key (5.4)."""

from __future__ import annotations

import uuid

from conformance.etsi014 import limits
from conformance.etsi014.messages import listed_code, no_get
from conformance.etsi014.pair import Pair, same_keys, told
from harness.campaign.case import case
from harness.campaign.check import Check

BOTH = ("https", "grpc")


@case(
    "014.fetch.foreign-sae",
    "ETSI014-5.4-R2", "ETSI014-5.4-R3", "ETSI014-5.4-R6", "ETSI014-5.4-R10",
    draws=1, needs=("third",), bindings=BOTH,
)  # fmt: skip
def test_a_foreign_sae_is_refused_and_the_key_stays_for_its_owner(pair: Pair, check: Check) -> None:
    """An SAE not named when the key was taken gets 401 and no key, by POST or GET; the named slave gets it later."""
    key = pair.draw_one()
    at_slave = pair.third.kme_id == pair.slave.kme_id
    for verb in ("POST",) if pair.binding == "grpc" else ("POST", "GET"):
        answer = pair.fetch(key, by=pair.third, verb=verb)
        if no_get(answer, verb):
            continue  # no GET at all, which 014.fetch.get judges
        why = f"{pair.third.id} was not supplied to Get key ({verb})"
        check("ETSI014-5.4-R3", not answer.keys, expected=f"no key: {why}", got=answer)
        listed_code(check, "ETSI014-5.4-R10", answer)
        if at_slave:
            check("ETSI014-5.4-R2", answer.refused_with(401), expected=f"401: {why}", got=answer)
    if not at_slave:
        # A KME that has no copy of the key cannot know to whom it belongs.
        check.not_judged("ETSI014-5.4-R2", f"{pair.third.id} is not at the slave's KME")
    fetched = pair.fetch(key)
    same = same_keys(fetched, [key])
    check("ETSI014-5.4-R6", same, expected=f"200, the key, for {pair.slave.id} afterwards", got=told(fetched, [key]))


@case(
    "014.fetch.own-and-foreign",
    "ETSI014-5.4-R4", "ETSI014-5.4-R5", "ETSI014-5.4-R6",
    draws=2, shares=2, needs=("third-at-slave",), applies=limits.several_ids, bindings=BOTH,
)  # fmt: skip
def test_one_foreign_key_spoils_the_request(pair: Pair, check: Check) -> None:
    """A request for an own key and one of another slave, in either order, gets 401 and no key; both keys stay."""
    if not pair.takes_several_ids():
        for requirement in check.unsettled:
            check.not_judged(requirement, "the KME refuses requests for several key IDs (A16)")
        return
    mine = pair.draw_one()
    stock = pair.bench.stock(pair.master, pair.third.id)
    taken = stock.serve(lambda: pair.master.get_key(pair.third.id))
    if not taken.keys:
        # The two need not be allowed to share keys; nothing in 014 says who may talk to whom.
        for requirement in check.unsettled:
            check.not_judged(requirement, f"no key by {pair.master.id} for {pair.third.id}: {taken.describe()}")
        return
    theirs = taken.keys[0]
    for ids in ((mine, theirs), (theirs, mine)):
        answer = pair.fetch(ids)
        check("ETSI014-5.4-R4", not answer.keys, expected="no key: one of the two belongs to another slave", got=answer)
        check("ETSI014-5.4-R5", answer.refused_with(401), expected="401", got=answer)
        if answer.keys:
            check.not_judged("ETSI014-5.4-R6", "the request was served")
            return
    for key, owner in ((mine, pair.slave), (theirs, pair.third)):
        fetched = pair.fetch(key, by=owner)
        same = same_keys(fetched, [key])
        check("ETSI014-5.4-R6", same, expected=f"200, the key, for {owner.id} afterwards", got=told(fetched, [key]))


@case(
    "014.fetch.unknown-and-foreign",
    "ETSI014-A10-R1", "ETSI014-A10-O1", "ETSI014-5.4-R6",
    draws=1, shares=2, needs=("third",), applies=limits.several_ids, bindings=BOTH,
)  # fmt: skip
def test_unknown_and_foreign_key_ids(pair: Pair, check: Check) -> None:
    """An SAE that asks for another's key and an unknown one gets no key; whether by 401 or 400 is noted."""
    if not pair.takes_several_ids():
        for requirement in check.unsettled:
            check.not_judged(requirement, "the KME refuses requests for several key IDs (A16)")
        return
    key = pair.draw_one()
    answer = pair.fetch([key.id, str(uuid.uuid4())], by=pair.third)
    check("ETSI014-A10-R1", not answer.keys and not answer.ok, expected="no key", got=answer)
    check("ETSI014-A10-O1", answer.refused_with(400, 401), expected="401 or 400", got=answer)
    fetched = pair.fetch(key)
    same = same_keys(fetched, [key])
    check("ETSI014-5.4-R6", same, expected=f"200, the key, for {pair.slave.id} afterwards", got=told(fetched, [key]))


@case(
    "014.fetch.wrong-master",
    "ETSI014-A11-R1", "ETSI014-A11-O1", "ETSI014-5.4-R6",
    draws=1, needs=("third",), bindings=BOTH,
)  # fmt: skip
def test_a_key_under_the_id_of_another_master(pair: Pair, check: Check) -> None:
    """The slave that names an SAE which is not the master in the path gets no key; with the master in it, it does."""
    key = pair.draw_one()
    answer = pair.fetch(key, master=pair.third.id)
    why = f"{pair.third.id} did not take the key"
    if not check("ETSI014-A11-R1", not answer.keys, expected=f"no key: {why}", got=answer):
        check("ETSI014-A11-O1", False, expected="400 or 401", got=answer)
        check.not_judged("ETSI014-5.4-R6", "the request was served")
        return
    check("ETSI014-A11-O1", answer.refused_with(400, 401), expected=f"400 or 401: {why}", got=answer)
    fetched = pair.fetch(key)
    same = same_keys(fetched, [key])
    check("ETSI014-5.4-R6", same, expected="200, the key, under the master's ID", got=told(fetched, [key]))


@case("014.fetch.own-id-in-path", "ETSI014-A1-O1", "ETSI014-5.4-R6", draws=1, bindings=BOTH)
def test_the_path_names_the_master(pair: Pair, check: Check) -> None:
    """The slave asks with its own ID in the path, as the example URL of 6.4 prints it: what comes of it is noted."""
    key = pair.draw_one()
    answer = pair.fetch(key, master=pair.slave.id)
    check("ETSI014-A1-O1", not answer.keys, expected="no key: the path names the master", got=answer)
    if answer.keys:
        check.not_judged("ETSI014-5.4-R6", "the request was served")
        return
    fetched = pair.fetch(key)
    same = same_keys(fetched, [key])
    check("ETSI014-5.4-R6", same, expected="200, the key, under the master's ID", got=told(fetched, [key]))
