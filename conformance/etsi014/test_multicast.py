"""Keys for several slaves (6.2, Annex B)."""

from __future__ import annotations

from conformance.etsi014 import limits
from conformance.etsi014.messages import bad_request
from conformance.etsi014.pair import Pair, same_keys, told
from conformance.etsi014.served import served
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.campaign.ics import Ics

BOTH = ("https", "grpc")


def _most(ics: Ics) -> int:
    return ics.number("max_SAE_ID_count", 0)


def _too_many_applies(ics: Ics) -> str:
    return "" if _most(ics) < 64 else f"max_SAE_ID_count is {_most(ics)}"


@case(
    "014.multicast.delivery",
    "ETSI014-6.1-R17", "ETSI014-6.2-R19", "ETSI014-6.2-R20", "ETSI014-6.2-R26", "ETSI014-B-R1",
    draws=lambda ics: limits.few(ics, 2), at_risk=1, needs=("third",), ics={"multicast": True}, bindings=BOTH,
)  # fmt: skip
def test_every_slave_gets_the_same_key_once(pair: Pair, check: Check) -> None:
    """Path slave and additional slave each fetch the master's keys, the same bytes, in either order, and only once."""
    number = limits.few(pair.ics, 2)
    answer = pair.take(number=number, additional=[pair.third.id])
    served(check, "ETSI014-6.1-R17", pair, answer, number=number)
    check("ETSI014-6.2-R26", answer.ok, expected="multicast, as Status offers it", got=answer)
    check.require(answer.ok and bool(answer.keys), f"no container to look at: {answer.describe()}")
    for turn, key in enumerate(answer.keys):
        order = (pair.slave, pair.third) if turn == 0 else (pair.third, pair.slave)
        for place, slave in enumerate(order):
            fetched = pair.fetch(key, by=slave)
            same = same_keys(fetched, [key])
            kind = "path slave" if slave is pair.slave else "additional slave"
            what = f"200, the key, for the {kind} {slave.id}, {'second' if place else 'first'} to fetch"
            check("ETSI014-6.2-R19", same or not fetched.ok, expected=what, got=told(fetched, [key]))
            check("ETSI014-B-R1", same, expected=what, got=told(fetched, [key]))
            if place:
                check("ETSI014-6.2-R20", fetched.ok, expected=what, got=fetched)
        for slave in order:
            again = pair.fetch(key, by=slave)
            check("ETSI014-6.2-R20", not again.keys, expected=f"no second copy for {slave.id}", got=again)


@case(
    "014.multicast.unlisted",
    "ETSI014-5.4-R3",
    draws=1, at_risk=1, needs=("third",), ics={"multicast": True}, bindings=BOTH,
)  # fmt: skip
def test_a_list_for_one_key_says_nothing_about_the_next(pair: Pair, check: Check) -> None:
    """An SAE that was an additional slave of one key is handed no key of a later request that does not list it."""
    key = pair.draw_one()
    answer = pair.fetch(key, by=pair.third)
    check("ETSI014-5.4-R3", not answer.keys, expected=f"no key for {pair.third.id}, not listed", got=answer)
    check.require(same_keys(pair.fetch(key), [key]), "the slave itself does not get the key either")


@case(
    "014.multicast.too-many",
    "ETSI014-6.1-R18", "ETSI014-6.2-R21",
    draws=2, at_risk=1, needs=("third",), ics={"multicast": True}, bindings=BOTH, applies=_too_many_applies,
)  # fmt: skip
def test_one_additional_slave_too_many(pair: Pair, check: Check) -> None:
    """A list with one SAE more than max_SAE_ID_count is refused; one additional slave is served."""
    most = _most(pair.ics)
    real = [role.id for role in pair.bench.roles.others]
    made_up = [f"qkdh-additional-{number}" for number in range(most + 1)]
    listed = [*real, *made_up][: most + 1]
    if len(real) <= most:
        check.observe(f"{most + 1 - len(real)} of the {most + 1} SAEs listed do not exist: the target has too few")
    answer = pair.master.get_key(pair.slave.id, number=1, additional=listed)
    why = f"{len(listed)} additional SAEs, max_SAE_ID_count is {most}"
    if check("ETSI014-6.1-R18", not answer.keys, expected=f"no key: {why}", got=answer):
        check("ETSI014-6.2-R21", bad_request(answer), expected=f"400 with an Error: {why}", got=answer)
    else:
        check.not_judged("ETSI014-6.2-R21", "the request was served")
    if len(real) <= most and not answer.keys:
        # Made-up SAEs may be what it was refused for. A real one listed often enough tells more, but a KME that
        # counts it once does nothing wrong.
        repeated = pair.master.get_key(pair.slave.id, number=1, additional=[pair.third.id] * (most + 1))
        check.observe(f"{pair.third.id} listed {most + 1} times: {repeated.describe()}")
    twin = pair.take(number=1, additional=[pair.third.id])
    check.require(twin.ok, f"one additional slave is not served either: {twin.describe()}")


@case(
    "014.multicast.unsupported",
    "ETSI014-A26-O1", "ETSI014-6.2-R26",
    draws=2, needs=("third",), ics={"multicast": False}, bindings=BOTH,
)  # fmt: skip
def test_additional_slaves_where_multicast_is_not_supported(pair: Pair, check: Check) -> None:
    """What a KME without multicast does with a list of additional slaves is noted."""
    check("ETSI014-6.2-R26", True, expected="either", got="max_SAE_ID_count is 0")
    answer = pair.master.get_key(pair.slave.id, number=1, additional=[pair.third.id])
    check("ETSI014-A26-O1", bad_request(answer), expected="400 with an Error: max_SAE_ID_count is 0", got=answer)
    if answer.keys:
        fetched = pair.fetch(answer.keys, by=pair.third)
        got = "gets" if same_keys(fetched, answer.keys) else "does not get"
        check.observe(f"the additional slave {got} the key: {fetched.describe()}")
    twin = pair.take(number=1)
    check.require(twin.ok, f"the same request without the list is not served either: {twin.describe()}")
