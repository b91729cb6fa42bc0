"""Keys of a hop, and what a forwarding module asks of the KME of its site for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class HopKey:
    """One key of a hop: handed out once, then forgotten.

    Attributes:
        key_id: UUID text.
        size: octets.
    """

    __slots__ = ("_octets", "key_id", "size")

    def __init__(self, key_id: str, octets: bytes) -> None:
        self.key_id = key_id
        self.size = len(octets)
        self._octets: bytes | None = octets

    def __repr__(self) -> str:
        return f"HopKey({self.key_id})"

    def spend(self) -> bytes:
        """The key itself; raises `RuntimeError` the second time."""
        octets, self._octets = self._octets, None
        if octets is None:
            raise RuntimeError("a hop key is used once")
        return octets


class HopKeyError(Exception):
    """The KME gave no keys, now. Holds no key material."""


class NoKeysError(HopKeyError):
    """The KME has not enough of them: 503."""


class KmeError(HopKeyError):
    """The KME refuses, fails or does not answer; says which."""


class RefusedError(KmeError):
    """The KME calls the request bad (400): it would do so again."""


class KeysGoneError(HopKeyError):
    """At least one of the key IDs is not to be had, or not any more."""


class HopKeys(Protocol):
    """The KME of the site, as its SAE sees it (ETSI GS QKD 014, 5.3 and 5.4)."""

    async def take(self, slave_sae_id: str, number: int, octets: int) -> list[HopKey]:
        """Get key: `number` new keys of `octets` octets each, shared with the slave SAE.

        Raises:
            NoKeysError, KmeError.
        """
        ...

    async def fetch(self, master_sae_id: str, key_ids: Sequence[str]) -> list[HopKey]:
        """Get key with key IDs: the keys that the master SAE has taken, in any order, all or none.

        Raises:
            KeysGoneError: at least one is not here; none was handed out.
            KmeError.
        """
        ...

    async def close(self) -> None:
        """Hangs up."""
        ...
