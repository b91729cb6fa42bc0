"""Get key (5.3): defaults, number and size, both verbs, both directions."""

from __future__ import annotations

from conformance.etsi014 import limits
from conformance.etsi014.pair import Pair, same_keys, told
from conformance.etsi014.served import counted, distinct, served, sized
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.campaign.ics import Ics

BOTH = ("https", "grpc")


def _another_size(ics: Ics) -> int:
    """A size that is not the default, or the default where there is only one."""
    between = limits.size_between(ics)
    if between is not None:
        return between
    ends = [size for size in (limits.largest(ics), limits.smallest(ics)) if size != limits.key_size(ics)]
    return next((size for size in ends if size % 8 == 0), limits.key_size(ics))


@case(
    "014.key.defaults",
    "ETSI014-5.3-R1", "ETSI014-6.2-R1", "ETSI014-6.2-R2", "ETSI014-6.2-R3",
    draws=1, at_risk=1, bindings=BOTH,
)  # fmt: skip
def test_an_empty_request_yields_one_key_of_the_default_size(pair: Pair, check: Check) -> None:
    """POST of an empty Key request yields one key, as long as key_size in Status says."""
    answer = pair.take()
    if not served(check, "ETSI014-5.3-R1", pair, answer):
        served(check, "ETSI014-6.2-R3", pair, answer)
        check.require(False, f"no container to look at: {answer.describe()}")
    check("ETSI014-6.2-R3", True, expected="200 with a Key container", got=answer)
    counted(check, "ETSI014-6.2-R1", answer, 1)
    sized(check, "ETSI014-6.2-R2", answer, limits.key_size(pair.ics))


@case(
    "014.key.number",
    "ETSI014-5.3-R1", "ETSI014-6.3-R4", "ETSI014-6.3-R7", "ETSI014-6.2-R2",
    draws=lambda ics: limits.few(ics, 2), at_risk=1, bindings=BOTH,
)  # fmt: skip
def test_number_is_the_number_of_keys(pair: Pair, check: Check) -> None:
    """POST with `number` alone yields that many keys of the default size, all different."""
    number = limits.few(pair.ics, 2)
    answer = pair.take(number=number)
    served(check, "ETSI014-5.3-R1", pair, answer, number=number)
    check.require(answer.ok, f"no container to look at: {answer.describe()}")
    counted(check, "ETSI014-6.3-R4", answer, number)
    distinct(check, "ETSI014-6.3-R7", answer)
    sized(check, "ETSI014-6.2-R2", answer, limits.key_size(pair.ics))


@case(
    "014.key.number-and-size",
    "ETSI014-5.3-R1", "ETSI014-6.3-R4", "ETSI014-6.3-R5",
    draws=lambda ics: limits.few(ics, 2), at_risk=1, bindings=BOTH,
)  # fmt: skip
def test_number_and_size_together(pair: Pair, check: Check) -> None:
    """POST with `number` and `size` yields that many keys of that size."""
    number, size = limits.few(pair.ics, 2), _another_size(pair.ics)
    answer = pair.take(number=number, size=size)
    served(check, "ETSI014-5.3-R1", pair, answer, number=number, size=size)
    check.require(answer.ok, f"no container to look at: {answer.describe()}")
    counted(check, "ETSI014-6.3-R4", answer, number)
    sized(check, "ETSI014-6.3-R5", answer, size)


@case("014.key.get", "ETSI014-6.2-R4", "ETSI014-6.2-R1", "ETSI014-6.2-R2", draws=1, at_risk=1)
def test_get_without_a_query(pair: Pair, check: Check) -> None:
    """GET without a query yields what an empty Key request yields: one key of the default size."""
    answer = pair.take(verb="GET")
    served(check, "ETSI014-6.2-R4", pair, answer)
    check.require(answer.ok, f"no container to look at: {answer.describe()}")
    counted(check, "ETSI014-6.2-R1", answer, 1)
    sized(check, "ETSI014-6.2-R2", answer, limits.key_size(pair.ics))


@case(
    "014.key.get-number",
    "ETSI014-6.2-R4", "ETSI014-6.2-R5", "ETSI014-6.2-R2",
    draws=2, at_risk=1, applies=limits.several_keys,
)  # fmt: skip
def test_get_with_number(pair: Pair, check: Check) -> None:
    """GET with ?number=2 yields two keys of the default size."""
    answer = pair.take(number=2, verb="GET")
    served(check, "ETSI014-6.2-R4", pair, answer, number=2)
    check.require(answer.ok, f"no container to look at: {answer.describe()}")
    counted(check, "ETSI014-6.2-R5", answer, 2)
    sized(check, "ETSI014-6.2-R2", answer, limits.key_size(pair.ics))


@case("014.key.get-size", "ETSI014-6.2-R4", "ETSI014-6.2-R5", "ETSI014-6.2-R1", draws=1, at_risk=1)
def test_get_with_size(pair: Pair, check: Check) -> None:
    """GET with ?size=n yields one key of n bits."""
    size = _another_size(pair.ics)
    answer = pair.take(size=size, verb="GET")
    served(check, "ETSI014-6.2-R4", pair, answer, size=size)
    check.require(answer.ok, f"no container to look at: {answer.describe()}")
    sized(check, "ETSI014-6.2-R5", answer, size)
    counted(check, "ETSI014-6.2-R1", answer, 1)


@case(
    "014.key.get-number-and-size",
    "ETSI014-6.2-R4", "ETSI014-6.2-R5",
    draws=lambda ics: limits.few(ics, 2), at_risk=1,
)  # fmt: skip
def test_get_with_number_and_size(pair: Pair, check: Check) -> None:
    """GET with ?number=m&size=n yields m keys of n bits."""
    number, size = limits.few(pair.ics, 2), _another_size(pair.ics)
    answer = pair.take(number=number, size=size, verb="GET")
    served(check, "ETSI014-6.2-R4", pair, answer, number=number, size=size)
    check.require(answer.ok, f"no container to look at: {answer.describe()}")
    counted(check, "ETSI014-6.2-R5", answer, number)
    sized(check, "ETSI014-6.2-R5", answer, size)


@case("014.key.both-directions", "ETSI014-3.1-R1", draws=2, at_risk=2, bindings=BOTH)
def test_either_sae_can_be_the_master(pair: Pair, check: Check) -> None:
    """Both SAEs take a key as master of the other, then both fetch as slave: each gets the other's key and bytes."""
    ends = (pair, pair.back)
    taken = []
    for end in ends:
        answer = end.take()
        served(check, "ETSI014-3.1-R1", end, answer)
        taken.append(answer.keys[:1])
    for end, keys in zip(ends, taken, strict=True):
        if keys:
            fetched = end.fetch(keys)
            held = same_keys(fetched, keys)
            check("ETSI014-3.1-R1", held, expected=f"200, {end.master.id}'s key", got=told(fetched, keys))
