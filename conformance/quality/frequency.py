"""Whether the bits are even, here and there, and whether one tells anything of another."""

from __future__ import annotations

import bz2
import itertools
import zlib

import numpy as np

from conformance.quality.bounds import Reals, at_least, dispersion, least, spread, two_sided, uneven
from conformance.quality.oddity import Oddity
from conformance.quality.sample import Counts, Group, Octets, Sample

_BLOCK = 64
_LAGS = (*range(1, 65), *range(72, 513, 8))
_BACK = 8
_MOST_PAIRED = 1024
_MOST_PLACES = 1024
_LEAST_IN_PLACE = 4
_TEXTS = {
    "decimal digits": b"0123456789",
    "lower-case hexadecimal": b"0123456789abcdef",
    "hexadecimal": b"0123456789abcdefABCDEF",
    "base64": b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=",
    "printable text": bytes(range(32, 127)),
    "ASCII": bytes(range(128)),
}


def monobit(sample: Sample) -> Oddity:
    """Ones among all bits."""
    ones = sum(int(group.bits.sum()) for group in sample.groups)
    return Oddity("monobit", least(two_sided(ones, sample.bits)), f"{ones} ones in {sample.bits} bits")


def key_weight(sample: Sample) -> Oddity:
    """Ones in each key."""
    bounds = [two_sided(group.bits.sum(axis=1), 8 * group.length) for group in sample.groups]
    return Oddity("weight of single keys", least(_joined(bounds)), f"the most uneven of {len(sample.keys)} keys")


def runs(sample: Sample) -> Oddity:
    """Changes between neighbouring bits of a key."""
    changes = sum(int((group.bits[:, 1:] ^ group.bits[:, :-1]).sum()) for group in sample.groups)
    places = sample.bits - len(sample.keys)
    return Oddity("runs", least(two_sided(changes, places)), f"{changes} changes at {places} places")


def patterns(sample: Sample, width: int) -> Oddity:
    """How often each pattern of ``width`` bits stands in the keys cut into such pieces."""
    counts: Counts = np.zeros(1 << width, dtype=np.int64)
    weights = 1 << np.arange(width - 1, -1, -1)
    for group in sample.groups:
        whole = group.bits.shape[1] // width * width
        pieces = group.bits[:, :whole].reshape(-1, width).astype(np.int64) @ weights
        counts += np.bincount(pieces, minlength=counts.size)
    total = int(counts.sum())
    text = f"{counts.min()} to {counts.max()} of each pattern in {total} pieces"
    return Oddity(f"serial, {width}-bit patterns", least(uneven(counts, total, 1 / counts.size)), text)


def blocks(sample: Sample) -> Oddity:
    """Whether the ones of blocks of 64 bits scatter as they should, neither wider nor narrower."""
    total, many = 0.0, 0
    for group in sample.groups:
        whole = group.bits.shape[1] // _BLOCK * _BLOCK
        ones = group.bits[:, :whole].reshape(-1, _BLOCK).sum(axis=1, dtype=np.int64)
        total, many = total + spread(_BLOCK, ones), many + ones.size
    text = f"scatter {total:.0f} over {many} blocks of {_BLOCK} bits, about {many} expected"
    return Oddity("block frequency", dispersion(total, {_BLOCK: many}), text)


def positions(sample: Sample) -> Oddity:
    """Ones at each bit position across keys, counted from the front and from the back."""
    fronts, tosses = _position_counts(sample, from_back=False)
    backs, back_tosses = _position_counts(sample, from_back=True)
    bound = least([least(two_sided(fronts, tosses)), least(two_sided(backs, back_tosses))])
    stuck = int(((fronts == 0) | (fronts == tosses)).sum())
    text = f"{tosses.size} positions, up to {tosses.max(initial=0)} keys each; {stuck} without any change"
    return Oddity("bit positions", bound, text)


def position_scatter(sample: Sample) -> Oddity:
    """Whether the ones at the bit positions scatter as they should across keys."""
    ones, tosses = _position_counts(sample, from_back=False)
    groups = {int(many): int((tosses == many).sum()) for many in np.unique(tosses)}
    total = sum(spread(many, ones[tosses == many]) for many in groups)
    text = f"scatter {total:.0f} over {tosses.size} positions, about {tosses.size} expected"
    return Oddity("scatter of bit positions", dispersion(total, groups), text)


def octet_positions(sample: Sample) -> Oddity:
    """The most frequent octet at each octet position across keys, counted from the front and from the back."""
    columns = [column for from_back in (False, True) for column in _columns(sample, from_back=from_back)]
    most = [int(np.bincount(column).max()) for column in columns]
    bounds = at_least(most, [column.size for column in columns], 1 / 256)
    return Oddity("octet positions", least(bounds, looks=256 * len(columns)), f"{len(columns) // 2} positions")


def octet_bits(sample: Sample) -> Oddity:
    """Ones at each of the eight places in an octet."""
    ones = sum((group.bits.reshape(-1, 8).sum(axis=0, dtype=np.int64) for group in sample.groups), np.zeros(8, int))
    octets = sample.bits // 8
    text = f"{ones.min()} to {ones.max()} ones a place in {octets} octets"
    return Oddity("places in an octet", least(two_sided(ones, octets)), text)


