"""Whether a key, or part of one, comes back: in another, in itself, turned round, or after a simple calculation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from conformance.quality.bounds import at_least, collision, least
from conformance.quality.oddity import Oddity
from conformance.quality.sample import WINDOW, Counts, Group, Octets, Sample, Windows, Words, octet_windows

_LEAST_FREEDOM = 48
_MOST_LAG = 64
_POOLED_BITS = 2048
_WORD_POWERS = (0, 3, 4, 5, 6)  # bits, octets, words of 16, 32 and 64 bits
_SINGLE_BITS = 192


def equal_keys(sample: Sample) -> Oddity:
    """Two keys that are the same."""
    bound, same = 1.0, 0
    for group in sample.groups:
        again = sum(many - 1 for many in Counter(row.tobytes() for row in group.octets).values())
        if again:
            same += again
            chance = collision(len(sample.groups) * _pairs(group.count), 8 * group.length)
            bound = min(bound, chance)
    return Oddity("equal keys", bound, f"{same} of {len(sample.keys)} keys repeat another")


def shared_windows(sample: Sample) -> Oddity:
    """64 neighbouring bits that stand in two keys: keys that overlap, are shifted, or contain one another."""
    values, owners, again = _again(sample)
    across = int((again & (owners[1:] != owners[:-1])).sum())
    bound = collision(_pairs(values.size), WINDOW) if across else 1.0
    text = f"{across} of {values.size} windows of {WINDOW} bits stand in an earlier key too"
    return Oddity("shared windows", bound, text)


def inner_windows(sample: Sample) -> Oddity:
    """64 neighbouring bits that stand twice in one key, or once as they are and once inverted."""
    values, owners, again = _again(sample)
    straight = int((again & (owners[1:] == owners[:-1])).sum())
    inverted = _common(sample.windows, Windows(~sample.windows.values, sample.windows.owners), within=True)
    bound = collision(2 * _pairs(values.size), WINDOW) if straight or inverted else 1.0
    text = f"{straight} of {values.size} windows of {WINDOW} bits stand twice in a key, {inverted} once more inverted"
    return Oddity("windows within a key", bound, text)


def inner_periods(sample: Sample) -> Oddity:
    """Keys that agree with themselves, shifted by whole octets: short keys made of a still shorter piece."""
    agree, counts, chances = [0], [1], [1.0]
    for group in sample.groups:
        for lag in range(1, min(group.length, _MOST_LAG + 1)):
            agree.append(int((group.octets[:, lag:] == group.octets[:, :-lag]).all(axis=1).sum()))
            counts.append(group.count)
            chances.append(2.0 ** (-8 * (group.length - lag)))
    bound = least(at_least(agree, counts, chances))
    return Oddity("periods", bound, f"{max(agree)} of {len(sample.keys)} keys repeat with a period of whole octets")


def inner_differences(sample: Sample) -> Oddity:
    """The same 64 bits, in two keys, between a place and another some octets further on (by exclusive or)."""
    bound, again = 1.0, 0
    for group in sample.groups:
        lags = [lag for lag in _lags(group.length) if group.count > 1]
        pairs = 0.0
        for lag in lags:
            words = octet_windows(group.octets[:, lag:] ^ group.octets[:, :-lag])
            ordered = np.sort(words, axis=0)
            again += int((ordered[1:] == ordered[:-1]).sum())
            pairs += _pairs(group.count) * words.shape[1]
        if again and bound == 1.0:
            bound = collision(len(sample.groups) * pairs, WINDOW)
    return Oddity("differences within a key", bound, f"{again} differences stand in an earlier key too")


def turned_windows(sample: Sample) -> Oddity:
    """64 neighbouring bits that stand in a key and, inverted or backwards (by bits, by octets), in another."""
    straight = sample.windows
    found = {
        "inverted": _common(straight, Windows(~straight.values, straight.owners)),
        "bits backwards": _common(straight, sample.windows_of([group.bits[:, ::-1] for group in sample.groups])),
        "octets backwards": _common(
            straight, sample.windows_of([np.unpackbits(group.octets[:, ::-1], axis=1) for group in sample.groups])
        ),
    }
    bound = collision(len(found) * float(straight.values.size) ** 2, WINDOW) if any(found.values()) else 1.0
    text = ", ".join(f"{many} {kind}" for kind, many in found.items())
    return Oddity("turned windows", bound, f"{text}, of {straight.values.size} windows of {WINDOW} bits")


def close_numbers(sample: Sample) -> Oddity:
    """Two keys that lie close together as numbers, as those of a counter do."""
    bounds = [1.0]
    for group in sample.groups:
        if group.count < 2:
            continue
        bits, looks = 8 * group.length, 2 * len(sample.groups)
        nearest = min(_nearest(sorted(group.numbers(order)), 1 << bits) for order in ("big", "little"))
        # Two random numbers lie within d of each other, round the circle, with (2d + 1) / 2^bits.
        freedom = bits - math.log2(2 * nearest + 1)
        bounds.append(collision(looks * _pairs(group.count), freedom))
    return Oddity("close numbers", min(bounds), f"the closest pair of {len(sample.keys)} keys")


def constant_steps(sample: Sample) -> Oddity:
    """The same difference, or the same exclusive or, between keys drawn one after another, twice."""
    bounds, again = [1.0], 0
    for groups in sample.orders:
        for group in groups:
            if group.count < 3:
                continue
            bits, looks = 8 * group.length, 4 * len(sample.orders) * len(groups)
            repeated = max(_repeats(steps) for steps in _steps(group))
            if repeated:
                again = max(again, repeated)
                bounds.append(collision(looks * _pairs(group.count), bits))
    return Oddity("constant steps", min(bounds), f"{again} steps repeat another")


def linear_dependence(sample: Sample) -> Oddity:
    """Keys that are the exclusive or of other keys."""
    bounds, short = [1.0], 0
    for group in sample.groups:
        rows = min(group.count, 8 * group.length - _LEAST_FREEDOM)
        if rows < 2:
            continue
        missing = rows - _rank(group.numbers("big")[:rows])
        if missing:
            short = max(short, missing)
            bounds.append(collision(len(sample.groups) * 2.0**rows, 8 * group.length))
    return Oddity("linear dependence", min(bounds), f"{short} keys follow from others")


def linear_complexity(sample: Sample) -> Oddity:
    """Keys, or one bit of each word of the keys behind one another, that a short feedback shift register produces."""
    rows = [row for group in sample.groups for row in group.bits[:, :_SINGLE_BITS]]
    pooled = np.unpackbits(np.frombuffer(sample.stream, dtype=np.uint8))
    rows += [pooled[:: 1 << power][:_POOLED_BITS] for power in _WORD_POWERS]
    found = [(_register_bound(row), row.size) for row in rows if row.size]
    (shortest, _), size = min(found, key=lambda entry: entry[0][1], default=((0, 1.0), 0))
    text = f"{len(found)} looks; the shortest register for {size} bits has {shortest}"
    return Oddity("linear complexity", least([bound for (_, bound), _ in found]), text)


def _lags(length: int) -> list[int]:
    lags = {1, 2, 4, 8, 16, 32, 64, length // 4, length // 2, 3 * length // 4}
    return sorted(lag for lag in lags if 1 <= lag <= length - WINDOW // 8)


def _pairs(many: int) -> float:
    return many * (many - 1) / 2


def _again(sample: Sample) -> tuple[Words, Counts, npt.NDArray[np.bool_]]:
    order = np.argsort(sample.windows.values, kind="stable")
    values, owners = sample.windows.values[order], sample.windows.owners[order]
    return values, owners, values[1:] == values[:-1]


def _common(ones: Windows, others: Windows, *, within: bool = False) -> int:
    shared = np.intersect1d(ones.values, others.values)
    if not shared.size:
        return 0
    mine, theirs = np.isin(ones.values, shared), np.isin(others.values, shared)
    holders: dict[int, set[int]] = {}
    for value, owner in zip(others.values[theirs].tolist(), others.owners[theirs].tolist(), strict=True):
        holders.setdefault(value, set()).add(owner)
    held = zip(ones.values[mine].tolist(), ones.owners[mine].tolist(), strict=True)
    if within:
        return sum(1 for value, owner in held if owner in holders[value])
    # Within one key a palindrome is likelier than a match between independent windows, so it does not count here.
    return sum(1 for value, owner in held if holders[value] - {owner})


def _nearest(ordered: list[int], circle: int) -> int:
    gaps = [later - earlier for earlier, later in pairwise(ordered)]
    return min([*gaps, ordered[0] + circle - ordered[-1]])


def _steps(group: Group) -> Iterable[list[int]]:
    circle = 1 << (8 * group.length)
    for order in ("big", "little"):
        numbers = group.numbers(order)
        pairs = list(pairwise(numbers))
        yield [(later - earlier) % circle for earlier, later in pairs]
        yield [later ^ earlier for earlier, later in pairs]


def _repeats(steps: list[int]) -> int:
    return len(steps) - len(set(steps))


def _rank(rows: list[int]) -> int:
    basis: dict[int, int] = {}
    for row in rows:
        rest = row
        while rest and (lead := rest.bit_length()) in basis:
            rest ^= basis[lead]
        if rest:
            basis[rest.bit_length()] = rest
    return len(basis)


def _register_bound(bits: Octets) -> tuple[int, float]:
    # At most 2^(2L) strings of n bits have a register of length L or less, for L up to n / 2.
    length = shortest_register(bits)
    return length, float(min(1.0, 2.0 ** (2 * length - bits.size)))


def shortest_register(bits: Octets) -> int:
    """Length of the shortest linear feedback shift register that produces ``bits`` (Berlekamp and Massey)."""
    connection, earlier = 1, 1
    length, last = 0, -1
    seen = 0
    for place, bit in enumerate(bits.tolist()):
        seen = seen << 1 | bit
        if (connection & seen).bit_count() & 1:
            before = connection
            connection ^= earlier << (place - last)
            if 2 * length <= place:
                length, earlier, last = place + 1 - length, before, place
    return length
