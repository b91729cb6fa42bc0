"""Keys by ETSI GS QKD 014 between the applications of two nodes, and where their bits come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from harness.testbed.node_plan import app
from harness.testbed.nodes import BOUND_S, NodeBench
from harness.wire.etsi014.answer import Answer

_WORD: Final = 8
_MOST_AT_ONCE: Final = 8


@dataclass(frozen=True)
class Keys:
    """Keys that a master took.

    Attributes:
        taken: by key ID, at the master.
        told: how the KME answered at last, for people.
        fetched: by key ID, at the slave; empty = not asked.
        refused: how the slave's KME answered, for people.
    """

    taken: dict[str, bytes] = field(repr=False)
    told: str
    fetched: dict[str, bytes] = field(repr=False, default_factory=dict)
    refused: str = ""

    @property
    def equal(self) -> bool:
        """Whether the slave has what the master has, and that is something."""
        return bool(self.taken) and self.taken == self.fetched


def take(bench: NodeBench, master: str, slave: str, number: int, *, size: int | None = None, wait: bool = True) -> Keys:
    """Takes keys, asking again until there are so many, unless it is not to wait."""
    answers: list[Answer] = []

    def got() -> bool:
        answers.append(bench.app(master).get_key(app(slave), number=number, size=size))
        return answers[-1].ok and bool(answers[-1].keys)

    bench.until(got, BOUND_S if wait else 0.0)
    return Keys({key.id: key.material.octets() for key in answers[-1].keys}, answers[-1].describe())


def exchange(
    bench: NodeBench, master: str, slave: str, number: int, *, size: int | None = None, wait: bool = True
) -> Keys:
    """Takes keys and fetches them at the other end."""
    taken = take(bench, master, slave, number, size=size, wait=wait)
    if not taken.taken:
        return taken
    answer = bench.app(slave).get_key_with_ids(app(master), list(taken.taken))
    return Keys(taken.taken, taken.told, {key.id: key.material.octets() for key in answer.keys}, answer.describe())


def drain(bench: NodeBench, master: str, slave: str) -> None:
    """Takes keys until there are none."""
    for number in (_MOST_AT_ONCE, 1):
        while take(bench, master, slave, number, wait=False).taken:
            pass


def xor(one: bytes, other: bytes) -> bytes:
    """Exclusive or of strings of one length."""
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def combined_from(key: bytes, one: bytes, other: bytes) -> bool:
    """Whether a key is the exclusive or of octets of the one and octets of the other, wherever they stand there.

    As `cut_from`, of its 8-octet words; a word fits by chance with a probability below len(one) * len(other) / 2^64.
    """
    there = set(_windows(other))
    here = _windows(one)
    words = [int.from_bytes(key[start : start + _WORD]) for start in range(0, len(key) - _WORD + 1, _WORD)]
    return sum(any(word ^ window in there for window in here) for word in words) >= (3 * len(words) + 3) // 4


def _windows(octets: bytes) -> list[int]:
    return [int.from_bytes(octets[start : start + _WORD]) for start in range(len(octets) - _WORD + 1)]


def cut_from(key: bytes, octets: bytes) -> bool:
    """Whether a key was cut from somewhere in `octets`: three of four of its 8-octet words stand there.

    By chance with a probability below len(octets)^3 / 2^190. One word may lie over the end of a block.
    """
    words = [key[start : start + _WORD] for start in range(0, len(key) - _WORD + 1, _WORD)]
    return sum(word in octets for word in words) >= (3 * len(words) + 3) // 4


def touches(key: bytes, octets: bytes) -> bool:
    """Whether any 8-octet word of a key stands in `octets`; by chance below len(octets) / 2^61."""
    return any(key[start : start + _WORD] in octets for start in range(0, len(key) - _WORD + 1, _WORD))
