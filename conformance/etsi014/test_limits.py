"""The number of keys in one request: max_key_per_request, and numbers that make no sense (6.1, 6.2)."""

from __future__ import annotations

from conformance.etsi014 import limits
from conformance.etsi014.messages import bad_request, listed_code, no_get
from conformance.etsi014.pair import Pair
from conformance.etsi014.served import distinct
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.campaign.ics import Ics

BOTH = ("https", "grpc")


def _too_many_applies(ics: Ics) -> str:
    if limits.per_request(ics) + 1 <= limits.largest_request(ics):
        return ""
    wanted = limits.per_request(ics) + 1
    return f"a wrong answer to a request for {wanted} keys could cost more than {limits.largest_request(ics)} keys"


def _one_too_many(ics: Ics) -> int:
    return limits.per_request(ics) + 1


@case("014.number.most", "ETSI014-6.1-R12", "ETSI014-6.3-R4", "ETSI014-6.3-R7", shares=limits.most)
def test_as_many_keys_as_a_request_may_ask_for(pair: Pair, check: Check) -> None:
    """A request for exactly max_key_per_request keys is served, with that many different keys."""
    number = limits.most(pair.ics)
    if number < limits.per_request(pair.ics):
        allowed = limits.per_request(pair.ics)
        check.observe(f"asked for {number} keys, not for max_key_per_request = {allowed}: costly, or more than fits")
    answer = pair.bench.pool.opening(pair)
    if not answer.ok and number > 1:
        # Perhaps the stock is smaller than the request. If one key fewer is served at once, it is not.
        fewer = pair.master.get_key(pair.slave.id, number=number - 1)
        if fewer.ok and len(fewer.keys) == number - 1:
            check("ETSI014-6.1-R12", False, expected=f"200, {number} keys, as {number - 1} were served", got=answer)
    lacking = not answer.ok and pair.lacks(answer, number)
    check.require(not lacking, f"refused, perhaps for want of keys: {answer.describe()}")
    check("ETSI014-6.1-R12", answer.ok, expected=f"200, {number} keys", got=answer)
    check.require(answer.ok, "no container to look at")
    check("ETSI014-6.3-R4", len(answer.keys) == number, expected=f"{number} keys", got=answer)
    distinct(check, "ETSI014-6.3-R7", answer)


@case(
    "014.number.too-many",
    "ETSI014-6.1-R13", "ETSI014-6.2-R22", "ETSI014-5.3-R5",
    draws=1, at_risk=_one_too_many, bindings=BOTH, applies=_too_many_applies,
)  # fmt: skip
def test_one_key_too_many(pair: Pair, check: Check) -> None:
    """A request for one key more than max_key_per_request is refused, by POST and GET; one key is served after."""
    number = _one_too_many(pair.ics)
    for verb in ("POST",) if pair.binding == "grpc" else ("POST", "GET"):
        stored = pair.stock.count()
        answer = pair.master.get_key(pair.slave.id, number=number, verb=verb)
        if no_get(answer, verb):
            continue  # no GET at all, which 014.key.get judges
        if not answer.keys and answer.refused_with(400, 503) and pair.stock.informative and (stored or 0) < number:
            check.observe(f"{verb} for {number} keys may have been refused for want: stored_key_count was {stored}")
            continue
        why = f"{verb} with number={number}, max_key_per_request is {number - 1}"
        if not check("ETSI014-6.1-R13", not answer.keys, expected=f"no key: {why}", got=answer):
            break
        check("ETSI014-6.2-R22", bad_request(answer), expected=f"400 with an Error: {why}", got=answer)
        listed_code(check, "ETSI014-5.3-R5", answer)
    twin = pair.take(number=1)
    check.require(twin.ok, f"the same request for one key is not served either: {twin.describe()}")
    for requirement in check.unsettled:
        check.not_judged(requirement, "the stock was too small to tell, or the request was served")


@case(
    "014.number.zero-or-less",
    "ETSI014-6.2-R23", "ETSI014-6.2-R24", "ETSI014-5.3-R5",
    draws=1, at_risk=1, bindings=BOTH,
)  # fmt: skip
def test_no_keys_or_fewer(pair: Pair, check: Check) -> None:
    """A request for 0 or -1 keys is handed none, by POST and GET; one for one key is served after."""
    verbs = ("POST",) if pair.binding == "grpc" else ("POST", "GET")
    for number, verb in [(number, verb) for number in (0, -1) for verb in verbs]:
        answer = pair.master.get_key(pair.slave.id, number=number, verb=verb)
        if no_get(answer, verb):
            continue  # no GET at all, which 014.key.get judges
        why = f"{verb} with number={number}"
        if not check("ETSI014-6.2-R23", not answer.keys, expected=f"no key: {why}", got=answer):
            break
        check("ETSI014-6.2-R24", bad_request(answer), expected=f"400 with an Error: {why}", got=answer)
        listed_code(check, "ETSI014-5.3-R5", answer)
    twin = pair.take(number=1)
    check.require(twin.ok, f"the same request for one key is not served either: {twin.describe()}")
    for requirement in check.unsettled:
        check.not_judged(requirement, "the request was served")
