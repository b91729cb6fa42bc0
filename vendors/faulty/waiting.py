"""Faults that lose keys which the master has and the slave has not fetched (5.3, 5.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vendors.reference.copies import Copies, Copy, NewCopy, State
from vendors.reference.delivery import Delivery, KeyDelivery
from vendors.reference.model import KeyContainer, KeyIdsRequest, KeyRequest
from vendors.reference.refusals import RefusedError, unavailable

from .catalogue import fault


class _OrderedCopies(Copies):
    """Knows which keys came together, in order, and can lose them."""

    @property
    def shares(self) -> list[list[NewCopy]]:
        """What was kept at one time, without the bytes."""
        shares: list[list[NewCopy]] = self.__dict__.setdefault("_shares", [])
        return shares

    def add(self, copies: Iterable[NewCopy]) -> None:
        kept = list(copies)
        super().add(kept)
        self.shares.append([copy._replace(octets=b"") for copy in kept])

    def lose(self, key_ids: Iterable[bytes], slave: str) -> None:
        """Loses the slave's copies of keys, if they still wait."""
        known = [copy for key_id in key_ids for copy in self.of_key(key_id)]
        self.erase([copy for copy in known if copy.slave == slave and copy.state == State.READY])


class _OnFetch(KeyDelivery):
    """Loses other keys when some are fetched."""

    async def get_key_with_key_ids(self, caller: str | None, request: KeyIdsRequest) -> Delivery:
        delivery = await super().get_key_with_key_ids(caller, request)
        if isinstance(self.copies, _OrderedCopies):
            for copy in delivery.copies:
                series = [[kept.key_id for kept in share if _same_pair(kept, copy)] for share in self.copies.shares]
                self.copies.lose(self.dropped(series, copy.key_id), copy.slave)
        return delivery

    def dropped(self, series: Sequence[Sequence[bytes]], fetched: bytes) -> Sequence[bytes]:
        """What goes when a key is fetched.

        Args:
            series: key IDs of the same pair of SAEs, as they came together, in order.
            fetched: one of them.
        """
        raise NotImplementedError


def _same_pair(kept: NewCopy, copy: Copy) -> bool:
    return (kept.slave, kept.master) == (copy.slave, copy.master)


class _OnKeep(Copies):
    """Loses keys of a pair of SAEs when more come than there is room for."""

    def add(self, copies: Iterable[NewCopy]) -> None:
        kept = list(copies)
        super().add(kept)
        waiting: dict[tuple[str, str], list[bytes]] = self.__dict__.setdefault("_waiting", {})
        for pair in {(copy.slave, copy.master) for copy in kept}:
            new = [copy.key_id for copy in kept if (copy.slave, copy.master) == pair]
            lost, waiting[pair] = self.parted(waiting.get(pair, []), new)
            rows = [(key_id, pair[0], State.READY.value) for key_id in lost]
            self._database.write("DELETE FROM copy WHERE key_id = ? AND slave = ? AND state = ?", rows)

    def parted(self, older: list[bytes], new: list[bytes]) -> tuple[list[bytes], list[bytes]]:
        """What is lost and what is kept when new keys come."""
        raise NotImplementedError


@fault("only-last-container-kept", caught_by=["ETSI014-5.4-R11"])
class OnlyLastKept(_OnKeep):
    """The keeping end has room for the keys of one Get key of a pair of SAEs: the next one overwrites them."""

    def parted(self, older: list[bytes], new: list[bytes]) -> tuple[list[bytes], list[bytes]]:
        """The older ones are lost."""
        return older, new


@fault("twelve-keys-kept", caught_by=["ETSI014-5.4-R11", "ETSI014-5.4-R1"])
class TwelveKept(_OnKeep):
    """The keeping end has room for twelve keys of a pair of SAEs: what is older is dropped silently."""

    def parted(self, older: list[bytes], new: list[bytes]) -> tuple[list[bytes], list[bytes]]:
        """The last twelve are kept."""
        queue = older + new
        return queue[:-12], queue[-12:]


@fault("part-fetch-drops-rest", caught_by=["ETSI014-5.4-R11"], also=[_OrderedCopies])
class PartFetchDropsRest(_OnFetch):
    """Keys of one Get key have to be fetched in one request: what is left over is dropped."""

    def dropped(self, series: Sequence[Sequence[bytes]], fetched: bytes) -> Sequence[bytes]:
        """Those that came with it."""
        return next((share for share in series if fetched in share), ())


@fault("later-fetch-drops-earlier", caught_by=["ETSI014-5.4-R11"], also=[_OrderedCopies])
class LaterDropsEarlier(_OnFetch):
    """Keys are a queue: who fetches a later one has given up those before it."""

    def dropped(self, series: Sequence[Sequence[bytes]], fetched: bytes) -> Sequence[bytes]:
        """Those that came before it."""
        queue = [key_id for share in series for key_id in share]
        return queue[: queue.index(fetched)] if fetched in queue else ()


@fault("other-direction-drops-waiting", caught_by=["ETSI014-5.4-R11", "ETSI014-3.1-R1"], also=[_OrderedCopies])
class DirectionDropsWaiting(KeyDelivery):
    """A pair of SAEs has one session: when the slave calls Get key, keys that wait for it are dropped."""

    async def get_key(self, caller: str | None, request: KeyRequest) -> KeyContainer:
        """Drops first."""
        if isinstance(self.copies, _OrderedCopies) and caller is not None:
            self.copies.lose([kept.key_id for share in self.copies.shares for kept in share], caller)
        return await super().get_key(caller, request)


@fault("refusal-blocks-caller", caught_by=["ETSI014-5.3-R6", "ETSI014-A8-R4"])
class RefusalBlocksCaller(KeyDelivery):
    """After a refused Get key the session is broken: the next Get key of the same SAE gets 503."""

    async def get_key(self, caller: str | None, request: KeyRequest) -> KeyContainer:
        """Serves who was served before."""
        blocked: set[str | None] = self.__dict__.setdefault("_blocked", set())
        try:
            container = await super().get_key(caller, request)
        except RefusedError:
            blocked.add(caller)
            raise
        if caller in blocked:
            blocked.remove(caller)
            raise unavailable("the session is being set up again", "SESSION")
        return container
