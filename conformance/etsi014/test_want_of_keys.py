"""What happens when there are not enough keys (A6). These cases may empty the pool."""

from __future__ import annotations

from conformance.etsi014 import limits
from conformance.etsi014.messages import bad_request
from conformance.etsi014.pair import Pair, same_keys, told
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.campaign.ics import Ics
from harness.wire.etsi014 import Answer

BOTH = ("https", "grpc")
_GROWTH = 16
"""Keys of the default size that a link may add while the case runs, allowed for."""


def _worth(ics: Ics) -> int:
    """Keys of the default size that one key of the largest size is worth."""
    return max(1, limits.largest(ics) // limits.key_size(ics))


def _stored(ics: Ics) -> int:
    return ics.number("stored_key_count", 0)


def _beyond(ics: Ics) -> int:
    """How many keys of the largest size surely are more than the stock."""
    return (_stored(ics) + _GROWTH) // _worth(ics) + 1


def _beyond_applies(ics: Ics) -> str:
    if _stored(ics) <= 0:
        return "stored_key_count says nothing, so no request is surely beyond the stock"
    wanted = _beyond(ics)
    if wanted > limits.per_request(ics):
        return f"no single request can ask for more than the stock ({_stored(ics)} keys)"
    if wanted > limits.largest_request(ics):
        return f"a wrong answer to a request beyond the stock could cost {wanted} keys"
    return ""


def _empty_most(ics: Ics) -> int:
    """How many requests may be served until the pool is taken to be endless."""
    return (_stored(ics) + 4 * _GROWTH) // _worth(ics) + 1


def _empty_applies(ics: Ics) -> str:
    if _stored(ics) <= 0:
        return "stored_key_count does not say how many keys it would take to empty the pool"
    if _empty_most(ics) > limits.largest_request(ics):
        return f"emptying the pool ({_stored(ics)} keys) would take more than {limits.largest_request(ics)} keys"
    return ""


def _none_refused(check: Check, why: str) -> None:
    for requirement in ("ETSI014-A6-R1", "ETSI014-A6-O1", "ETSI014-6.5-R1"):
        if requirement in check.unsettled:
            check.not_judged(requirement, why)


def _refused_for_want(check: Check, answer: Answer, what: str) -> None:
    """Judge the refusal of a request that cannot be met."""
    check("ETSI014-A6-R1", not answer.keys and not answer.ok, expected=f"no container: {what}", got=answer)
    if answer.refused_with(400, 503):
        check("ETSI014-6.5-R1", not answer.error_problems(), expected="400 or 503 with an Error", got=answer)
    if "ETSI014-6.5-R1" in check.unsettled:
        check.not_judged("ETSI014-6.5-R1", "refused with another code")
    lawful = bad_request(answer) or (answer.refused_with(503) and not answer.error_problems())
    check("ETSI014-A6-O1", lawful, expected=f"503 or 400 with an Error: {what}", got=answer)


@case(
    "014.stock.beyond",
    "ETSI014-A6-R1", "ETSI014-A6-O1", "ETSI014-A6-R2", "ETSI014-6.5-R1",
    draws=2, at_risk=_beyond, drains=True, applies=_beyond_applies, bindings=BOTH, last=True,
)  # fmt: skip
def test_a_request_for_more_than_there_is(pair: Pair, check: Check) -> None:
    """A request within all limits for more than the stock is refused as a whole; earlier keys can still be fetched."""
    key = pair.draw_one()
    number, size = _beyond(pair.ics), limits.largest(pair.ics)
    stored = pair.stock.count()
    answer = pair.master.get_key(pair.slave.id, number=number, size=size)
    if answer.ok and len(answer.keys) == number:
        check.observe(f"{number} keys of {size} bit were served although stored_key_count was {stored} (A19)")
        _none_refused(check, "there was enough after all")
    else:
        _refused_for_want(check, answer, f"{number} keys of {size} bit, stored_key_count was {stored}")
    fetched = pair.fetch(key)
    same = same_keys(fetched, [key])
    check("ETSI014-A6-R2", same, expected="200, a key that was handed out before", got=told(fetched, [key]))
    after = pair.take()
    check.require(after.ok or bool(answer.keys), f"nothing is served afterwards: {after.describe()}")


@case(
    "014.stock.empty",
    "ETSI014-A6-R1", "ETSI014-A6-O1", "ETSI014-A6-R2", "ETSI014-6.5-R1",
    draws=_empty_most, drains=True, applies=_empty_applies, bindings=BOTH, last=True,
)  # fmt: skip
def test_an_empty_pool(pair: Pair, check: Check) -> None:
    """When the pool is empty Get key is refused, keys handed out before can be fetched, and new stock is served."""
    key = pair.draw_one()
    emptied = _empty(pair, check)
    if emptied is None:
        check.observe("the pool did not run empty within the keys that stored_key_count let expect")
        _none_refused(check, "the pool did not run empty")
    else:
        _refused_for_want(check, emptied, "the pool is empty")
    fetched = pair.fetch(key)
    same = same_keys(fetched, [key])
    check("ETSI014-A6-R2", same, expected="200, a key that was handed out before", got=told(fetched, [key]))
    if emptied is not None:
        before = pair.stock.count() or 0
        campaign = pair.bench.campaign
        grew = campaign.await_until(lambda: (pair.stock.count() or 0) > before, "the emptied pool to grow", 5.0)
        if grew:
            again = pair.take()
            check("ETSI014-A6-R2", again.ok, expected="200: there is stock again", got=again)
        else:
            check.observe("the pool did not grow again within 5 s")


def _empty(pair: Pair, check: Check) -> Answer | None:
    """Draw until a request is refused; gives that answer, or None when the pool seems endless."""
    size, left = limits.largest(pair.ics), _empty_most(pair.ics) - 1
    number = min(limits.most(pair.ics), left)
    while left > 0:
        asked = max(1, min(number, left))
        answer = pair.master.get_key(pair.slave.id, number=asked, size=size)
        left -= len(answer.keys)
        if answer.ok and len(answer.keys) == asked:
            continue
        if asked == 1 and size == limits.smallest(pair.ics):
            return answer
        if answer.keys or answer.ok:
            check("ETSI014-A6-R1", False, expected=f"{asked} keys or a refusal", got=answer)
            return answer
        if not answer.refused_with(400, 503):
            return answer
        # Too large for what is left: ask for less, then for smaller ones.
        if asked > 1:
            number = asked // 2
        else:
            size = limits.smallest(pair.ics) if size == limits.key_size(pair.ics) else limits.key_size(pair.ics)
    return None
