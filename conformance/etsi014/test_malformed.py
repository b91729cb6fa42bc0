"""Requests that are wrong (A8): nothing is handed out for them, nothing breaks, nobody else is harmed.

Which code refuses them is left open by the text; where 400 is the only one that fits, others are noted.
"""

from __future__ import annotations

from urllib.parse import quote

from conformance.etsi014 import bad_requests, limits
from conformance.etsi014.ordeal import ANSWERED, IN_TIME, WATCHED, Ordeal, judge_answer
from conformance.etsi014.pair import Pair, same_keys, told
from harness.campaign.case import case
from harness.campaign.check import Check

_TAKE, _FETCH = "ETSI014-5.3-R4", "ETSI014-5.4-R14"
_BIG = 1 << 20
_DEEPEST = 100_000


@case(
    "014.malformed.not-json",
    "ETSI014-A8-R1", "ETSI014-A8-R2", *WATCHED, _TAKE,
    draws=2, at_risk=3,
)  # fmt: skip
def test_bodies_that_are_no_json(pair: Pair, check: Check) -> None:
    """Get key with bodies that no parser can take for JSON: no key, an answer, no harm."""
    with Ordeal(pair, check, guarded=_TAKE, most_given=3) as ordeal:
        for what, body in bad_requests.NOT_JSON.items():
            answer = ordeal.take(what, body)
            ordeal.no_key("ETSI014-A8-R1", what, answer)
            ordeal.refused("ETSI014-A8-R2", what, answer)


@case(
    "014.malformed.no-object",
    "ETSI014-A8-R5", "ETSI014-A8-R2", *WATCHED, _TAKE,
    draws=2, at_risk=3,
)  # fmt: skip
def test_bodies_that_are_no_object(pair: Pair, check: Check) -> None:
    """Get key with bodies of JSON that are no objects: no key, an answer, no harm."""
    with Ordeal(pair, check, guarded=_TAKE, most_given=3) as ordeal:
        for what, body in bad_requests.NO_OBJECT.items():
            answer = ordeal.take(what, body)
            ordeal.no_key("ETSI014-A8-R5", what, answer)
            ordeal.refused("ETSI014-A8-R2", what, answer)


@case(
    "014.malformed.tolerable",
    "ETSI014-A8-O3", *WATCHED, _TAKE,
    draws=2, at_risk=6,
)  # fmt: skip
def test_bodies_that_some_parsers_take(pair: Pair, check: Check) -> None:
    """Get key with bodies that only some JSON parsers take: what becomes of them is noted; an answer, no harm."""
    with Ordeal(pair, check, guarded=_TAKE, most_given=6) as ordeal:
        for what, body in bad_requests.TOLERABLE.items():
            answer = ordeal.take(what, body)
            if answer is not None:
                usual = answer.refused_with(400) or (answer.ok and len(answer.keys) == 1)
                check("ETSI014-A8-O3", usual, expected=f"400, or one key, for {what}", got=answer)


@case(
    "014.malformed.unreadable-numbers",
    "ETSI014-A8-R6", "ETSI014-A8-O1", *WATCHED, _TAKE,
    draws=2, at_risk=3,
)  # fmt: skip
def test_numbers_that_cannot_be_read(pair: Pair, check: Check) -> None:
    """Get key with a number or size that is no number, or far beyond every limit, in body and query: no key."""
    with Ordeal(pair, check, guarded=_TAKE, most_given=3) as ordeal:
        size = limits.key_size(pair.ics)
        for what, body in (bad_requests.unreadable("number", 1) | bad_requests.unreadable("size", size)).items():
            answer = ordeal.take(what, body)
            ordeal.no_key("ETSI014-A8-R6", what, answer)
            ordeal.refused("ETSI014-A8-O1", what, answer)
        path = f"/api/v1/keys/{quote(pair.slave.id, safe='')}/enc_keys"
        for what, query in bad_requests.QUERIES_UNREADABLE.items():
            answer = ordeal.ask(f"{what} (query)", "GET", f"{path}?{query}")
            ordeal.no_key("ETSI014-A8-R6", f"{what} (query)", answer)


