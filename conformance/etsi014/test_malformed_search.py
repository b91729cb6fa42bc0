"""Malformed input that nobody thought of (A8): searched for, and shrunk to the smallest that goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from hypothesis import strategies as st

from conformance.etsi014.ordeal import ANSWERED, WATCHED, Ordeal, sound
from conformance.etsi014.pair import Pair, Told
from conformance.etsi014.search import search
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.wire.etsi014 import Answer

_EXAMPLES: Final = 40
_MOST_KEYS: Final = 6
_TAKE, _FETCH = "ETSI014-5.3-R4", "ETSI014-5.4-R14"
_KEY, _CRASH = "key", "crash"


def _texts(letters: str, shortest: int = 0) -> st.SearchStrategy[str]:
    # Not st.text, which first reads the whole of Unicode.
    return st.lists(st.sampled_from(letters), min_size=shortest, max_size=8).map("".join)


_text = _texts("abkxyz019-_*%'\"\\/\x00\n\x7féß∅")
_numbers = st.integers(-(2**70), 2**70) | st.sampled_from([0.5, -1.5, 1e30, 2.0])
_values = st.none() | st.booleans() | _numbers | _text | st.lists(_text | st.none(), max_size=2)
_objects = st.dictionaries(_text, _values, min_size=1, max_size=3)
_no_number = (
    _texts("abcxyzé!#", shortest=1)
    | st.lists(_values, min_size=2, max_size=3)
    | st.dictionaries(_text, _values, min_size=1, max_size=2)
    | st.integers(min_value=2**64, max_value=2**80)
)
_names_nothing = st.none() | st.booleans() | _numbers | _text | st.lists(st.none() | _numbers, max_size=2)


def _dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode()


def _cut(entry: tuple[bytes, int]) -> bytes:
    whole, part = entry
    return whole[: 1 + (len(whole) - 2) * part // 100]


# A JSON object whose last brace is missing is none to any parser.
_NOT_JSON = st.tuples(_objects.map(_dumped), st.integers(0, 100)).map(_cut)
_UNREADABLE = st.tuples(
    st.fixed_dictionaries({}, optional={"extension_optional": st.just([]), "qkdh_unknown": _values}),
    st.sampled_from(["number", "size"]),
    _no_number,
).map(lambda parts: _dumped({**parts[0], parts[1]: parts[2]}))
_NO_KEY_NAMED = st.one_of(
    st.lists(_names_nothing | st.fixed_dictionaries({"key_ID": _names_nothing}), max_size=3).map(
        lambda entries: {"key_IDs": entries}
    ),
    _names_nothing.map(lambda value: {"key_IDs": value}),
    _objects,
).map(_dumped)  # fmt: skip


@case(
    "014.malformed.search-not-json",
    "ETSI014-A8-R1", *WATCHED, _TAKE,
    draws=2, at_risk=_MOST_KEYS,
)  # fmt: skip
def test_bodies_cut_off_anywhere(pair: Pair, check: Check) -> None:
    """Get key with JSON objects that are cut off somewhere: no key, an answer, no harm."""
    _search(
        pair,
        check,
        "ETSI014-A8-R1",
        guarded=_TAKE,
        inputs=_NOT_JSON,
        send=lambda ordeal, body: ordeal.take(_SEARCHED, body),
    )


@case(
    "014.malformed.search-numbers",
    "ETSI014-A8-R6", *WATCHED, _TAKE,
    draws=2, at_risk=_MOST_KEYS,
)  # fmt: skip
def test_numbers_of_any_wrong_kind(pair: Pair, check: Check) -> None:
    """Get key with a number or size of any kind that is none: no key, an answer, no harm."""
    _search(
        pair,
        check,
        "ETSI014-A8-R6",
        guarded=_TAKE,
        inputs=_UNREADABLE,
        send=lambda ordeal, body: ordeal.take(_SEARCHED, body),
    )


@case(
    "014.malformed.search-key-ids",
    "ETSI014-A8-R7", *WATCHED, _FETCH,
    draws=2,
)  # fmt: skip
def test_key_ids_of_any_wrong_kind(pair: Pair, check: Check) -> None:
    """Get key with key IDs of any form that names no key: no key, an answer, no harm."""
    _search(
        pair,
        check,
        "ETSI014-A8-R7",
        guarded=_FETCH,
        inputs=_NO_KEY_NAMED,
        send=lambda ordeal, body: ordeal.fetch(_SEARCHED, body),
    )


_SEARCHED = "a searched body"


def _search(
    pair: Pair,
    check: Check,
    no_key: str,
    *,
    guarded: str,
    inputs: st.SearchStrategy[bytes],
    send: Callable[[Ordeal, bytes], Answer | None],
) -> None:
    answers: dict[bytes, Answer] = {}
    with Ordeal(pair, check, guarded=guarded, most_given=_MOST_KEYS) as ordeal:

        def trial(body: bytes) -> str:
            answer = send(ordeal, body)
            if answer is None:
                return ""
            answers[body] = answer
            if answer.keys:
                return _KEY
            return "" if sound(answer) else _CRASH

        found = search(inputs, trial, examples=_EXAMPLES, failures=2 * _MOST_KEYS)
    check.observe(f"{found.tried} bodies tried, {found.failed} went wrong")
    for kind, requirement, expected in (
        (_KEY, no_key, "no key"),
        (_CRASH, ANSWERED, "an answer that is no crash"),
    ):
        worst = found.smallest.get(kind)
        if worst is None:
            check(requirement, True, expected=expected, got=f"{found.tried} bodies tried")
        else:
            check(requirement, False, expected=expected, got=Told(answers[worst], f"smallest body: {_shown(worst)}"))


def _shown(body: bytes) -> str:
    # What was sent is of the harness's own making, and holds no secret.
    return repr(body.decode("utf-8", "backslashreplace"))[:200]
