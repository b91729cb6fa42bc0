"""Whether somebody who never saw a key can compute it from what is public, or from a few keys that they did see."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

import numpy as np
import numpy.typing as npt

from conformance.quality.bounds import collision
from conformance.quality.oddity import Oddity
from conformance.quality.sample import Sample, Specimen, octet_windows

_USUAL = (hashlib.md5, hashlib.sha256)
_FAST = (*_USUAL, hashlib.sha1, hashlib.sha512)
_DIGESTS = (*_FAST, hashlib.sha224, hashlib.sha384, hashlib.sha3_256, hashlib.blake2b, hashlib.blake2s)
_PIECE = 8
_LOOKED_AT = 512
_COUNTERS = 512
_SEEDS = 64
_ORDERS: tuple[Literal["big"], Literal["little"]] = ("big", "little")
_BETWEEN = ("", "-", ":", "_", "|", "/")
# The bits of a UUID's halves that are free in every version and variant.
_FREE_BITS = ((0xFFFFFFFFFFFF0FFF, 60), (0x1FFFFFFFFFFFFFFF, 61))
_TWISTER = 624
_LONGEST_STREAM = 1 << 18
_Word = npt.NDArray[np.uint32]


def id_inside(sample: Sample) -> Oddity:
    """Half of a key ID (without its version and variant bits) that stands in a key."""
    uuids = [found for entry in sample.keys if (found := _uuid(entry.id)) is not None]
    windows = [octet_windows(group.octets).ravel() for group in sample.groups]
    values = np.concatenate([np.zeros(0, dtype=np.uint64), *windows])
    hits = 0
    for half, (mask, _) in enumerate(_FREE_BITS):
        halves = {int.from_bytes(found.bytes[8 * half : 8 * half + 8], "big") & mask for found in uuids}
        hits += int(np.isin(values & np.uint64(mask), np.array(sorted(halves), dtype=np.uint64)).sum())
    bound = collision(2 * len(uuids) * values.size, min(free for _, free in _FREE_BITS)) if hits else 1.0
    return Oddity("key ID inside a key", bound, f"{hits} places hold half of an ID")


def computed_from_id(sample: Sample, names: Sequence[str]) -> Oddity:
    """Keys that are a digest, a repetition or the seeded output of key IDs, alone or with one of ``names``."""
    guesses: set[bytes] = set()
    for entry in sample.keys:
        guesses.update(_from_id(entry, names))
    return _guessed(sample, guesses, "computed from key IDs")


def computed_from_public(sample: Sample, names: Sequence[str]) -> Oddity:
    """Keys that are a digest, a repetition or the seeded output of ``names`` (SAE and KME IDs), counters, seeds."""
    lengths = tuple(min(group.length, _LOOKED_AT) for group in sample.groups)
    return _guessed(sample, _public(tuple(sorted(set(names))), lengths), "computed from what is public")


def mersenne_twister(sample: Sample) -> Oddity:
    """Keys whose 32-bit words obey the recurrence of MT19937, the usual generator that is not meant for secrets."""
    hits = looks = 0
    for words in _word_orders(sample):
        hits += _obeying(words)
        looks += max(0, words.size - _TWISTER)
    bound = collision(looks, 32) if hits else 1.0
    if hits > 1:
        bound = collision(looks * looks / 2, 64)
    return Oddity("Mersenne Twister", bound, f"{hits} of {looks} words follow from earlier ones")


def _guessed(sample: Sample, guesses: AbstractSet[bytes], test: str) -> Oddity:
    pieces = sum(min(len(entry.octets), _LOOKED_AT) // _PIECE for entry in sample.keys)
    hits = sum(not guesses.isdisjoint(_pieces(entry.octets[:_LOOKED_AT])) for entry in sample.keys)
    bound = collision(float(len(guesses)) * pieces, 8 * _PIECE) if hits else 1.0
    return Oddity(
        test, bound, f"{hits} of {len(sample.keys)} keys hold one of {len(guesses)} values that anybody can compute"
    )


def _pieces(octets: bytes) -> Iterator[bytes]:
    return (octets[start : start + _PIECE] for start in range(0, len(octets) - _PIECE + 1, _PIECE))


def _digested(text: bytes, digests: Sequence[Callable[..., Any]] = _DIGESTS) -> Iterator[bytes]:
    for digest in digests:
        yield from _pieces(digest(text, usedforsecurity=False).digest())


def _repeated(text: bytes) -> Iterator[bytes]:
    if text:
        yield from _pieces(text + text * (_PIECE // len(text) + 1))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _from_id(entry: Specimen, names: Sequence[str]) -> Iterator[bytes]:
    text, found = entry.id, _uuid(entry.id)
    forms = {text.encode(), text.lower().encode(), text.upper().encode()}
    if found is not None:
        forms |= {found.hex.encode(), found.bytes}
        yield from _digested(found.bytes_le, _USUAL)
        yield from _repeated(found.bytes_le)
        yield from _seeded(found.int, (min(len(entry.octets), _LOOKED_AT),))
    for form in forms:
        yield from _repeated(form)
        yield from _repeated(form[::-1])
        yield from _digested(form)
    for name in names:
        yield from _digested((text + name).encode(), _USUAL)
        yield from _digested((name + text).encode(), _USUAL)
    yield from _seeded(text, (min(len(entry.octets), _LOOKED_AT),))


@lru_cache(maxsize=4)
def _public(names: tuple[str, ...], lengths: tuple[int, ...]) -> frozenset[bytes]:
    seeded = itertools.chain.from_iterable(_seeded(seed, lengths) for seed in range(_SEEDS))
    return frozenset(itertools.chain(_from_counters(), _from_names(names), seeded))


def _from_counters() -> Iterator[bytes]:
    for number in range(_COUNTERS):
        forms = {str(number).encode()}
        forms |= {number.to_bytes(size, order) for size in (4, 8) for order in _ORDERS}
        for form in forms:
            yield from _digested(form, _FAST)


def _from_names(names: tuple[str, ...]) -> Iterator[bytes]:
    pairs = itertools.product(itertools.permutations(names, 2), _BETWEEN)
    for text in {*names, *(one + between + other for (one, other), between in pairs)}:
        yield from _repeated(text.encode())
        yield from _digested(text.encode())
    for text, number, between in itertools.product(names, range(64), _BETWEEN[:3]):
        yield from _digested(f"{text}{between}{number}".encode(), _USUAL)


def _seeded(seed: int | str, lengths: Sequence[int]) -> Iterator[bytes]:
    for length in lengths:
        yield from _pieces(random.Random(seed).randbytes(length))  # noqa: S311 - the weak generator is the point
        number = random.Random(seed).getrandbits(8 * length)  # noqa: S311
        yield from _pieces(number.to_bytes(length, "big"))


def _word_orders(sample: Sample) -> Iterator[_Word]:
    for source in (None, *sorted({entry.source for entry in sample.drawn})):
        drawn = [entry.octets for entry in sample.drawn if source in {None, entry.source}]
        # The generator may have filled a buffer from which keys are cut, at any place of which the first one began, …
        stream = b"".join(drawn)
        for phase in range(4):
            yield _words(stream[phase:])
        # … or each key by itself: as octets, or as an integer whose most significant octets come first.
        yield _words(b"".join(octets.ljust(-(-len(octets) // 4) * 4, b"\0") for octets in drawn))
        yield _words(b"".join(octets[::-1].ljust(-(-len(octets) // 4) * 4, b"\0") for octets in drawn))


def _words(stream: bytes) -> _Word:
    most = min(len(stream), _LONGEST_STREAM) // 4 * 4
    return np.frombuffer(stream[:most], dtype="<u4").astype(np.uint32)


def _obeying(words: _Word) -> int:
    if words.size <= _TWISTER:
        return 0
    state = _untempered(words)
    mixed = (state[:-1] & np.uint32(0x80000000)) | (state[1:] & np.uint32(0x7FFFFFFF))
    turned = (mixed >> np.uint32(1)) ^ np.where(mixed & np.uint32(1), np.uint32(0x9908B0DF), np.uint32(0))
    many = words.size - _TWISTER
    return int((state[_TWISTER:] == (state[397 : 397 + many] ^ turned[:many])).sum())


def _untempered(words: _Word) -> _Word:
    state = words ^ (words >> np.uint32(18))
    state = state ^ ((state << np.uint32(15)) & np.uint32(0xEFC60000))
    seven = state
    for _ in range(4):
        seven = state ^ ((seven << np.uint32(7)) & np.uint32(0x9D2C5680))
    eleven = seven
    for _ in range(2):
        eleven = seven ^ (eleven >> np.uint32(11))
    return np.asarray(eleven, dtype=np.uint32)
