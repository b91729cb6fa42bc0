"""The quality of keys: what honest keys cost in false alarms, and what dishonest ones have to show."""

from __future__ import annotations

import base64
import hashlib
import itertools
import random
import uuid
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binom

from conformance.quality import LEAST_BITS, Property, Sample, Specimen, frequency, judge, power, shortage
from conformance.quality.battery import ALPHA, FALSE_ALARM, TESTS, detectable_bias, oddities
from conformance.quality.bounds import at_least, collision, dispersion, least, two_sided, uneven
from conformance.quality.repetition import shortest_register

NAMES = ("sae-1", "sae-2", "kme-a", "kme-b")
Keys = list[bytes]


def honest(count: int = 60, octets: int = 32, seed: int = 1) -> Keys:
    rng = np.random.default_rng(seed)
    return [rng.bytes(octets) for _ in range(count)]


def sampled(keys: Keys, ids: list[str] | None = None, sources: int = 1) -> Sample:
    rng = np.random.default_rng(99)
    names = ids or [str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in keys]
    return Sample(
        [Specimen(name, key, f"kme-{n % sources}") for n, (name, key) in enumerate(zip(names, keys, strict=True))]
    )


def rejecting(sample: Sample) -> dict[Property, str]:
    return {about: found.describe() for about, found in judge(sample, NAMES).items() if found.odd}


# ---- honest keys --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "octets"), [(60, 32), (24, 8), (30, 16), (200, 32), (9, 128), (12, 5000), (300, 1), (8, 3), (20, 44)]
)
def test_honest_keys_of_any_size_are_not_blamed(count: int, octets: int) -> None:
    for seed in range(3):
        assert rejecting(sampled(honest(count, octets, seed), sources=2)) == {}


def test_honest_keys_of_mixed_sizes_are_not_blamed() -> None:
    keys = [key for octets in (8, 16, 24, 32, 64, 128, 1, 7) for key in honest(12, octets, octets)]
    assert rejecting(sampled(keys, sources=2)) == {}


def test_no_keys_and_one_key_do_not_stop_the_judge() -> None:
    for keys in ([], honest(1), [b""], honest(2, 1)):
        sample = sampled(keys)
        assert rejecting(sample) == {}
        assert shortage(sample)


def test_the_bounds_are_never_smaller_than_chance() -> None:
    """P(bound <= a) <= a for every test: simulated, with a tolerance of one in ten thousand for the simulation."""
    rounds = 80
    seen: dict[str, list[float]] = {}
    for seed in range(rounds):
        for found in oddities(sampled(honest(12, 12, seed), sources=2), ()).values():
            for entry in found:
                seen.setdefault(entry.test, []).append(entry.bound)
    assert len(seen) == TESTS
    for name, bounds in seen.items():
        assert len(bounds) == rounds
        for level in (0.01, 0.05, 0.1, 0.2, 0.5):
            most = binom.isf(1e-4 / TESTS, rounds, level)
            assert sum(bound <= level for bound in bounds) <= most, f"{name} at {level}"


def test_tests_that_always_have_something_to_measure_are_not_merely_loose() -> None:
    """The bounds of the exact tests come near 0.5 in about half of all runs: they would find what there is to find."""
    for test in (frequency.monobit, frequency.runs):
        bounds = [test(sampled(honest(10, 16, seed))).bound for seed in range(200)]
        assert 0.4 < float(np.median(bounds)) < 0.65


def test_all_tests_together_stay_below_the_stated_false_alarm() -> None:
    assert FALSE_ALARM < 1e-6
    assert pytest.approx(FALSE_ALARM) == ALPHA * TESTS


# ---- the arithmetic -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tosses", [1, 2, 7, 12])
def test_two_sided_bounds_are_the_exact_tails(tosses: int) -> None:
    counts = np.array([sum(toss) for toss in itertools.product((0, 1), repeat=tosses)])
    bounds = two_sided(counts, tosses)
    for bound in set(bounds.tolist()):
        assert (bounds <= bound).mean() <= bound + 1e-12


