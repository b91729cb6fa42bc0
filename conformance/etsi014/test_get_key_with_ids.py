"""Get key with key IDs (5.4, 6.4): the slave gets what the master has, in any order, by either verb."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import quote

from conformance.etsi014 import limits
from conformance.etsi014.pair import Pair, same_keys, told
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.wire.etsi014 import DeliveredKey

BOTH = ("https", "grpc")


def _each(pair: Pair, check: Check, requirement: str, keys: tuple[DeliveredKey, ...], when: str) -> None:
    for key in keys:
        answer = pair.fetch(key)
        check(requirement, same_keys(answer, [key]), expected=f"200, the key, {when}", got=told(answer, [key]))


@case("014.fetch.post", "ETSI014-5.4-R1", "ETSI014-6.4-R9", draws=3, bindings=BOTH)
def test_the_slave_gets_the_key(pair: Pair, check: Check) -> None:
    """POST of one key ID by the slave is answered with this key of the master and no other, though others wait."""
    *_, key = pair.draw(3)
    answer = pair.fetch(key)
    check("ETSI014-5.4-R1", same_keys(answer, [key]), expected="200, the key", got=told(answer, [key]))
    ids = [entry.id.lower() for entry in answer.keys]
    check("ETSI014-6.4-R9", set(ids) <= {key.id.lower()}, expected="the key asked for alone", got=told(answer, [key]))


@case("014.fetch.get", "ETSI014-6.4-R6", "ETSI014-5.4-R1", draws=1)
def test_the_slave_gets_the_key_by_get(pair: Pair, check: Check) -> None:
    """GET with ?key_ID= by the slave is answered with the master's key."""
    key = pair.draw_one()
    answer = pair.fetch(key, verb="GET")
    if not check("ETSI014-6.4-R6", answer.ok, expected="200 with a Key container", got=answer):
        twin = pair.fetch(key)
        check("ETSI014-5.4-R1", same_keys(twin, [key]), expected="200, the key, by POST", got=told(twin, [key]))
        return
    check("ETSI014-5.4-R1", same_keys(answer, [key]), expected="200, the key", got=told(answer, [key]))


@case(
    "014.fetch.several",
    "ETSI014-6.4-R8", "ETSI014-5.4-R1", "ETSI014-6.4-R9", "ETSI014-A15-O1",
    draws=3, applies=limits.several_ids, bindings=BOTH,
)  # fmt: skip
def test_several_keys_in_one_request(pair: Pair, check: Check) -> None:
    """POST of several key IDs, in another order than they were taken, is answered with exactly these keys."""
    drawn = pair.draw(min(3, limits.ids_per_fetch(pair.ics)))
    keys = (*drawn[1:], drawn[0])
    answer = pair.fetch(keys)
    if not check("ETSI014-6.4-R8", answer.ok, expected=f"200 with {len(keys)} keys", got=answer):
        _each(pair, check, "ETSI014-5.4-R1", keys, "one by one")
        check.not_judged("ETSI014-6.4-R9", "the request was refused")
        check.not_judged("ETSI014-A15-O1", "the request was refused")
        return
    check("ETSI014-5.4-R1", same_keys(answer, keys), expected=f"200, the {len(keys)} keys", got=told(answer, keys))
    asked, got = [key.id.lower() for key in keys], [key.id.lower() for key in answer.keys]
    held = set(got) <= set(asked) and len(set(got)) == len(got)
    check("ETSI014-6.4-R9", held, expected="the keys asked for, each once", got=told(answer, keys))
    check("ETSI014-A15-O1", got == asked, expected="the order of the request", got=answer)


@case("014.fetch.part", "ETSI014-5.4-R11", draws=3, bindings=BOTH, applies=limits.several_keys)
def test_part_of_a_container(pair: Pair, check: Check) -> None:
    """Of keys taken in one request the slave fetches one from the middle first, and the others later."""
    keys = pair.draw(limits.few(pair.ics, 3))
    _each(pair, check, "ETSI014-5.4-R11", (keys[1],), "before the others of its container")
    _each(pair, check, "ETSI014-5.4-R11", (keys[0], *keys[2:]), "after another of its container")


@case("014.fetch.later", "ETSI014-5.4-R11", draws=4, bindings=BOTH)
def test_keys_wait_for_the_slave(pair: Pair, check: Check) -> None:
    """A key is still there after later calls in both directions, and keys of several calls come in any order."""
    first, second = pair.draw_one(), pair.draw_one()
    other_way = pair.back.draw_one()
    _each(pair, check, "ETSI014-5.4-R11", (first,), "after two later calls of Get key")
    third = pair.draw_one()
    _each(pair, check, "ETSI014-5.4-R11", (third,), "before a key of an earlier call")
    _each(pair.back, check, "ETSI014-5.4-R11", (other_way,), "after calls in the other direction")
    _each(pair, check, "ETSI014-5.4-R11", (second,), "after keys of later calls")


