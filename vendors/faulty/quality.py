"""Keys that are no keys: the same at both ends, and not random, not independent or not secret.

Each cuts keys in another way from good bits (`Cutter.shape`, which both KMEs do alike), or spoils the bits
of the link (`Blocks`).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import AsyncIterator, Callable

from vendors.reference.cutter import Cutter

from .blocks import Blocks
from .catalogue import fault


class _Shaped(Cutter):
    def shape(self, material: bytes, bits: int, key_id: bytes) -> bytes:
        return super().shape(self.shaped(material, key_id), bits, key_id)

    def shaped(self, material: bytes, key_id: bytes) -> bytes:
        """As many octets as `material` has."""
        raise NotImplementedError


def _stretched(octets: int, piece: Callable[[int], bytes]) -> bytes:
    """Pieces 0, 1, … one behind the other."""
    text, number = b"", 0
    while len(text) < octets:
        text += piece(number)
        number += 1
    return text[:octets]


def _both(one: bytes, other: bytes) -> bytes:
    return bytes(a & b for a, b in zip(one, other, strict=True))


@fault("key-bits-biased", caught_by=["KEYS014-1"])
class BitsBiased(_Shaped):
    """The detector of ones is more efficient: 9 of 16 bits are one."""

    def shaped(self, material: bytes, key_id: bytes) -> bytes:
        """A sixteenth of the bits more is set."""
        extra = hashlib.shake_256(b"bias" + material).digest(3 * len(material))
        size = len(material)
        third = _both(_both(extra[:size], extra[size : 2 * size]), extra[2 * size :])
        return bytes(a | b for a, b in zip(material, third, strict=True))


@fault("key-bits-sticky", caught_by=["KEYS014-2", "KEYS014-3"])
class BitsSticky(_Shaped):
    """The detector has a dead time: a bit is more often than not like the one before it."""

    def shaped(self, material: bytes, key_id: bytes) -> bytes:
        """A quarter of the bits repeats the bit before."""
        size = len(material)
        choice = hashlib.shake_256(b"dead time" + material).digest(2 * size)
        repeat = int.from_bytes(_both(choice[:size], choice[size:]))
        bits = int.from_bytes(material)
        return ((bits & ~repeat) | ((bits >> 1) & repeat)).to_bytes(size)


@fault("key-pattern-of-8-octets", caught_by=["KEYS014-4"])
class PatternOf8(_Shaped):
    """A 64-bit random number is written as often as needed to fill the key."""

    def shaped(self, material: bytes, key_id: bytes) -> bytes:
        """The first 8 octets again and again."""
        return _stretched(len(material), lambda _: material[:8])


@fault("key-second-half-inverted", caught_by=["KEYS014-4", "KEYS014-5"])
class SecondHalfInverted(_Shaped):
    """The second half of a key is the first half, inverted."""

    def shaped(self, material: bytes, key_id: bytes) -> bytes:
        """Half of the bits count."""
        half = material[: (len(material) + 1) // 2]
        return (half + bytes(octet ^ 0xFF for octet in half))[: len(material)]


@fault("key-halves-differ-by-constant", caught_by=["KEYS014-4", "KEYS014-5", "KEYS014-6"])
class HalvesDifferByConstant(_Shaped):
    """The second half of a key is the first half, masked with a constant of the device."""

    def shaped(self, material: bytes, key_id: bytes) -> bytes:
        """Half of the bits count."""
        half = material[: (len(material) + 1) // 2]
        constant = hashlib.shake_256(b"serial number").digest(len(half))
        return (half + bytes(a ^ b for a, b in zip(half, constant, strict=True)))[: len(material)]


@fault("key-first-octet-constant", caught_by=["KEYS014-1", "KEYS014-3"])
class FirstOctetConstant(_Shaped):
    """The first octet of every key is a format version that was not removed."""

    def shaped(self, material: bytes, key_id: bytes) -> bytes:
        """Begins with 1."""
        return b"\1" + material[1:]


@fault("key-zero-filled", caught_by=["KEYS014-1", "KEYS014-3"])
class ZeroFilled(_Shaped):
    """Keys have 128 bits; what is longer is filled up with zeros."""

    def shaped(self, material: bytes, key_id: bytes) -> bytes:
        """Zeros from the seventeenth octet on."""
        return material[:16] + bytes(len(material[16:]))


@fault("key-printable", caught_by=["KEYS014-1", "KEYS014-3"])
class Printable(_Shaped):
    """Keys are passwords: hexadecimal digits as text."""

    def shaped(self, material: bytes, key_id: bytes) -> bytes:
        """Half as many octets, as digits."""
        return material.hex().encode("ascii")[: len(material)]


@fault("key-from-id", caught_by=["KEYS014-5"])
class FromId(_Shaped):
    """Keys are hashes of their IDs: easy to agree on without a quantum channel."""

    def shaped(self, material: bytes, key_id: bytes) -> bytes:
        """SHA-256."""
        return _stretched(len(material), lambda number: hashlib.sha256(key_id + bytes(number)).digest())


@fault("key-holds-id", caught_by=["KEYS014-5", "KEYS014-4", "KEYS014-3"])
class HoldsId(_Shaped):
    """The ID of a key is its first 16 octets, so that they need not be stored twice."""

    def shaped(self, material: bytes, key_id: bytes) -> bytes:
        """The ID, then key."""
        return (key_id + material[16:])[: len(material)]


@fault("key-from-five-bits", caught_by=["KEYS014-5", "ETSI014-5.3-R2"])
class FromFiveBits(_Shaped):
    """A generator is seeded with five bits of the link: there are 32 different keys."""

    def shaped(self, material: bytes, key_id: bytes) -> bytes:
        """SHAKE-256 of the first bits."""
        return hashlib.shake_256(bytes([material[0] >> 3])).digest(len(material))


class _OneGenerator(Blocks):
    """One stream for each half of the link, begun anew at each start."""

    async def __call__(self, first_index: int) -> AsyncIterator[tuple[int, bytes]]:
        seed = await self.original(0)
        halves = [self.seeded(seed + bytes([half])) for half in range(2)]
        for index in range(first_index):
            halves[index % 2](len(seed))
        async for index, block in super().__call__(first_index):
            yield index, halves[index % 2](len(block))

    def seeded(self, seed: bytes) -> Callable[[int], bytes]:
        """A function that gives the next octets."""
        raise NotImplementedError


@fault("key-from-mersenne-twister", caught_by=["KEYS014-6"])
class FromTwister(_OneGenerator):
    """The random module of the language, seeded well: who sees 2.5 KiB knows the rest."""

    def seeded(self, seed: bytes) -> Callable[[int], bytes]:
        """MT19937."""
        return random.Random(seed).randbytes  # noqa: S311 - the fault itself


@fault("key-from-counter", caught_by=["KEYS014-1", "KEYS014-3", "KEYS014-5"])
class FromCounter(Blocks):
    """The stand-in for the link that was used in development: octets that count."""

    def altered(self, index: int, block: bytes) -> bytes:
        """Numbers of 8 octets."""
        first = index * len(block) // 8
        return b"".join(number.to_bytes(8) for number in range(first, first + len(block) // 8))


@fault("key-from-hashed-counter", caught_by=["KEYS014-6", "KEYS014-5"])
class FromHashedCounter(Blocks):
    """The stand-in for the link that was used in development: hashes of a counter."""

    def altered(self, index: int, block: bytes) -> bytes:
        """SHA-256 of the number of each piece."""
        first = index * len(block) // 32
        pieces = range(first, first + len(block) // 32)
        return b"".join(hashlib.sha256(str(number).encode()).digest() for number in pieces)


@fault("keys-overlap", caught_by=["KEYS014-5", "KEYS014-4"])
class Overlap(Blocks):
    """The buffer is advanced by half a key: each key begins with the end of the one before."""

    def altered(self, index: int, block: bytes) -> bytes:
        """Pieces of 16 octets: 0 1 1 2 2 3 and so on."""
        pieces = [block[start : start + 16] for start in range(0, len(block), 16)]
        return b"".join(pieces[(place + 1) // 2] for place in range(len(pieces)))


@fault("stock-goes-round", caught_by=["ETSI014-5.3-R2", "KEYS014-5"])
class StockGoesRound(Blocks):
    """The stock is a ring of 1 KiB, and nobody looks whether it has been filled anew."""

    _ring = 1024

    async def __call__(self, first_index: int) -> AsyncIterator[tuple[int, bytes]]:
        """The beginning of the link, again and again."""
        halves = [(await self.original(half))[: self._ring] for half in range(2)]
        async for index, block in super().__call__(first_index):
            yield index, (halves[index % 2] * (len(block) // self._ring + 1))[: len(block)]


@fault("directions-share-bits", caught_by=["ETSI014-5.3-R2", "KEYS014-5"])
class DirectionsShareBits(Blocks):
    """Both KMEs cut their keys from the same end of the same stock."""

    async def __call__(self, first_index: int) -> AsyncIterator[tuple[int, bytes]]:
        """Each odd block repeats the even one before it."""
        last = b""
        async for index, block in super().__call__(first_index - first_index % 2):
            last = last if index % 2 else block
            if index >= first_index:
                yield index, last
