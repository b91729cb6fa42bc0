"""Keys of one hop, bought by the dozen: waiting callers share one request, and a few keys are kept ready.

Both ways work alike: while a request is under way the next callers gather, and the next request serves them all.
No caller waits for company.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from .hops import HopKey, HopKeyError, HopKeys, KeysGoneError, KmeError, NoKeysError, RefusedError

_MOST_KEYS = 32
_MOST_OCTETS = 1024 * 1024  # in one answer


class KeySupply:
    """New keys shared with one neighbour, as the master.

    Args:
        keys: the KME.
        slave_sae_id: the neighbour.
        usual: sizes (octets) of which `prefetch` more keys than needed are taken with each request.
        prefetch: how many.
        prefetch_s: how long such a key may be used, seconds.
        now: monotonic time, seconds.

    Attributes:
        discarded_bits: taken and never used.
    """

    def __init__(
        self,
        keys: HopKeys,
        slave_sae_id: str,
        *,
        usual: Iterable[int],
        prefetch: int,
        prefetch_s: float,
        now: Callable[[], float],
    ) -> None:
        self.discarded_bits = 0
        self._keys = keys
        self._slave = slave_sae_id
        self._usual = frozenset(usual)
        self._prefetch = prefetch
        self._prefetch_s = prefetch_s
        self._now = now
        self._most = _MOST_KEYS
        self._ready: dict[int, deque[tuple[float, HopKey]]] = {}
        self._waiting: dict[int, deque[asyncio.Future[HopKey]]] = {}
        self._refills: dict[int, asyncio.Task[None]] = {}

    @property
    def held_bits(self) -> int:
        """Taken and not used yet."""
        return sum(8 * octets * len(keys) for octets, keys in self._ready.items())

    async def take(self, octets: int) -> HopKey:
        """A key of exactly `octets` octets that nobody else gets.

        Raises:
            NoKeysError, KmeError.
        """
        ready = self._ready.get(octets, deque())
        while ready:
            until, key = ready.popleft()
            if self._now() < until:
                return key
            self._discard(key)
        waiter: asyncio.Future[HopKey] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(octets, deque()).append(waiter)
        if octets not in self._refills:
            self._refills[octets] = asyncio.create_task(self._refill(octets))
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give_back(waiter.result())  # served and called off at the same moment
            raise

    def give_back(self, key: HopKey) -> None:
        """A key that was not used after all; the next caller gets it, unless there are enough ready."""
        ready = self._ready.setdefault(key.size, deque())
        if len(ready) < max(self._prefetch, 1):
            ready.append((self._now() + self._prefetch_s, key))
        else:
            self._discard(key)

    async def close(self) -> None:
        """Throws away what is ready; callers that wait are refused."""
        refills = list(self._refills.values())
        for task in refills:
            task.cancel()
        await asyncio.gather(*refills, return_exceptions=True)
        for keys in self._ready.values():
            for _, key in keys:
                self._discard(key)
        self._ready.clear()

    async def _refill(self, octets: int) -> None:
        waiting = self._waiting[octets]
        try:
            while _drop_done(waiting):
                try:
                    keys = await self._request(octets, len(waiting))
                except HopKeyError as error:
                    _refuse(waiting, error)
                    return
                for key in keys:
                    if _drop_done(waiting):
                        waiting.popleft().set_result(key)
                    else:
                        self.give_back(key)
        finally:
            _refuse(waiting, KmeError("the supply is closed"))
            del self._waiting[octets]
            del self._refills[octets]

    async def _request(self, octets: int, wanted: int) -> list[HopKey]:
        more = self._prefetch if octets in self._usual else 0
        number = max(1, min(wanted + more, self._most, _MOST_OCTETS // octets))
        try:
            return self._fitting(await self._keys.take(self._slave, number, octets), octets)
        except (NoKeysError, RefusedError) as error:
            if number == 1:
                raise
            keys = self._fitting(await self._keys.take(self._slave, 1, octets), octets)
            if isinstance(error, RefusedError):  # not a matter of stock: it serves fewer at a time
                self._most = max(1, number // 2)
            return keys

    def _fitting(self, keys: Sequence[HopKey], octets: int) -> list[HopKey]:
        fitting = [key for key in keys if key.size == octets]
        for key in keys:
            if key.size != octets:
                self._discard(key)
        if not fitting:
            raise KmeError("the KME gave no key of the size asked for")
        return fitting

    def _discard(self, key: HopKey) -> None:
        self.discarded_bits += 8 * key.size


class KeyFetcher:
    """Keys that one neighbour has taken, as the slave."""

    def __init__(self, keys: HopKeys, master_sae_id: str) -> None:
        self._keys = keys
        self._master = master_sae_id
        self._most = _MOST_KEYS
        self._waiting: dict[str, asyncio.Future[HopKey]] = {}
        self._asked: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def fetch(self, key_id: str) -> HopKey:
        """The key with this ID; whoever asks second does not get it.

        Raises:
            KeysGoneError, KmeError.
        """
        if key_id in self._waiting or key_id in self._asked:
            raise KeysGoneError("another message names the same key")
        waiter: asyncio.Future[HopKey] = asyncio.get_running_loop().create_future()
        self._waiting[key_id] = waiter
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await waiter

    async def close(self) -> None:
        """Callers that wait are refused."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = dict(list(self._waiting.items())[: self._most])
                for key_id in batch:
                    del self._waiting[key_id]
                self._asked = set(batch)
                await self._serve(batch)
        finally:
            _refuse(self._waiting.values(), KmeError("the supply is closed"))
            self._waiting.clear()
            self._asked = set()
            self._task = None

    async def _serve(self, batch: dict[str, asyncio.Future[HopKey]]) -> None:
        """All in one request; one by one when that fails for one of them (014, 6.4: all or none)."""
        try:
            await self._together(batch)
        except KeysGoneError as error:
            if len(batch) == 1:
                _refuse(batch.values(), error)
                return
            for key_id, waiter in batch.items():
                await self._serve({key_id: waiter})
            if all(waiter.cancelled() or waiter.exception() is None for waiter in batch.values()):
                self._most = max(1, len(batch) // 2)  # none was missing: there were too many of them
        except HopKeyError as error:
            _refuse(batch.values(), error)
        finally:
            _refuse(batch.values(), KmeError("the KME left the key out"))

    async def _together(self, batch: dict[str, asyncio.Future[HopKey]]) -> None:
        keys = await self._keys.fetch(self._master, list(batch))
        found = {key.key_id.lower(): key for key in keys}  # 014 does not say in which order they come
        for key_id, waiter in batch.items():
            key = found.get(key_id.lower())
            if key is not None and not waiter.done():
                waiter.set_result(key)


def _drop_done(waiting: deque[asyncio.Future[HopKey]]) -> bool:
    """Whether anybody still waits; those who gave up are forgotten."""
    while waiting and waiting[0].done():
        del waiting[0]
    return bool(waiting)


def _refuse(waiting: Iterable[asyncio.Future[HopKey]], error: HopKeyError) -> None:
    for waiter in waiting:
        if not waiter.done():
            waiter.set_exception(error)