@case(
    "014.malformed.lenient-numbers",
    "ETSI014-A8-O1", *WATCHED, _TAKE,
    draws=2, at_risk=8,
)  # fmt: skip
def test_numbers_that_some_can_read(pair: Pair, check: Check) -> None:
    """Get key with a number or size of the wrong type that some can read: what becomes of them is noted."""
    with Ordeal(pair, check, guarded=_TAKE, most_given=8) as ordeal:
        size = limits.key_size(pair.ics)
        for what, body in (bad_requests.lenient("number", 1) | bad_requests.lenient("size", size)).items():
            ordeal.refused("ETSI014-A8-O1", what, ordeal.take(what, body))
        path = f"/api/v1/keys/{quote(pair.slave.id, safe='')}/enc_keys"
        for what, query in bad_requests.QUERIES_LENIENT.items():
            answer = ordeal.ask(f"{what} (query)", "GET", f"{path}?{query}")
            if answer is not None and answer.keys:
                check.observe(f"Get key by GET with {what}: {answer.describe()}")


@case(
    "014.malformed.off-type-lists",
    "ETSI014-A8-O1", *WATCHED, _TAKE,
    draws=2, at_risk=4,
)  # fmt: skip
def test_lists_of_the_wrong_type(pair: Pair, check: Check) -> None:
    """Get key with lists of SAE IDs or extensions that are none, or of something else: what comes of it is noted."""
    with Ordeal(pair, check, guarded=_TAKE, most_given=4) as ordeal:
        for what, body in bad_requests.OFF_TYPE.items():
            ordeal.refused("ETSI014-A8-O1", what, ordeal.take(what, body))


@case(
    "014.malformed.content-type",
    "ETSI014-A8-O4", *WATCHED, _TAKE,
    draws=2, at_risk=3,
)  # fmt: skip
def test_other_content_types(pair: Pair, check: Check) -> None:
    """Get key with a good body whose content type is missing or another one: what becomes of it is noted."""
    with Ordeal(pair, check, guarded=_TAKE, most_given=3) as ordeal:
        for what, headers in (
            ("no content type", {}),
            ("the content type text/plain", {"Content-Type": "text/plain"}),
            ("the content type application/xml", {"Content-Type": "application/xml"}),
            ("a content type that is none", {"Content-Type": "json"}),
        ):
            answer = ordeal.take(what, b'{"number": 1}', headers)
            if answer is not None:
                usual = answer.refused_with(400, 415) or (answer.ok and len(answer.keys) == 1)
                check("ETSI014-A8-O4", usual, expected=f"one key, 400 or 415 for {what}", got=answer)


@case(
    "014.malformed.key-ids",
    "ETSI014-A8-R7", "ETSI014-A8-O2", *WATCHED, _FETCH,
    draws=2,
)  # fmt: skip
def test_key_ids_that_name_no_key(pair: Pair, check: Check) -> None:
    """Get key with key IDs in which no key is named, in body and query: no key, an answer, no harm."""
    with Ordeal(pair, check, guarded=_FETCH, most_given=1) as ordeal:
        bodies = dict(bad_requests.NOT_JSON) | dict(bad_requests.NO_OBJECT) | dict(bad_requests.NAMES_NO_KEY)
        for what, body in bodies.items():
            answer = ordeal.fetch(what, body)
            ordeal.no_key("ETSI014-A8-R7", what, answer)
            ordeal.refused("ETSI014-A8-O2", what, answer)
        for what, query in bad_requests.ID_QUERIES.items():
            ordeal.no_key("ETSI014-A8-R7", f"{what} (query)", ordeal.fetch(f"{what} (query)", None, query))


