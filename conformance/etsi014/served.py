"""Judgements of answers to Get key that ought to be served."""

from __future__ import annotations

from typing import Final

from conformance.etsi014.pair import Pair, Told
from harness.campaign.check import Check, Inconclusive
from harness.wire.etsi014 import Answer

TELLING: Final = 64
"""Bits from which on two equal keys in a campaign are no chance."""


def served(
    check: Check, requirement: str, pair: Pair, answer: Answer, *, number: int | None = None, size: int | None = None
) -> bool:
    """Judge that a request within the limits was served; ``number`` and ``size`` as asked for.

    Raises:
        Inconclusive: it was refused, and the KME may have had too few keys.
    """
    if not answer.ok and pair.lacks(answer, number, size):
        raise Inconclusive(f"refused, perhaps for want of keys, also after waiting: {answer.describe()}")
    return check(requirement, answer.ok, expected="200 with a Key container", got=answer)


def counted(check: Check, requirement: str, answer: Answer, number: int) -> bool:
    """Judge that the container holds ``number`` keys."""
    return check(requirement, len(answer.keys) == number, expected=f"{_keys(number)}", got=answer)


def sized(check: Check, requirement: str, answer: Answer, size: int) -> bool:
    """Judge that every key has ``size`` bits (a last octet may be filled up, A12)."""
    held = bool(answer.keys) and not answer.delivery_problems(size=size)
    return check(requirement, held, expected=f"keys of {size} bit", got=answer)


def distinct(check: Check, requirement: str, answer: Answer) -> bool:
    """Judge that neither key IDs nor keys stand twice in the container."""
    ids = {key.id.lower() for key in answer.keys}
    materials = {key.material for key in answer.keys}
    wrong = ["a key ID stands twice"] if len(ids) < len(answer.keys) else []
    # Shorter keys may be equal by chance.
    if len(materials) < len(answer.keys) and all(key.material.bits >= TELLING for key in answer.keys):
        wrong.append("two keys are equal")
    got = Told(answer, "; ".join(wrong))
    return check(requirement, not wrong, expected="key IDs and keys that differ from each other", got=got)


def _keys(number: int) -> str:
    return "1 key" if number == 1 else f"{number} keys"
