"""A key is handed to each of its ends once (5.3, 5.4)."""

from __future__ import annotations

from conformance.etsi014.messages import M5, no_get, quoted, says
from conformance.etsi014.pair import Pair, same_keys, told
from harness.campaign.case import case
from harness.campaign.check import Check

BOTH = ("https", "grpc")


def _verbs(pair: Pair) -> tuple[str, ...]:
    return ("POST",) if pair.binding == "grpc" else ("POST", "GET")


@case("014.fetch.once", "ETSI014-5.4-R7", "ETSI014-5.4-R8", draws=2, bindings=BOTH)
def test_a_key_is_fetched_once(pair: Pair, check: Check) -> None:
    """A key that its slave fetched by POST or GET is not handed to it again, by either; the answer is 400 with M5."""
    for first_verb in _verbs(pair):
        key = pair.draw_one()
        first = pair.fetch(key, verb=first_verb)
        if first_verb == "GET" and not first.ok:
            continue  # 014.fetch.get judges that
        check.require(same_keys(first, [key]), f"the first fetch is not served: {first.describe()}")
        for verb in _verbs(pair):
            again = pair.fetch(key, verb=verb)
            if no_get(again, verb):
                continue
            what = f"{verb}, fetched by {first_verb} before"
            check("ETSI014-5.4-R7", not again.keys, expected=f"no key the second time ({what})", got=again)
            check("ETSI014-5.4-R8", says(again, M5), expected=f"{quoted(M5)} ({what})", got=again)


@case(
    "014.fetch.master-itself",
    "ETSI014-5.3-R3", "ETSI014-5.4-R9", "ETSI014-5.4-R6",
    draws=1, bindings=BOTH,
)  # fmt: skip
def test_the_master_does_not_fetch_its_own_key(pair: Pair, check: Check) -> None:
    """A master that asks for its own key by its ID is refused with 401, before and after its slave fetched it."""
    key = pair.draw_one()
    before = pair.fetch(key, by=pair.master)
    check("ETSI014-5.3-R3", not before.keys, expected="no key: the master has it already", got=before)
    check("ETSI014-5.4-R9", before.refused_with(401), expected="401: the master is no slave of its key", got=before)
    fetched = pair.fetch(key)
    same = same_keys(fetched, [key])
    check("ETSI014-5.4-R6", same, expected="200, the key, for the slave afterwards", got=told(fetched, [key]))
    after = pair.fetch(key, by=pair.master)
    check("ETSI014-5.3-R3", not after.keys, expected="no key: it was handed to both ends", got=after)