@case(
    "014.malformed.key-ids-mixed",
    "ETSI014-6.4-R3", "ETSI014-6.4-R5",
    draws=1,
)  # fmt: skip
def test_a_good_key_id_beside_a_bad_one(pair: Pair, check: Check) -> None:
    """A good key ID beside one that is no UUID or no string: no key; the good one can be fetched afterwards."""
    key = pair.draw_one()
    path = f"/api/v1/keys/{quote(pair.master.id, safe='')}/dec_keys"
    for what, entry in (("no UUID", '{"key_ID": "not-a-uuid"}'), ("a number", '{"key_ID": 5}')):
        for first, second in (("good", "bad"), ("bad", "good")):
            entries = {"good": f'{{"key_ID": "{key.id}"}}', "bad": entry}
            body = f'{{"key_IDs": [{entries[first]}, {entries[second]}]}}'.encode()
            answer = pair.slave.send("POST", path, body=body)
            expected = f"no key: one key_ID is {what} ({first} one first)"
            if not check("ETSI014-6.4-R3", not answer.keys, expected=expected, got=answer):
                check.not_judged("ETSI014-6.4-R5", "the request was served in part")
                return
    fetched = pair.fetch(key)
    expected = "200, the key, after requests that failed as a whole"
    check("ETSI014-6.4-R5", same_keys(fetched, [key]), expected=expected, got=told(fetched, [key]))


@case("014.malformed.key-ids-lenient", "ETSI014-A8-O2", ANSWERED, IN_TIME, draws=1)
def test_key_ids_that_some_can_read(pair: Pair, check: Check) -> None:
    """Key IDs in a form that is wrong and can be read all the same: what becomes of them is noted."""
    key = pair.draw_one()
    path = f"/api/v1/keys/{quote(pair.master.id, safe='')}/dec_keys"
    for what, form in (
        ("key IDs as strings", '{{"key_IDs": ["{0}"]}}'),
        ("one object for the list", '{{"key_IDs": {{"key_ID": "{0}"}}}}'),
        ("key_ID at the top", '{{"key_ID": "{0}"}}'),
        ("a key_ID_extension of text", '{{"key_IDs": [{{"key_ID": "{0}", "key_ID_extension": "x"}}]}}'),
        ("a null beside the key ID", '{{"key_IDs": [{{"key_ID": "{0}"}}, null]}}'),
        ("two key_IDs members", '{{"key_IDs": [], "key_IDs": [{{"key_ID": "{0}"}}]}}'),
    ):
        answer = pair.slave.send("POST", path, body=form.format(key.id).encode())
        judge_answer(check, what, answer)
        check("ETSI014-A8-O2", not answer.ok, expected=f"400 for {what}", got=answer)
        if answer.keys:
            check.observe(f"served: {what}; further forms were not tried")
            return


@case(
    "014.malformed.methods-and-paths",
    "ETSI014-A8-R9", *WATCHED, _TAKE,
    draws=2, at_risk=3,
)  # fmt: skip
def test_methods_and_paths_that_are_not_there(pair: Pair, check: Check) -> None:
    """Methods and paths that Table 2 does not have: no key, an answer, no harm."""
    slave = quote(pair.slave.id, safe="")
    with Ordeal(pair, check, guarded=_TAKE, most_given=3) as ordeal:
        for method in ("PUT", "DELETE", "PATCH", "QKDH"):
            what = f"the method {method}"
            ordeal.no_key("ETSI014-A8-R9", what, ordeal.ask(what, method, f"/api/v1/keys/{slave}/enc_keys", b"{}"))
        for what, path in bad_requests.strange_paths(slave).items():
            for method, body in (("GET", None), ("POST", b"{}")):
                ordeal.no_key("ETSI014-A8-R9", what, ordeal.ask(f"{what} ({method})", method, path, body))
        answer = ordeal.ask("POST on status", "POST", f"/api/v1/keys/{slave}/status", b"{}", wanted=0)
        ordeal.no_key("ETSI014-A8-R9", "POST on status", answer)


@case(
    "014.malformed.huge",
    "ETSI014-A8-R1", *WATCHED, _TAKE,
    draws=2, at_risk=2, disturbs=True,
)  # fmt: skip
def test_huge_bodies(pair: Pair, check: Check) -> None:
    """Get key with a megabyte of nonsense, and with a hundred thousand open brackets: no key, and the KME lives on."""
    with Ordeal(pair, check, guarded=_TAKE, most_given=2) as ordeal:
        for what, body in (
            ("a megabyte of text", b"x" * _BIG),
            ("a hundred thousand opening brackets", b"[" * _DEEPEST),
            ("a megabyte of digits cut off", b'{"number": ' + b"9" * _BIG),
        ):
            ordeal.no_key("ETSI014-A8-R1", what, ordeal.take(what, body, hard=True))
