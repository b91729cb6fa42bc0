"""What both ends make of the secret of one tick: key blocks, their IDs, and a key to confirm with.

Stands for sifting, error correction and privacy amplification: whoever has the secret gets the same octets, and
nobody learns them from a block ID. Every purpose has its own SHAKE-256 prefix (FIPS 202), all inputs of variable
length carry their length, so that no two purposes or ticks share octets.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

MAC_OCTETS = 16
ID_OCTETS = 16


@dataclass(frozen=True, slots=True)
class Harvest:
    """The secret of one tick and what it is for.

    Attributes:
        secret: 32 octets or more, known to both ends alone.
        context: module IDs and tick; see `context_of`.
    """

    secret: bytes = field(repr=False)
    context: bytes

    def blocks(self, count: int, octets: int) -> list[tuple[bytes, bytes]]:
        """`count` blocks of `octets` octets: (block ID, key). The ID is bound to the key and its length."""
        if count == 0:
            return []
        stream = self._shake(b"key", count * octets)
        return [
            (
                self._shake(b"id" + octets.to_bytes(8, "big") + number.to_bytes(8, "big"), ID_OCTETS),
                stream[number * octets : (number + 1) * octets],
            )
            for number in range(count)
        ]

    def mac(self, message: bytes) -> bytes:
        """16 octets of HMAC-SHA-256 that only the other end can make."""
        return hmac.digest(self._shake(b"mac", 32), message, "sha256")[:MAC_OCTETS]

    def uniform(self, name: str) -> float:
        """A number in (0, 1) for statistical fluctuation, always the same for the same tick and name."""
        return (int.from_bytes(self._shake(b"draw" + name.encode(), 8), "big") + 0.5) / 2**64

    def _shake(self, purpose: bytes, octets: int) -> bytes:
        return hashlib.shake_256(join((b"qkd-harness emulation", purpose, self.context, self.secret))).digest(octets)


def context_of(modules: Iterable[str], tick: int) -> bytes:
    """The context of a tick between two modules, the same at both."""
    return join((*(module.encode() for module in sorted(modules)), tick.to_bytes(8, "big")))


def join(parts: Iterable[bytes]) -> bytes:
    """Octet strings put together so that no other parts give the same."""
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)
