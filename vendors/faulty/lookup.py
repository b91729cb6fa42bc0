"""Faults of finding keys by their IDs, all or nothing (6.4)."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from vendors.reference.api014 import Api014
from vendors.reference.copies import Copy
from vendors.reference.delivery import Delivery, KeyDelivery
from vendors.reference.model import Key, KeyContainer, KeyIdsRequest
from vendors.reference.refusals import RefusedError, bad_request, keys_not_found

from .beside import KeysBesideError, WithContainerError
from .catalogue import fault
from .queued import QueuedCopies, QueueDelivery


@fault("unknown-id-200-empty", caught_by=["ETSI014-6.4-R1"])
class UnknownId200(KeyDelivery):
    """A query that finds nothing gives an empty list, with 200."""

    async def get_key_with_key_ids(self, caller: str | None, request: KeyIdsRequest) -> Delivery:
        """An empty container instead of M5."""
        try:
            return await super().get_key_with_key_ids(caller, request)
        except RefusedError as refused:
            if refused.reason != keys_not_found().reason:
                raise
            return Delivery(KeyContainer([]), ())


@fault("partial-container", caught_by=["ETSI014-6.4-R3"])
class PartialContainer(KeyDelivery):
    """Keys that are not found are left out of the container; only if none is found it is an error."""

    def copies_of(self, slave: str, master: str, key_ids: Sequence[bytes]) -> list[Copy]:
        """Those that can be had."""
        there = [key_id for key_id in key_ids if any(map(self.deliverable, self.copies.of_key(key_id)))]
        return super().copies_of(slave, master, there or key_ids)


@fault("m5-reworded", caught_by=["ETSI014-6.4-R2", "ETSI014-6.4-R4"])
class M5Reworded(KeyDelivery):
    """The message for keys that are not there is the maker's own, not that of the standard."""

    def refuse_missing(self) -> RefusedError:
        """With another message."""
        return bad_request("key not found", "KEYS_NOT_FOUND")


@fault("m5-with-503", caught_by=["ETSI014-6.4-R2", "ETSI014-6.4-R4"])
class M5With503(KeyDelivery):
    """A key that is not there is reported as an error on the server's side."""

    def refuse_missing(self) -> RefusedError:
        """With another code."""
        return RefusedError(503, "KEYS_NOT_FOUND", keys_not_found().message)


@fault("unknown-id-404", caught_by=["ETSI014-6.4-R2"])
class UnknownId404(Api014):
    """A key that is not there is answered with 404, as REST has it."""

    def error_answer(self, refused: RefusedError) -> web.Response:
        """404 for M5."""
        response = super().error_answer(refused)
        if refused.reason == keys_not_found().reason:
            response.set_status(404)
        return response


@fault("failed-request-uses-keys-up", caught_by=["ETSI014-6.4-R5"])
class FailureUsesUp(KeyDelivery):
    """Keys are taken one by one; when a later one is missing, those before it are gone."""

    def copies_of(self, slave: str, master: str, key_ids: Sequence[bytes]) -> list[Copy]:
        """Removes what it found before it refuses."""
        try:
            return super().copies_of(slave, master, key_ids)
        except RefusedError as refused:
            if refused.reason == keys_not_found().reason:
                known = [copy for key_id in key_ids for copy in self.copies.of_key(key_id)]
                self.copies.erase([copy for copy in known if self.may_fetch(slave, copy)])
            raise


@fault("key-in-m5", caught_by=["ETSI014-5.4-R14", "ETSI014-6.4-R3"], also=[KeysBesideError])
class KeyInM5(KeyDelivery):
    """The body that says M5 holds the keys that were found, "to help"."""

    def copies_of(self, slave: str, master: str, key_ids: Sequence[bytes]) -> list[Copy]:
        """Refuses, with keys."""
        try:
            return super().copies_of(slave, master, key_ids)
        except RefusedError as refused:
            there = [key_id for key_id in key_ids if any(map(self.deliverable, self.copies.of_key(key_id)))]
            if refused.reason != keys_not_found().reason or not there:
                raise
            copies = super().copies_of(slave, master, there)
            keys = [Key(copy.key_id, self.copies.unseal(copy)) for copy in copies]
            raise WithContainerError(refused, KeyContainer(keys)) from None


@fault("key-id-ignored", caught_by=["ETSI014-6.4-R9"], also=[QueuedCopies])
class KeyIdIgnored(QueueDelivery):
    """Keys are handed to a slave in the order in which they came, whatever IDs it asks for."""

    def copies_of(self, slave: str, master: str, key_ids: Sequence[bytes]) -> list[Copy]:
        """The oldest ones."""
        found = super().copies_of(slave, master, key_ids)
        return self.waiting_for(slave)[: len(found)]


@fault("everything-handed-over", caught_by=["ETSI014-6.4-R9"], also=[QueuedCopies])
class EverythingHandedOver(QueueDelivery):
    """A fetch hands over whatever waits for the slave, "to save requests"."""

    def copies_of(self, slave: str, master: str, key_ids: Sequence[bytes]) -> list[Copy]:
        """What was asked for, and the rest."""
        found = super().copies_of(slave, master, key_ids)
        return found + [copy for copy in self.waiting_for(slave) if copy not in found]
