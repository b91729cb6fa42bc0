"""Faults of one-time delivery: what was handed over leaves the pool (5.4)."""

from __future__ import annotations

from collections.abc import Iterable

from vendors.reference.copies import Copies, Copy
from vendors.reference.delivery import Delivery, KeyDelivery
from vendors.reference.forms import Forms, Query
from vendors.reference.model import KeyIdsRequest

from .catalogue import fault


class _KeepsCopies(Copies):
    """Removes nothing; a delivery ends where it began."""

    def erase(self, copies: Iterable[Copy]) -> None:
        self.release(list(copies))


@fault("second-fetch-served", caught_by=["ETSI014-5.4-R7"])
class SecondFetchServed(_KeepsCopies):
    """Delivered keys stay in the table, "in case the answer got lost"."""


class _ByGet(KeyIdsRequest):
    """A request that came by GET."""


class _RemovesUnlessGet(KeyDelivery):
    async def get_key_with_key_ids(self, caller: str | None, request: KeyIdsRequest) -> Delivery:
        delivery = await super().get_key_with_key_ids(caller, request)
        if isinstance(request, _ByGet):
            self.copies.release(delivery.copies)
            return Delivery(delivery.container, ())
        return delivery


@fault("second-fetch-served-by-get", caught_by=["ETSI014-5.4-R7"], also=[_RemovesUnlessGet])
class GetDoesNotRemove(Forms):
    """POST removes the key, GET does not: a GET "must be safe"."""

    def key_ids_request_of_query(self, master: str, query: Query) -> KeyIdsRequest:
        """Marks the request."""
        request = super().key_ids_request_of_query(master, query)
        return _ByGet(request.master, request.key_ids)


@fault("second-fetch-served-in-capitals", caught_by=["ETSI014-5.4-R7"], also=[_KeepsCopies])
class RemovedByText(KeyDelivery):
    """What was delivered is remembered by the text of its ID: the same ID in capitals is served again."""

    async def get_key_with_key_ids(self, caller: str | None, request: KeyIdsRequest) -> Delivery:
        """Once for each way to write the ID."""
        delivered: set[tuple[str | None, str]] = self.__dict__.setdefault("_texts", set())
        if any((caller, text) in delivered for text in request.key_ids):
            raise self.refuse_missing()
        delivery = await super().get_key_with_key_ids(caller, request)
        delivered.update((caller, text) for text in request.key_ids)
        return delivery


@fault("second-fetch-served-until-clean-up", caught_by=["ETSI014-5.4-R7"])
class RemovedInBatches(Copies):
    """Delivered keys are removed in batches of 16; until then they can be fetched again."""

    _batch = 16

    def erase(self, copies: Iterable[Copy]) -> None:
        """When enough have come together."""
        waiting: list[Copy] = self.__dict__.setdefault("_delivered", [])
        waiting += copies
        if len(waiting) >= self._batch:
            super().erase(waiting)
            waiting.clear()
        else:
            self.release(waiting)
