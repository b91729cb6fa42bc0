"""The KME of the site, wherever it is at present."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .hops import HopKey, HopKeys, KmeError


class PresentKme:
    """`HopKeys` of a KME that may not be known yet, and may move.

    Args:
        opened: makes the `HopKeys` of a KME that is offered there: (gRPC address, ETSI 014 URL), one may be empty.
    """

    def __init__(self, opened: Callable[[str, str], HopKeys]) -> None:
        self._opened = opened
        self._where = ("", "")
        self._keys: HopKeys | None = None

    async def move(self, grpc_address: str, etsi014_url: str) -> None:
        """The KME is there from now on; both empty = as before.

        Raises:
            ValueError: it does not offer what the settings ask for.
        """
        where = (grpc_address, etsi014_url)
        if where in (self._where, ("", "")):
            return
        keys, before = self._opened(*where), self._keys
        self._keys, self._where = keys, where
        if before is not None:
            await before.close()

    async def take(self, slave_sae_id: str, number: int, octets: int) -> list[HopKey]:
        """See `HopKeys`."""
        return await self._present().take(slave_sae_id, number, octets)

    async def fetch(self, master_sae_id: str, key_ids: Sequence[str]) -> list[HopKey]:
        """See `HopKeys`."""
        return await self._present().fetch(master_sae_id, key_ids)

    async def close(self) -> None:
        """See `HopKeys`."""
        if self._keys is not None:
            await self._keys.close()

    def _present(self) -> HopKeys:
        if self._keys is None:
            raise KmeError("the KME of this site is not known yet")
        return self._keys