def _flipped(text: str) -> str:
    return text.upper() if text != text.upper() else text.lower()


@case("014.fetch.case", "ETSI014-A13-O1", "ETSI014-5.4-R7", draws=1, bindings=BOTH)
def test_the_case_of_a_key_id(pair: Pair, check: Check) -> None:
    """Whether the case of a key ID matters is noted; the key is handed out once, however its ID is written."""
    key = pair.draw_one()
    written = _flipped(key.id)
    check.require(written != key.id, "the key ID has no letters")
    answer = pair.fetch(written)
    check("ETSI014-A13-O1", answer.ok, expected="200: the case of the digits does not matter", got=answer)
    if not answer.ok:
        plain = pair.fetch(key)
        check.require(same_keys(plain, [key]), f"the key ID as received is not served either: {plain.describe()}")
    for name in (key.id, written):
        again = pair.fetch(name)
        check("ETSI014-5.4-R7", not again.keys, expected="no second copy, whatever the case", got=again)


@case("014.fetch.same-id-twice", "ETSI014-A14-O1", "ETSI014-5.4-R6", "ETSI014-5.4-R7", draws=1, bindings=BOTH)
def test_one_key_id_twice_in_a_request(pair: Pair, check: Check) -> None:
    """What comes of a request that names one key ID twice is noted; afterwards the key is had once, or was had."""
    key = pair.draw_one()
    both = pair.fetch([key, key])
    lawful = both.refused_with(400) or (both.ok and len(both.keys) == 1)
    check("ETSI014-A14-O1", lawful, expected="400, or 200 with the key once", got=both)
    if both.keys:
        check.not_judged("ETSI014-5.4-R6", "the request was served")
    else:
        alone = pair.fetch(key)
        expected = "200, the key, named once after a refusal"
        check("ETSI014-5.4-R6", same_keys(alone, [key]), expected=expected, got=told(alone, [key]))
    again = pair.fetch(key)
    check("ETSI014-5.4-R7", not again.keys, expected="no further copy", got=again)


@case("014.fetch.most", "ETSI014-5.4-R11", "ETSI014-5.4-R1", shares=limits.most)
def test_all_keys_of_the_largest_request(pair: Pair, check: Check) -> None:
    """Every key of a request for max_key_per_request keys can be fetched by the slave, with the master's bytes."""
    taken = pair.bench.pool.opening(pair)
    check.require(bool(taken.keys), f"no keys to fetch: {taken.describe()}")
    for part, answer in pair.bench.pool.fetches:
        all_there = answer.ok and len(answer.keys) >= len(part)
        many = f"{len(part)} of {len(taken.keys)} keys that waited together"
        check("ETSI014-5.4-R11", all_there, expected=f"200, {many}", got=told(answer, part))
        if answer.ok:
            check("ETSI014-5.4-R1", same_keys(answer, part), expected="the master's keys", got=told(answer, part))
    if "ETSI014-5.4-R1" in check.unsettled:
        check.not_judged("ETSI014-5.4-R1", "no key was fetched")


@case("014.fetch.across-bindings", "ETSI014-5.4-R1", draws=2, bindings=("grpc",))
def test_both_bindings_speak_of_the_same_keys(pair: Pair, check: Check) -> None:
    """A key taken over one binding is fetched over the other, both ways, with the same bytes."""
    if "https" not in pair.bench.campaign.options.bindings:
        check.not_judged("ETSI014-5.4-R1", "the campaign does not run over HTTPS")
        return
    over_https = replace(pair, binding="https")
    for source, fetcher in ((over_https, pair), (pair, over_https)):
        key = source.draw_one()
        answer = fetcher.fetch(key)
        expected = f"200, the key taken over {source.binding}, over {fetcher.binding}"
        check("ETSI014-5.4-R1", same_keys(answer, [key]), expected=expected, got=told(answer, [key]))


@case("014.fetch.extensions", "ETSI014-6.4-R11", draws=1)
def test_extensions_in_key_ids(pair: Pair, check: Check) -> None:
    """A request with key_ID_extension and key_IDs_extension, which Table 12 provides for, is served."""
    key = pair.draw_one()
    request = {
        "key_IDs": [{"key_ID": key.id, "key_ID_extension": {"qkdh_note": "x"}}],
        "key_IDs_extension": {"qkdh_note": "y"},
    }
    path = f"/api/v1/keys/{quote(pair.master.id, safe='')}/dec_keys"
    answer = pair.slave.send("POST", path, body=json.dumps(request).encode())
    check("ETSI014-6.4-R11", same_keys(answer, [key]), expected="200, the key", got=told(answer, [key]))
