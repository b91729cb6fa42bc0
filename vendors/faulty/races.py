"""Faults that show when requests come at the same time (5.3, 5.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from vendors.reference.copies import Copy
from vendors.reference.delivery import KeyDelivery
from vendors.reference.model import KeyContainer, KeyRequest

from .catalogue import fault

_LOOKUP_S = 0.03  # how long this maker's database takes


@fault("parallel-fetches-all-win", caught_by=["ETSI014-5.4-R12"])
class AllWin(KeyDelivery):
    """Look up, then remove, without a lock: parallel fetches of one key all get it."""

    async def claim(self, copies: Sequence[Copy]) -> bool:
        """Says yes to everybody who came before the removal."""
        await asyncio.sleep(_LOOKUP_S)
        await super().claim(copies)
        return True


@fault("parallel-fetches-nobody-wins", caught_by=["ETSI014-5.4-R13"])
class NobodyWins(KeyDelivery):
    """Parallel fetches of one key find each other out, all give up, and the key is gone."""

    async def claim(self, copies: Sequence[Copy]) -> bool:
        """Says yes to who is alone."""
        claims: dict[bytes, int] = self.__dict__.setdefault("_claims", {})
        for copy in copies:
            claims[copy.key_id] = claims.get(copy.key_id, 0) + 1
        await asyncio.sleep(_LOOKUP_S)
        return all(claims[copy.key_id] == 1 for copy in copies) and await super().claim(copies)


@fault("parallel-calls-same-key", caught_by=["ETSI014-5.3-R2"])
class SameKeyForAll(KeyDelivery):
    """The next key is read, and marked as used later: Get key calls at the same time get the same one."""

    async def get_key(self, caller: str | None, request: KeyRequest) -> KeyContainer:
        """Shares what is on its way with whoever asks the same."""
        if request.additional_slaves or request.extension_mandatory or request.extension_optional:
            return await super().get_key(caller, request)
        under_way: dict[object, asyncio.Task[KeyContainer]] = self.__dict__.setdefault("_under_way", {})
        name = (caller, request[:3])
        if name not in under_way:
            task = under_way[name] = asyncio.create_task(self._slowly(caller, request))
            task.add_done_callback(lambda _: under_way.pop(name))
        return await asyncio.shield(under_way[name])

    async def _slowly(self, caller: str | None, request: KeyRequest) -> KeyContainer:
        await asyncio.sleep(_LOOKUP_S)
        return await super().get_key(caller, request)
