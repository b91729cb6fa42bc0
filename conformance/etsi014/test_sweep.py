"""Judgements of everything that a campaign saw, after all other cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from conformance.etsi014.memory import GET_KEY, GET_KEY_WITH_IDS, Seen
from conformance.etsi014.pair import Pair, Told
from conformance.etsi014.served import TELLING
from harness.campaign.case import case
from harness.campaign.check import Check, Inconclusive
from harness.wire.etsi014 import DeliveredKey, KeyMaterial

BOTH = ("https", "grpc")
_CALLS = (GET_KEY, GET_KEY_WITH_IDS)
_NOBODYS = "00000000-0000-4000-8000-000000000000"


def _see(pair: Pair, number: int) -> None:
    """Have something to look at; what does not come is judged elsewhere, unless nothing was seen at all."""
    try:
        pair.shared(number)
    except Inconclusive:
        if not any(entry.answer.ok for entry in pair.bench.memory.seen(GET_KEY)):
            raise


def _judge(
    check: Check, requirement: str, entries: Iterable[Seen], problems: Callable[[Seen], list[str]], expected: str
) -> None:
    """One finding for each way to be wrong, and one for all that was right."""
    looked = 0
    shown: set[str] = set()
    for entry in entries:
        looked += 1
        wrong = problems(entry)
        if wrong and (text := "; ".join(wrong[:3])) not in shown and len(shown) < 5:
            shown.add(text)
            got = Told(entry.answer, f"{text}; in answer to {entry.method} by {entry.caller}")
            check(requirement, False, expected=expected, got=got)
    if not looked:
        check.not_judged(requirement, "no such answer was seen")
    elif not shown:
        check(requirement, True, expected=expected, got=f"{looked} answers looked at")


def _served(pair: Pair, *methods: str) -> Iterator[Seen]:
    return (entry for entry in pair.bench.memory.seen(*methods) if entry.answer.ok and entry.binding == pair.binding)


def _containers(pair: Pair) -> list[Seen]:
    # An empty list of keys is judged by the number of keys that was asked for, where one was due.
    return [entry for entry in _served(pair, *_CALLS) if entry.answer.keys or not _empty(entry)]


def _empty(entry: Seen) -> bool:
    return isinstance(entry.answer.document, dict) and entry.answer.document.get("keys") == []


def _about(entry: Seen, *words: str) -> list[str]:
    return [text for text in entry.answer.container_problems() if any(word in text for word in words)]


@case(
    "014.sweep.containers",
    "ETSI014-6.3-R1", "ETSI014-6.3-R2", "ETSI014-6.3-R3", "ETSI014-6.3-R6", "ETSI014-A20-O2",
    draws=1, shares=2, bindings=BOTH, last=True,
)  # fmt: skip
def test_every_container_is_well_formed(pair: Pair, check: Check) -> None:
    """Every Key container of the campaign has the form of Table 11: members, UUIDs, base64, extensions."""
    _see(pair, 2)
    pair.fetch(pair.take().keys or [_NOBODYS])  # a container with one key, at either end
    seen = _containers(pair)
    shape = "an object with `keys`, an array of objects with `key_ID` and `key`"
    _judge(check, "ETSI014-6.3-R1", seen, _shape, shape)
    _judge(check, "ETSI014-6.3-R2", seen, _key_ids, "key_ID in UUID format")
    _judge(check, "ETSI014-6.3-R3", seen, _key_texts, "key in base64")
    _judge(check, "ETSI014-6.3-R6", seen, lambda entry: _about(entry, "_extension`"), "objects, or absent")
    members = "no members beyond those of Table 11"
    _judge(check, "ETSI014-A20-O2", seen, lambda entry: list(entry.answer.container_observations), members)


def _shape(entry: Seen) -> list[str]:
    found = _about(entry, "`keys`", "missing", "not an object", "not JSON", "no body")
    return [text for text in found if "_extension`" not in text]


def _key_ids(entry: Seen) -> list[str]:
    return _unless_missing(_about(entry, "`key_ID`"))


def _key_texts(entry: Seen) -> list[str]:
    return _unless_missing(_about(entry, "`key`"))


def _unless_missing(texts: list[str]) -> list[str]:
    return [text for text in texts if not text.endswith("is missing") and "that of an earlier key" not in text]


@case("014.sweep.bodies", "ETSI014-4-R3", "ETSI014-5.1-R9", "ETSI014-5.1-R11", "ETSI014-6.3-R8", shares=1, last=True)
def test_every_body_is_json(pair: Pair, check: Check) -> None:
    """Every Status and Key container of the campaign is JSON in UTF-8, with unique names, sent as application/json."""
    _see(pair, 1)
    pair.master.get_status(pair.slave.id)
    seen = list(_served(pair))

    def about(entry: Seen, *words: str) -> list[str]:
        return [text for text in entry.answer.problems if any(word in text for word in words)]

    def kind(entry: Seen) -> list[str]:
        return [text for text in entry.answer.media_problems() if "charset" not in text]

    def charset(entry: Seen) -> list[str]:
        said = [text for text in entry.answer.media_problems() if "charset" in text]
        return [*about(entry, "UTF-8", "byte order"), *said]

    def form(entry: Seen) -> list[str]:
        return about(entry, "not JSON", "not a JSON", "nested")

    _judge(check, "ETSI014-4-R3", seen, form, "JSON (RFC 8259)")
    _judge(check, "ETSI014-5.1-R9", seen, kind, "Content-Type: application/json")
    _judge(check, "ETSI014-5.1-R11", seen, charset, "UTF-8")
    _judge(check, "ETSI014-6.3-R8", seen, lambda entry: about(entry, "duplicate"), "unique names within an object")


@case(
    "014.sweep.errors",
    "ETSI014-6.5-R1", "ETSI014-6.5-R2", "ETSI014-5.1-R10", "ETSI014-5.3-R4", "ETSI014-5.4-R14", "ETSI014-A21-O2",
    shares=1, bindings=BOTH, last=True,
)  # fmt: skip
def test_every_refusal_is_well_formed(pair: Pair, check: Check) -> None:
    """Every 400 and 503 of the campaign carries an Error (Table 13) in application/json; no refusal carries a key."""
    _see(pair, 1)
    pair.fetch(_NOBODYS)
    refusals = [
        entry
        for entry in pair.bench.memory.seen()
        if entry.binding == pair.binding and entry.answer.status is not None and not entry.answer.ok
    ]
    errors = [entry for entry in refusals if entry.answer.status in {400, 503}]
    _judge(
        check,
        "ETSI014-6.5-R1",
        errors,
        lambda entry: [text for text in entry.answer.error_problems() if "details" not in text],
        "an Error: an object whose `message` is a string",
    )
    _judge(
        check,
        "ETSI014-6.5-R2",
        errors,
        lambda entry: [text for text in entry.answer.error_problems() if "details" in text],
        "`details` is an array of objects or absent",
    )
    _judge(
        check,
        "ETSI014-5.1-R10",
        errors,
        lambda entry: entry.answer.media_problems(),
        "Content-Type: application/json",
    )
    for requirement, method in (("ETSI014-5.3-R4", GET_KEY), ("ETSI014-5.4-R14", GET_KEY_WITH_IDS)):
        _judge(
            check,
            requirement,
            [entry for entry in refusals if entry.method == method],
            lambda entry: [f"{len(entry.answer.keys)} keys in it"] if entry.answer.keys else [],
            "no key with another status than 200",
        )
    _judge(
        check,
        "ETSI014-A21-O2",
        [entry for entry in refusals if entry.answer.status == 401],
        lambda entry: entry.answer.media_problems(),
        "401 without a body, or with application/json",
    )


@case("014.sweep.unique", "ETSI014-5.3-R2", "ETSI014-6.3-R7", shares=3, last=True)
def test_no_key_was_handed_out_twice(pair: Pair, check: Check) -> None:
    """All keys and key IDs that Get key returned in the campaign, in all calls and both directions, differ."""
    _see(pair, 3)
    seen: dict[str | KeyMaterial, Seen] = {}
    total, found = 0, []
    for entry, key in _taken(pair):
        total += 1
        for name, what in ((key.id.lower(), "key ID"), (key.material, "key")):
            if name in seen:
                found.append((entry, what, seen[name] is entry))
            else:
                seen[name] = entry
    for requirement, within, where in (
        ("ETSI014-5.3-R2", False, "another call returned"),
        ("ETSI014-6.3-R7", True, "the same answer holds twice"),
    ):
        wrong = [(entry, what) for entry, what, inside in found if inside is within]
        for entry, what in wrong[:5]:
            got = Told(entry.answer, f"a {what} that {where}")
            check(requirement, False, expected="keys and key IDs that differ", got=got)
        if not wrong:
            check(requirement, True, expected="keys and key IDs that differ", got=f"{total} keys compared")


def _taken(pair: Pair) -> Iterator[tuple[Seen, DeliveredKey]]:
    for entry in pair.bench.memory.seen(GET_KEY):
        if entry.answer.ok:
            for key in entry.answer.keys:
                if key.material.bits >= TELLING:
                    yield entry, key


@case("014.sweep.both-ends", "ETSI014-5.4-R1", shares=2, bindings=BOTH, last=True)
def test_all_keys_are_the_same_at_both_ends(pair: Pair, check: Check) -> None:
    """Every key that was fetched in the campaign has the bytes that its master got under the same ID."""
    _see(pair, 2)
    at_master = {key.id.lower(): key.material for _, key in _all_taken(pair)}
    compared, differing = 0, []
    for entry in _served(pair, GET_KEY_WITH_IDS):
        for key in entry.answer.keys:
            taken = at_master.get(key.id.lower())
            compared += taken is not None
            if taken is not None and taken != key.material:
                differing.append(entry)
    for entry in differing[:5]:
        got = Told(entry.answer, f"bytes that {entry.other} did not get, for {entry.caller}")
        check("ETSI014-5.4-R1", False, expected="the same bytes at both ends", got=got)
    check.require(compared > 0, "no key was seen at both ends")
    if not differing:
        check("ETSI014-5.4-R1", True, expected="the same bytes at both ends", got=f"{compared} keys compared")


def _all_taken(pair: Pair) -> Iterator[tuple[Seen, DeliveredKey]]:
    return ((entry, key) for entry in pair.bench.memory.seen(GET_KEY) for key in entry.answer.keys)
