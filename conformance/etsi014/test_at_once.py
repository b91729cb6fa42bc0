"""Whether keys are there at once (5.4). By its name the first of the modules: the others wait for what is seen here."""

from __future__ import annotations

from conformance.etsi014.pair import Pair
from harness.campaign.case import case
from harness.campaign.check import Check

BOTH = ("https", "grpc")


@case("014.fetch.at-once", "ETSI014-5.4-R15", draws=2, bindings=BOTH)
def test_a_key_is_there_at_once(pair: Pair, check: Check) -> None:
    """A key can be fetched right after Get key was answered, twice over; being late is a warning."""
    for _ in range(2):
        answer = pair.take()
        check.require(bool(answer.keys), f"a key is needed first; Get key: {answer.describe()}")
        key = answer.keys[0]
        at_once = pair.slave.get_key_with_ids(pair.master.id, [key.id])
        later = at_once if at_once.ok else pair.fetch(key)
        if at_once.ok or later.ok:
            check("ETSI014-5.4-R15", at_once.ok, expected="200, the key, without waiting", got=at_once)
    if check.unsettled:
        check.not_judged("ETSI014-5.4-R15", "the key was not served later either, which other cases judge")