def octet_values(sample: Sample) -> Oddity:
    """How often each octet occurs."""
    counts = np.bincount(np.frombuffer(sample.stream, dtype=np.uint8), minlength=256)
    total = int(counts.sum())
    text = f"{int((counts > 0).sum())} of 256 values in {total} octets, {counts.max()} times at most"
    return Oddity("octet values", least(uneven(counts, total, 1 / 256)), text)


def text_like(sample: Sample) -> Oddity:
    """Octets from the alphabets of text, in all keys and in single ones."""
    bounds: list[float] = []
    for alphabet in _TEXTS.values():
        member = np.zeros(256, dtype=bool)
        member[list(alphabet)] = True
        chance = len(alphabet) / 256
        hits = [member[group.octets].sum(axis=1) for group in sample.groups]
        single = [at_least(found, group.length, chance) for found, group in zip(hits, sample.groups, strict=True)]
        bounds += [
            least(_joined(single)),
            float(at_least(sum(int(found.sum()) for found in hits), sample.bits // 8, chance)),
        ]
    oddest = list(_TEXTS)[int(np.argmin(bounds)) // 2]
    return Oddity("text", least(bounds), f"most like {oddest}")


def autocorrelation(sample: Sample) -> Oddity:
    """Whether bits agree with those some bits or octets further on in the key."""
    differ: Counts = np.zeros(len(_LAGS), dtype=np.int64)
    places: Counts = np.zeros(len(_LAGS), dtype=np.int64)
    for (look, lag), group in itertools.product(enumerate(_LAGS), sample.groups):
        unlike = group.bits[:, lag:] ^ group.bits[:, :-lag]
        differ[look] += int(unlike.sum())
        places[look] += unlike.size
    bounds = two_sided(differ, places)
    text = f"{int((places > 0).sum())} lags, most at {_LAGS[int(np.argmin(bounds))]} bits"
    return Oddity("autocorrelation", least(bounds), text)


def neighbours(sample: Sample) -> Oddity:
    """Whether keys agree with those drawn one to eight before them."""
    looks = list(itertools.product(sample.orders, range(1, _BACK + 1)))
    differ: Counts = np.zeros(len(looks), dtype=np.int64)
    places: Counts = np.zeros(len(looks), dtype=np.int64)
    for look, (groups, back) in enumerate(looks):
        for group in groups:
            unlike = group.bits[back:] ^ group.bits[:-back]
            differ[look] += int(unlike.sum())
            places[look] += unlike.size
    return Oddity("keys before and after", least(two_sided(differ, places)), f"{len(looks)} distances")


def pair_distances(sample: Sample) -> Oddity:
    """The most alike and the most unlike pair of keys of one length."""
    bounds, pairs = [], 0
    for group in sample.groups:
        if group.count < 2:
            continue
        distances = _distances(group)
        pairs += distances.size
        extremes = np.array([distances.min(), distances.max()])
        bounds.append(least(two_sided(extremes, 8 * group.length), looks=distances.size))
    return Oddity("pairs of keys", least(bounds), f"{pairs} pairs")


def compression(sample: Sample) -> Oddity:
    """Whether general compressors find anything: an injective map saves k octets on at most 256^-k of all strings."""
    stream = sample.stream
    sizes = [len(zlib.compress(stream, 9)), len(bz2.compress(stream, 9)), len(_huffman(stream))]
    saved = len(stream) - min(sizes)
    bound = min(1.0, len(sizes) * 256 / 255 * 256.0 ** (-min(saved, 100)))
    return Oddity("compression", bound, f"{len(stream)} octets to {min(sizes)} at best")


def _huffman(stream: bytes) -> bytes:
    coder = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
    return coder.compress(stream) + coder.flush()


def _distances(group: Group) -> Counts:
    signs = 1.0 - 2.0 * group.bits[:_MOST_PAIRED].astype(np.float32)
    agreement = signs @ signs.T
    above = np.triu_indices(len(signs), 1)
    return np.asarray((8 * group.length - agreement[above]) / 2, dtype=np.int64)


def _position_counts(sample: Sample, *, from_back: bool) -> tuple[Counts, Counts]:
    longest = max((group.bits.shape[1] for group in sample.groups), default=0)
    ones: Counts = np.zeros(longest, dtype=np.int64)
    tosses: Counts = np.zeros(longest, dtype=np.int64)
    for group in sample.groups:
        bits = group.bits[:, ::-1] if from_back else group.bits
        ones[: bits.shape[1]] += bits.sum(axis=0, dtype=np.int64)
        tosses[: bits.shape[1]] += group.count
    return ones, tosses


def _columns(sample: Sample, *, from_back: bool) -> list[Octets]:
    step = -1 if from_back else 1
    longest = max((group.length for group in sample.groups), default=0)
    columns = []
    for place in range(min(longest, _MOST_PLACES)):
        longer = [group.octets[:, ::step][:, place] for group in sample.groups if group.length > place]
        if sum(part.size for part in longer) >= _LEAST_IN_PLACE:
            columns.append(np.concatenate(longer))
    return columns


def _joined(parts: list[Reals]) -> Reals:
    return np.concatenate(parts) if parts else np.ones(0)
