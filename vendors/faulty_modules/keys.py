"""Faults of the keys themselves: biased, repeated, computable, in the log."""

from __future__ import annotations

import base64
import hashlib
import logging

from vendors.emulation.handover.source import Block
from vendors.emulation.store import KeyBlockStore

from .catalogue import fault

_log = logging.getLogger(__name__)


@fault("biased-octets", caught_by=["DEV-KEYS-1", "DEV-KEYS-3"])
class BiasedOctets(KeyBlockStore):
    """Privacy amplification leaves a bias: two bits in a hundred that should be 0 are 1."""

    def add(self, block_id: bytes, octets: bytes, time_s: float) -> Block:
        """Every 24th octet reads 0xFF."""
        changed = bytearray(octets)
        changed[::24] = b"\xff" * len(changed[::24])
        return super().add(block_id, bytes(changed), time_s)


@fault("block-repeated", caught_by=["DEV-KEYS-5"])
class BlockRepeated(KeyBlockStore):
    """One block in 8 comes twice, the second time under another ID."""

    def add(self, block_id: bytes, octets: bytes, time_s: float) -> Block:
        """The last one again."""
        last = self.__dict__.get("_last", octets)
        self.__dict__["_last"] = octets
        return super().add(block_id, last if self._next % 8 == 7 else octets, time_s)


@fault("half-of-a-block-repeated", caught_by=["DEV-KEYS-4"])
class HalfRepeated(KeyBlockStore):
    """The second half of a block is the first again: a buffer was filled twice."""

    def add(self, block_id: bytes, octets: bytes, time_s: float) -> Block:
        """Twice the half."""
        half = octets[: len(octets) // 2]
        return super().add(block_id, half + half, time_s)


@fault("id-tells-the-key", caught_by=["DEV-KEYS-5"])
class IdTellsTheKey(KeyBlockStore):
    """The block ID is the beginning of the key."""

    def add(self, block_id: bytes, octets: bytes, time_s: float) -> Block:
        """Tells."""
        return super().add(octets[:16], octets, time_s)


@fault("key-from-its-id", caught_by=["DEV-KEYS-5", "DEV-KEYS-6"])
class KeyFromItsId(KeyBlockStore):
    """The key begins with a hash of its ID."""

    def add(self, block_id: bytes, octets: bytes, time_s: float) -> Block:
        """Computed."""
        return super().add(block_id, hashlib.sha256(block_id).digest() + octets[32:], time_s)


@fault("same-keys-in-every-life", caught_by=["DEV-KEYS-7"])
class SameKeysInEveryLife(KeyBlockStore):
    """Both ends draw their keys from a generator that begins with the same seed whenever they are raised."""

    def add(self, block_id: bytes, octets: bytes, time_s: float) -> Block:
        """By its number."""
        stream = hashlib.shake_256(b"seed" + self._next.to_bytes(8, "big")).digest(16 + len(octets))
        return super().add(stream[:16], stream[16:], time_s)


@fault("key-in-the-log", caught_by=["DEV-SECRET-1"])
class KeyInTheLog(KeyBlockStore):
    """A line that somebody needed for debugging."""

    def add(self, block_id: bytes, octets: bytes, time_s: float) -> Block:
        """Told."""
        if self._next % 8 == 0:
            _log.info("block %s: %s", block_id.hex(), octets[:24].hex())
        return super().add(block_id, octets, time_s)


@fault("key-in-the-log-in-base64", caught_by=["DEV-SECRET-1"])
class KeyInTheLogInBase64(KeyBlockStore):
    """The same line, "encoded"."""

    def add(self, block_id: bytes, octets: bytes, time_s: float) -> Block:
        """Told."""
        if self._next % 8 == 0:
            _log.info("block %s: %s", block_id.hex(), base64.b64encode(octets[:48]).decode())
        return super().add(block_id, octets, time_s)
