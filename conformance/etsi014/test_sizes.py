"""Key sizes: limits of Status are served, nothing outside them is; sizes that are no multiple of 8 (6.1, 6.2)."""

from __future__ import annotations

from conformance.etsi014 import limits
from conformance.etsi014.messages import M1, bad_request, listed_code, no_get, quoted, says
from conformance.etsi014.pair import Pair, same_keys, told
from conformance.etsi014.served import served, sized
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.campaign.ics import Ics
from harness.wire.etsi014 import KeyMaterial

BOTH = ("https", "grpc")


def _odd_applies(ics: Ics) -> str:
    return "" if limits.odd_size(ics) is not None else "no size within the limits that is not a multiple of 8"


def _between_applies(ics: Ics) -> str:
    return "" if limits.size_between(ics) is not None else "no further multiple of 8 between the limits"


def _below_applies(ics: Ics) -> str:
    return "" if limits.sizes_below(ics) else "no size below min_key_size"


@case(
    "014.size.default",
    "ETSI014-5.3-R1", "ETSI014-6.3-R5", "ETSI014-5.4-R1",
    draws=1, at_risk=1, bindings=BOTH,
)  # fmt: skip
def test_the_default_size_asked_for(pair: Pair, check: Check) -> None:
    """A request with `size` = key_size yields a key of that size, the same at both ends."""
    size = limits.key_size(pair.ics)
    answer = pair.take(size=size)
    served(check, "ETSI014-5.3-R1", pair, answer, size=size)
    check.require(answer.ok, f"no container to look at: {answer.describe()}")
    sized(check, "ETSI014-6.3-R5", answer, size)
    fetched = pair.fetch(answer.keys)
    check("ETSI014-5.4-R1", same_keys(fetched, answer.keys), expected="200, the key", got=told(fetched, answer.keys))


@case(
    "014.size.limits",
    "ETSI014-6.1-R14", "ETSI014-6.3-R5", "ETSI014-5.4-R1",
    draws=2, at_risk=1, bindings=BOTH, applies=limits.sizes_vary,
)  # fmt: skip
def test_the_smallest_and_the_largest_size(pair: Pair, check: Check) -> None:
    """Keys of exactly min_key_size and exactly max_key_size are served, in that size, the same at both ends."""
    for name, size in (("min_key_size", limits.smallest(pair.ics)), ("max_key_size", limits.largest(pair.ics))):
        if not limits.fits_pool(pair.ics, size):
            check.observe(f"{name} = {size} is not tried: such a key is worth more than max_key_count keys")
            continue
        answer = pair.take(size=size)
        if size % 8 and says(answer, M1):
            check.observe(f"{name} = {size} is not a multiple of 8, and refused for that")
            check.not_judged("ETSI014-6.1-R14", f"{name} is not a multiple of 8")
            continue
        served(check, "ETSI014-6.1-R14", pair, answer, size=size)
        if answer.ok:
            sized(check, "ETSI014-6.3-R5", answer, size)
            fetched = pair.fetch(answer.keys)
            same = same_keys(fetched, answer.keys)
            check("ETSI014-5.4-R1", same, expected=f"200, the key of {size} bit", got=told(fetched, answer.keys))
    for requirement in check.unsettled:
        check.not_judged(requirement, "no key came")


@case(
    "014.size.between",
    "ETSI014-6.1-R16", "ETSI014-6.3-R5", "ETSI014-5.4-R1",
    draws=1, at_risk=1, bindings=BOTH, applies=_between_applies,
)  # fmt: skip
def test_a_size_between_the_limits(pair: Pair, check: Check) -> None:
    """A size between the limits that is a multiple of 8 and not the default is served, the same at both ends."""
    size = limits.size_between(pair.ics)
    assert size is not None
    answer = pair.take(size=size)
    served(check, "ETSI014-6.1-R16", pair, answer, size=size)
    if not answer.ok:
        check.not_judged("ETSI014-6.3-R5", "no key came")
        check.not_judged("ETSI014-5.4-R1", "no key came")
        return
    sized(check, "ETSI014-6.3-R5", answer, size)
    fetched = pair.fetch(answer.keys)
    same = same_keys(fetched, answer.keys)
    check("ETSI014-5.4-R1", same, expected=f"200, the key of {size} bit", got=told(fetched, answer.keys))


def _refused_sizes(pair: Pair, check: Check, sizes: tuple[int, ...], code: str) -> None:
    """Ask for each size by POST and GET until one is served; then show that the same request in bounds is served."""
    verbs = ("POST",) if pair.binding == "grpc" else ("POST", "GET")
    for size, verb in [(size, verb) for size in sizes for verb in verbs]:
        answer = pair.master.get_key(pair.slave.id, size=size, verb=verb)
        low, high = limits.smallest(pair.ics), limits.largest(pair.ics)
        if no_get(answer, verb):
            continue  # no GET at all, which 014.key.get judges
        why = f"{verb} with size={size}, limits are {low} to {high}"
        if not check("ETSI014-6.1-R15", not answer.keys, expected=f"no key: {why}", got=answer):
            break
        check(code, bad_request(answer), expected=f"400 with an Error: {why}", got=answer)
        listed_code(check, "ETSI014-5.3-R5", answer)
    twin = pair.take(size=limits.key_size(pair.ics))
    check.require(twin.ok, f"the same request with a size within the limits is not served either: {twin.describe()}")
    for requirement in check.unsettled:
        check.not_judged(requirement, "the request was served")