def test_tails_agree_with_another_implementation() -> None:
    hits = np.array([0, 1, 5, 30, 64, 90, 128])
    for chance in (0.5, 1 / 256, 22 / 256):
        assert at_least(hits, 128, chance) == pytest.approx(binom.sf(hits - 1, 128, chance), rel=1e-9, abs=1e-300)
        lower = binom.cdf(hits, 128, chance)
        upper = binom.sf(hits - 1, 128, chance)
        expected = np.minimum(1.0, 2 * np.minimum(lower, upper))
        assert uneven(hits, 128, chance) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_uneven_bounds_hold_for_other_odds() -> None:
    law = binom.pmf(np.arange(31), 30, 1 / 8)
    bounds = uneven(np.arange(31), 30, 1 / 8)
    for bound in bounds:
        assert law[bounds <= bound].sum() <= bound + 1e-12
    assert float(at_least(0, 30, 0.1)) == 1.0


@pytest.mark.parametrize(("tosses", "many"), [(4, 3), (6, 4), (16, 2), (8, 6)])
def test_dispersion_is_bounded_by_the_exact_law(tosses: int, many: int) -> None:
    single: dict[int, float] = {}
    for ones in range(tosses + 1):
        value = (2 * ones - tosses) ** 2
        single[value] = single.get(value, 0.0) + float(binom.pmf(ones, tosses, 0.5))
    law = {0: 1.0}
    for _ in range(many):
        law = _convolved(law, single)
    totals = np.array(sorted(law))
    chances = np.array([law[int(total)] for total in totals])
    bounds = np.array([dispersion(float(total) / tosses, {tosses: many}) for total in totals])
    for bound in bounds:
        assert chances[bounds <= bound].sum() <= bound + 1e-9


def _convolved(law: dict[int, float], single: dict[int, float]) -> dict[int, float]:
    result: dict[int, float] = {}
    for (one, chance), (other, more) in itertools.product(law.items(), single.items()):
        result[one + other] = result.get(one + other, 0.0) + chance * more
    return result


