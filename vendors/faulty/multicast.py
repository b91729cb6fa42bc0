"""Faults of keys for several slaves (6.2, Annex B)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from qkd.reference.v1.kme_peer_pb2 import Grant
from vendors.reference.copies import Copies, Copy, NewCopy
from vendors.reference.delivery import KeyDelivery
from vendors.reference.keeper import Keeper
from vendors.reference.link import Link
from vendors.reference.model import KeyRequest
from vendors.reference.refusals import bad_request

from .catalogue import fault


@fault("multicast-list-ignored", caught_by=["ETSI014-B-R1", "ETSI014-6.2-R19"])
class ListIgnored(KeyDelivery):
    """additional_slave_SAE_IDs is read, checked and not used: only the SAE in the path gets the key."""

    def slaves_of(self, master: str, request: KeyRequest) -> Sequence[str]:
        """The one in the path."""
        return super().slaves_of(master, request)[:1]


@fault("multicast-path-slave-left-out", caught_by=["ETSI014-B-R1", "ETSI014-6.2-R19"])
class PathSlaveLeftOut(KeyDelivery):
    """additional_slave_SAE_IDs takes the place of the SAE in the path instead of adding to it."""

    def slaves_of(self, master: str, request: KeyRequest) -> Sequence[str]:
        """The listed ones, if any."""
        return super().slaves_of(master, request)[1:] or (request.slave,)


@fault("multicast-other-bytes", caught_by=["ETSI014-6.2-R19"])
class OtherBytes(Keeper):
    """Every slave but the first gets a key of its own under the common ID."""

    def octets_for(self, slave: str, key: bytes, grant: Grant) -> bytes:
        """The key for the first, its reverse for others."""
        return key if slave == grant.slave_sae_ids[0] else key[::-1]


@fault("multicast-list-clamped", caught_by=["ETSI014-6.1-R18"], settings={"max_sae_id_count": 1})
class ListClamped(KeyDelivery):
    """A list longer than max_SAE_ID_count is cut down silently."""

    def slaves_of(self, master: str, request: KeyRequest) -> Sequence[str]:
        """As many as are allowed."""
        limit = self.settings.max_sae_id_count
        return super().slaves_of(master, request._replace(additional_slaves=request.additional_slaves[:limit]))


@fault("multicast-unknown-skipped", caught_by=["ETSI014-6.1-R18"], settings={"max_sae_id_count": 1})
class ListNotLimited(KeyDelivery):
    """The length of the list is not checked, and SAEs that nobody knows are skipped."""

    def slaves_of(self, master: str, request: KeyRequest) -> Sequence[str]:
        """Those that are known."""
        known = [sae_id for sae_id in request.additional_slaves if sae_id in self.network.kme_of]
        return super().slaves_of(master, request._replace(additional_slaves=known))

    def check_additional_count(self, count: int) -> None:
        """Any."""


@fault("multicast-offered-and-refused", caught_by=["ETSI014-6.1-R17"])
class OfferedAndRefused(KeyDelivery):
    """Status counts the SAEs of the configuration; the code behind additional SAEs is not there yet."""

    def check_additional_count(self, count: int) -> None:
        """Refuses every list."""
        raise bad_request("additional_slave_SAE_IDs is not supported", "NO_MULTICAST")


@fault("multicast-first-fetch-removes-all", caught_by=["ETSI014-6.2-R20", "ETSI014-B-R1"])
class FirstFetchRemovesAll(Copies):
    """Delivery removes the key by its ID alone: whoever is first takes it from the others."""

    def erase(self, copies: Iterable[Copy]) -> None:
        """All copies of each key."""
        super().erase(copy for fetched in copies for copy in self.of_key(fetched.key_id))


@fault("multicast-any-sae-may-fetch", caught_by=["ETSI014-5.4-R3", "ETSI014-6.2-R20"])
class AnySaeMayFetch(Keeper):
    """Every SAE of this KME gets a copy of each key, so that additional SAEs need no list."""

    def copies_of(self, grant: Grant, link: Link) -> Iterator[NewCopy]:
        """For all of them."""
        kept = list(super().copies_of(grant, link))
        saes = [sae_id for sae_id in self._network.kme_of if self._network.serves(sae_id)]
        return (kept[0]._replace(slave=sae_id) for sae_id in saes)