@case(
    "014.size.too-small",
    "ETSI014-6.1-R15", "ETSI014-6.2-R22", "ETSI014-5.3-R5",
    draws=1, at_risk=1, bindings=BOTH, applies=_below_applies,
)  # fmt: skip
def test_a_size_below_the_limit(pair: Pair, check: Check) -> None:
    """A size below min_key_size is refused, by POST and GET; the default size is served right after."""
    _refused_sizes(pair, check, limits.sizes_below(pair.ics), "ETSI014-6.2-R22")


@case(
    "014.size.too-large",
    "ETSI014-6.1-R15", "ETSI014-6.2-R22", "ETSI014-5.3-R5",
    draws=1, at_risk=1, bindings=BOTH,
)  # fmt: skip
def test_a_size_above_the_limit(pair: Pair, check: Check) -> None:
    """A size above max_key_size is refused, by POST and GET; the default size is served right after."""
    _refused_sizes(pair, check, limits.sizes_above(pair.ics), "ETSI014-6.2-R22")


@case(
    "014.size.zero-or-less",
    "ETSI014-6.1-R15", "ETSI014-6.2-R24", "ETSI014-5.3-R5",
    draws=1, at_risk=1, bindings=BOTH,
)  # fmt: skip
def test_a_size_of_zero_or_less(pair: Pair, check: Check) -> None:
    """A size of 0 or -8 is refused, by POST and GET, and not taken for the default; the default is served after."""
    _refused_sizes(pair, check, (0, -8), "ETSI014-6.2-R24")


@case(
    "014.size.odd",
    "ETSI014-6.2-R7", "ETSI014-6.2-R8", "ETSI014-6.2-R9", "ETSI014-A12-R1", "ETSI014-A12-O1", "ETSI014-5.4-R1",
    draws=2, bindings=BOTH, applies=_odd_applies,
)  # fmt: skip
def test_a_size_that_is_no_multiple_of_8(pair: Pair, check: Check) -> None:
    """A size within the limits that is no multiple of 8 is served with exactly that many bits, or refused with M1."""
    size = limits.odd_size(pair.ics)
    assert size is not None
    served_by = []
    for verb in ("POST",) if pair.binding == "grpc" else ("POST", "GET"):
        answer = pair.take(size=size, verb=verb)
        if no_get(answer, verb):
            continue  # no GET at all, which 014.key.get judges
        if not answer.ok:
            if answer.status == 503 and pair.lacks(answer, size=size):
                check.require(False, f"refused, perhaps for want of keys: {answer.describe()}")
            check("ETSI014-6.2-R8", not answer.keys, expected="no key with a refusal", got=answer)
            check("ETSI014-6.2-R9", says(answer, M1), expected=f"{quoted(M1)} for size={size}", got=answer)
            continue
        served_by.append(verb)
        exact = bool(answer.keys) and not answer.delivery_problems(size=size)
        if not check("ETSI014-6.2-R8", exact, expected=f"a key of {size} bit, or {quoted(M1)}", got=answer):
            continue
        low = all(key.material.surplus_is_zero(size) for key in answer.keys)
        high = all(_begins_with_zeros(key.material, size) for key in answer.keys)
        check("ETSI014-A12-R1", low or high, expected=f"no more than {size} bits that are not 0 by rule", got=answer)
        check("ETSI014-A12-O1", low, expected="the surplus low-order bits of the last octet are 0", got=answer)
        fetched = pair.fetch(answer.keys)
        same = same_keys(fetched, answer.keys)
        check("ETSI014-5.4-R1", same, expected=f"200, the key of {size} bit", got=told(fetched, answer.keys))
    check("ETSI014-6.2-R7", bool(served_by), expected=f"size={size} served (optional)", got=_by(served_by))
    claimed = pair.ics.get("odd_sizes")
    if isinstance(claimed, bool) and claimed != bool(served_by):
        check.observe(f"ICS: odd_sizes is claimed {claimed}, and size={size} was {_by(served_by)}")
    if not served_by:
        twin = pair.take(size=limits.key_size(pair.ics))
        check.require(twin.ok, f"the default size is not served either: {twin.describe()}")
    for requirement in check.unsettled:
        check.not_judged(requirement, "served" if served_by else "no key of such a size came")


def _begins_with_zeros(material: KeyMaterial, size: int) -> bool:
    return int.from_bytes(material.octets(), "big") >> size == 0


def _by(verbs: list[str]) -> str:
    return f"served by {' and '.join(verbs)}" if verbs else "refused"