def test_short_registers_are_as_rare_as_stated() -> None:
    bits = 12
    lengths = [shortest_register(np.array(word, dtype=np.uint8)) for word in itertools.product((0, 1), repeat=bits)]
    for length in range(bits // 2 + 1):
        assert sum(found <= length for found in lengths) <= 2 ** (2 * length)


def test_shortest_register_of_a_known_recurrence() -> None:
    bits = [1, 0, 0, 1, 0]
    for place in range(5, 200):
        bits.append(bits[place - 5] ^ bits[place - 3])
    assert shortest_register(np.array(bits, dtype=np.uint8)) == 5


def test_collisions_and_bonferroni() -> None:
    assert collision(3, 8) == pytest.approx(3 / 256)
    assert collision(0, 8) == 0.0
    assert collision(1e9, 8) == 1.0
    assert least([0.5, 0.01]) == pytest.approx(0.02)
    assert least([]) == 1.0


def test_power_is_what_it_says() -> None:
    """A source with the stated bias is rejected by the binomial test with 95 %."""
    bits = 51200
    bias = detectable_bias(bits)
    ones = np.random.default_rng(5).binomial(bits, 0.5 + bias, size=4000)
    assert 0.93 < (two_sided(ones, bits) < ALPHA).mean() < 0.97
    assert detectable_bias(20) == 0.5
    assert f"{bits} bits" in power(sampled(honest(200)))


def test_a_small_sample_is_too_small_and_a_fair_one_is_not() -> None:
    assert "8 are needed" in shortage(sampled(honest(7, 256)))
    assert "could go unseen" in shortage(sampled(honest(8, 8)))
    assert shortage(sampled(honest(24, 8))) == ""
    assert shortage(sampled(honest(192, 1))) == ""
    assert detectable_bias(LEAST_BITS) < 0.1


# ---- dishonest keys -----------------------------------------------------------------------------------------------


def biased(keys: Keys, chance: float) -> Keys:
    rng = np.random.default_rng(3)
    return [np.packbits(rng.random(8 * len(key)) < chance).tobytes() for key in keys]


def with_octets(keys: Keys, change: Callable[[int, bytearray], None]) -> Keys:
    changed = []
    for number, key in enumerate(keys):
        octets = bytearray(key)
        change(number, octets)
        changed.append(bytes(octets))
    return changed


def put(place: int, value: int) -> Callable[[int, bytearray], None]:
    def change(_: int, octets: bytearray) -> None:
        octets[place] = value

    return change


def mask(keep: int) -> Callable[[int, bytearray], None]:
    def change(_: int, octets: bytearray) -> None:
        octets[:] = bytes(octet & keep for octet in octets)

    return change


def shift_register(keys: Keys, *, fresh: bool) -> Keys:
    state = 0x1234_5678_9ABC_DEF1
    result = []
    for number, key in enumerate(keys):
        state = (state * 0x9E3779B97F4A7C15 + number) % (1 << 64) or 1 if fresh else state
        octets = bytearray()
        for _ in range(len(key) // 8):
            state ^= state << 13 & (1 << 64) - 1
            state ^= state >> 7
            state ^= state << 17 & (1 << 64) - 1
            octets += state.to_bytes(8, "big")
        result.append(bytes(octets))
    return result


def overlapping(keys: Keys, step: int) -> Keys:
    stream = b"".join(keys)
    return [stream[step * n : step * n + len(keys[0])] for n in range(len(keys))]


def twister(keys: Keys, *, as_number: bool) -> Keys:
    source = random.Random("unknown to the judge")
    if as_number:
        return [source.getrandbits(8 * len(key)).to_bytes(len(key), "big") for key in keys]
    return [source.randbytes(len(key)) for key in keys]


def sticky(keys: Keys) -> Keys:
    rng = np.random.default_rng(8)
    result = []
    for key in keys:
        bits = np.cumsum(rng.random(8 * len(key)) < 0.4) % 2
        result.append(np.packbits(bits.astype(np.uint8)).tobytes())
    return result


def xored(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def bits_backwards(key: bytes) -> bytes:
    return bytes(int(f"{octet:08b}"[::-1], 2) for octet in key[::-1])


def followers(keys: Keys) -> Keys:
    """Every key has three quarters of its bits from the one before."""
    result = [keys[0]]
    for fresh, choice in pairwise(keys):
        kept = bytes(a | b for a, b in zip(choice, fresh[::-1], strict=True))
        result.append(bytes((a & c) | (b & ~c & 255) for a, b, c in zip(result[-1], fresh, kept, strict=True)))
    return result


def doubled_bits(key: bytes) -> bytes:
    bits = np.unpackbits(np.frombuffer(key[: len(key) // 2], dtype=np.uint8))
    return np.packbits(np.repeat(bits, 2)).tobytes()


BALANCED, RUNS, PATTERNS = Property.BALANCED, Property.RUNS, Property.PATTERNS
INNER, INDEPENDENT, COMPUTABLE = Property.NOT_REPEATED, Property.INDEPENDENT, Property.NOT_COMPUTABLE
STRIDE = 0x0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
WRONGS: dict[str, tuple[Property, Callable[[Keys], Keys]]] = {
    "all zero": (BALANCED, lambda keys: [bytes(len(key)) for key in keys]),
    "one key of sixty all zero": (BALANCED, lambda keys: [*keys[:-1], bytes(len(keys[0]))]),
    "constant": (INDEPENDENT, lambda keys: [keys[0]] * len(keys)),
    "one key given twice": (INDEPENDENT, lambda keys: [*keys[:-1], keys[7]]),
    "every key twice": (INDEPENDENT, lambda keys: [keys[n // 2] for n in range(len(keys))]),
    "a key inverted": (INDEPENDENT, lambda keys: [*keys[:-1], bytes(255 - octet for octet in keys[7])]),
    "a key backwards": (INDEPENDENT, lambda keys: [*keys[:-1], keys[7][::-1]]),
    "a key bitwise backwards": (INDEPENDENT, lambda keys: [*keys[:-1], bits_backwards(keys[7])]),
    "sliding by an octet": (INDEPENDENT, lambda keys: overlapping(keys, 1)),
    "half of the key before": (INDEPENDENT, lambda keys: overlapping(keys, 16)),
    "last 8 octets of the key before": (INDEPENDENT, lambda keys: overlapping(keys, 24)),
    "shifted by three bits": (
        INDEPENDENT, lambda keys: [*keys[:-1], (int.from_bytes(keys[3], "big") >> 3).to_bytes(32, "big")],
    ),
    "counter": (INDEPENDENT, lambda keys: [(STRIDE + n).to_bytes(32, "big") for n in range(len(keys))]),
    "counter, least octet first": (
        INDEPENDENT, lambda keys: [(STRIDE + 7 * n).to_bytes(32, "little") for n in range(len(keys))],
    ),
    "counter with a wide stride": (
        INDEPENDENT, lambda keys: [(STRIDE * (n + 3) % (1 << 256)).to_bytes(32, "big") for n in range(len(keys))],
    ),
    "one exclusive or for all": (
        INDEPENDENT,
        lambda keys: [
            (int.from_bytes(keys[0], "big") ^ (STRIDE * (n % 2))).to_bytes(32, "big") for n in range(len(keys))
        ],
    ),
    "sum of two others": (
        INDEPENDENT, lambda keys: [*keys[:-1], xored(keys[4], keys[19])],
    ),
    "few bits differ": (
        INDEPENDENT,
        lambda keys: with_octets([keys[0]] * 60, lambda n, octets: octets.__setitem__(n % 32, (n * 37 + 1) % 256)),
    ),
    "follows the key before": (INDEPENDENT, followers),
    "bias of a tenth": (BALANCED, lambda keys: biased(keys, 0.6)),
    "bias of a thirtieth": (BALANCED, lambda keys: biased(keys * 3, 0.4667)),
    "top bit always zero": (BALANCED, lambda keys: with_octets(keys, mask(0x7F))),
    "lowest bit always zero": (BALANCED, lambda keys: with_octets(keys, mask(0xFE))),
    "one bit of the key stuck": (
        BALANCED, lambda keys: with_octets(keys, lambda _, octets: octets.__setitem__(9, octets[9] | 4)),
    ),
    "first octet constant": (PATTERNS, lambda keys: with_octets(keys[:24], put(0, 0xA5))),
    "last octet constant": (PATTERNS, lambda keys: with_octets(keys[:24], put(-1, 0x3C))),
    "first half zero": (BALANCED, lambda keys: [bytes(16) + key[16:] for key in keys]),
    "zeros at the end": (BALANCED, lambda keys: [key[:24] + bytes(8) for key in keys]),
    "hexadecimal text": (PATTERNS, lambda keys: [key[:16].hex().encode() for key in keys]),
    "one key in hexadecimal text": (PATTERNS, lambda keys: [*keys[:-1], keys[-1][:16].hex().encode()]),
    "base64 text": (PATTERNS, lambda keys: [base64.b64encode(key[:24]) for key in keys]),
    "decimal text": (PATTERNS, lambda keys: [str(int.from_bytes(key, "big"))[:32].encode() for key in keys]),
    "nibbles": (PATTERNS, lambda keys: with_octets(keys, mask(0x0F))),
    "alternating": (RUNS, lambda keys: [b"\x55" * len(key) for key in keys]),
    "neighbouring bits cling": (RUNS, sticky),
    "pairs of equal bits": (RUNS, lambda keys: [doubled_bits(key) for key in keys]),
    "8 octets, four times": (INNER, lambda keys: [key[:8] * 4 for key in keys]),
    "16 octets, twice": (INNER, lambda keys: [key[:16] * 2 for key in keys]),
    "4 octets in a key of 8": (INNER, lambda keys: [key[:4] * 2 for key in keys]),
    "one key of sixty in two halves": (INNER, lambda keys: [*keys[:-1], keys[-1][:16] * 2]),
    "second half inverted": (INNER, lambda keys: [key[:16] + bytes(255 - octet for octet in key[:16]) for key in keys]),
    "halves a constant apart": (INNER, lambda keys: [key[:16] + xored(key[:16], keys[0][16:]) for key in keys]),
    "shift register, running": (COMPUTABLE, lambda keys: shift_register(keys, fresh=False)),
    "shift register, seeded for each key": (INDEPENDENT, lambda keys: shift_register(keys * 2, fresh=True)),
    "Mersenne Twister, octets": (COMPUTABLE, lambda keys: twister(keys * 2, as_number=False)),
    "Mersenne Twister, numbers": (COMPUTABLE, lambda keys: twister(keys * 2, as_number=True)),
    "digest of a counter": (
        COMPUTABLE, lambda keys: [hashlib.sha256(str(n).encode()).digest() for n in range(len(keys))],
    ),
    "digest of a binary counter": (
        COMPUTABLE, lambda keys: [hashlib.sha256(n.to_bytes(8, "big")).digest() for n in range(len(keys))],
    ),
    "seeded with a small number": (COMPUTABLE, lambda keys: [random.Random(n).randbytes(32) for n in range(len(keys))]),
    "digest of the names": (
        COMPUTABLE, lambda keys: [hashlib.sha256(f"sae-1-{n}".encode()).digest() for n in range(len(keys))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONGS)
def test_bad_keys_are_rejected_for_what_is_wrong(wrong: str) -> None:
    about, spoil = WRONGS[wrong]
    found = rejecting(sampled(spoil(honest())))
    assert about in found, found


@pytest.mark.parametrize("phase", [0, 1, 3])
def test_a_twister_is_found_in_a_buffer_with_odd_pieces(phase: int) -> None:
    """Keys cut from one buffer, some of a size that is no multiple of 8 bits: they are no sample, but stream."""
    stream = random.Random("unknown to the judge").randbytes(8000)[phase:]
    lengths = [33 if n % 10 == 3 else 16 if n % 7 == 1 else 32 for n in range(150)]
    starts = np.cumsum([0, *lengths])
    pieces = [stream[start : start + length] for start, length in zip(starts, lengths, strict=False)]
    sample = Sample([Specimen(str(n), piece, "kme-a", len(piece) != 33) for n, piece in enumerate(pieces)])
    assert len(sample.keys) == lengths.count(32) + lengths.count(16)
    assert "Mersenne Twister" in rejecting(sample)[COMPUTABLE]


def of_id(derive: Callable[[uuid.UUID], bytes]) -> tuple[Keys, list[str]]:
    rng = np.random.default_rng(12)
    ids = [uuid.UUID(bytes=rng.bytes(16), version=4) for _ in range(24)]
    return [derive(each) for each in ids], [str(each) for each in ids]


@pytest.mark.parametrize(
    "derive",
    [
        lambda each: hashlib.sha256(str(each).encode()).digest(),
        lambda each: hashlib.sha256(each.bytes).digest(),
        lambda each: hashlib.md5(each.hex.encode(), usedforsecurity=False).digest(),
        lambda each: hashlib.sha512(str(each).upper().encode()).digest()[32:],
        lambda each: hashlib.sha256(f"{each}sae-2".encode()).digest(),
        lambda each: random.Random(str(each)).randbytes(32),
    ],
)
def test_keys_that_follow_from_their_ids_are_rejected(derive: Callable[[uuid.UUID], bytes]) -> None:
    keys, ids = of_id(derive)
    assert "computed from key IDs" in rejecting(sampled(keys, ids))[INDEPENDENT]


@pytest.mark.parametrize("derive", [lambda each: each.bytes * 2, lambda each: bytes(9) + each.bytes + bytes(7)])
def test_keys_that_hold_their_ids_are_rejected(derive: Callable[[uuid.UUID], bytes]) -> None:
    keys, ids = of_id(derive)
    assert "key ID inside a key" in rejecting(sampled(keys, ids))[INDEPENDENT]


def test_ids_made_from_their_keys_are_found() -> None:
    keys = honest(24)
    ids = [str(uuid.UUID(bytes=key[:16], version=4)) for key in keys]
    assert "key ID inside a key" in rejecting(sampled(keys, ids))[INDEPENDENT]


def test_two_sources_with_a_counter_each_are_told_apart() -> None:
    """Constant steps are looked for in the order of each KME, so that two of them do not hide each other's."""
    numbers = [(STRIDE * (n // 2 + 3) * (1 + n % 2) + (n % 2) * 12345) % (1 << 256) for n in range(40)]
    found = rejecting(sampled([number.to_bytes(32, "big") for number in numbers], sources=2))
    assert "constant steps" in found[INDEPENDENT]


def test_nothing_of_a_key_is_told() -> None:
    keys = [key[:16].hex().encode() for key in honest(24)]
    sample = sampled(keys)
    told = " ".join([repr(sample), repr(sample.keys[0]), repr(sample.groups[0]), *rejecting(sample).values()])
    for key in keys:
        assert key.decode()[:8] not in told
        assert key.hex()[:16] not in told
