"""Faults about who may fetch what (5.4)."""

from __future__ import annotations

from collections.abc import Sequence

from vendors.reference.copies import Copy, NewCopy
from vendors.reference.delivery import KeyDelivery
from vendors.reference.refusals import RefusedError, keys_not_found, not_yours
from vendors.reference.settlement import Allocation, Settlement

from .catalogue import fault


@fault("serves-foreign-sae", caught_by=["ETSI014-5.4-R3"])
class ServesForeignSae(KeyDelivery):
    """Whoever knows a key ID gets the key: the caller is authenticated and not compared."""

    def may_fetch(self, caller: str, copy: Copy) -> bool:
        """Anybody."""
        return True


@fault("foreign-sae-told-400", caught_by=["ETSI014-5.4-R2"])
class ForeignSaeTold400(KeyDelivery):
    """A key of another SAE is answered like one that is not there: M5 instead of 401."""

    def refuse_foreign(self) -> RefusedError:
        """400."""
        return keys_not_found()


@fault("mixed-ids-told-400", caught_by=["ETSI014-5.4-R5"])
class MixedIdsTold400(KeyDelivery):
    """401 is for requests in which every key is another SAE's; one own key among them turns it into M5."""

    def copies_of(self, slave: str, master: str, key_ids: Sequence[bytes]) -> list[Copy]:
        """Refuses mixed requests with 400."""
        try:
            return super().copies_of(slave, master, key_ids)
        except RefusedError as refused:
            own = [key_id for key_id in key_ids if any(self.may_fetch(slave, c) for c in self.copies.of_key(key_id))]
            raise keys_not_found() if own and refused.status == 401 else refused from None


@fault("mixed-ids-partly-served", caught_by=["ETSI014-5.4-R4"])
class MixedIdsPartlyServed(KeyDelivery):
    """Keys of other SAEs are left out of the container instead of spoiling the request."""

    def copies_of(self, slave: str, master: str, key_ids: Sequence[bytes]) -> list[Copy]:
        """The caller's own, if there are any."""
        own = [key_id for key_id in key_ids if any(self.may_fetch(slave, c) for c in self.copies.of_key(key_id))]
        return super().copies_of(slave, master, own or key_ids)


@fault("first-id-decides", caught_by=["ETSI014-5.4-R4"])
class FirstIdDecides(KeyDelivery):
    """Only the first key ID of a request is compared with the caller."""

    def copies_of(self, slave: str, master: str, key_ids: Sequence[bytes]) -> list[Copy]:
        """As whoever may fetch, once the first is the caller's own."""
        found = super().copies_of(slave, master, key_ids[:1])
        for key_id in key_ids[1:]:
            owner = next((copy.slave for copy in self.copies.of_key(key_id)), slave)
            found += super().copies_of(owner, master, [key_id])
        return found


@fault("unknown-id-lifts-check", caught_by=["ETSI014-A10-R1"])
class UnknownIdLiftsCheck(KeyDelivery):
    """The path that handles an unknown ID among others returns what it has found, whosever it is."""

    def copies_of(self, slave: str, master: str, key_ids: Sequence[bytes]) -> list[Copy]:
        """All that is here of a request that mixes unknown IDs with foreign ones."""
        known = [copy for key_id in key_ids for copy in self.copies.of_key(key_id) if self.deliverable(copy)]
        if 0 < len(known) < len(key_ids) and not any(self.may_fetch(slave, copy) for copy in known):
            return known
        return super().copies_of(slave, master, key_ids)


@fault("refusal-spoils-key", caught_by=["ETSI014-5.4-R6"])
class RefusalSpoilsKey(KeyDelivery):
    """A key is removed as soon as somebody asks for it, also somebody who is then refused."""

    def copies_of(self, slave: str, master: str, key_ids: Sequence[bytes]) -> list[Copy]:
        """Removes what it refuses to another SAE."""
        try:
            return super().copies_of(slave, master, key_ids)
        except RefusedError as refused:
            if refused.status == not_yours().status:
                self.copies.erase(copy for key_id in key_ids for copy in self.copies.of_key(key_id))
            raise


@fault("master-may-fetch", caught_by=["ETSI014-5.3-R3"])
class MasterMayFetch(Settlement):
    """The master counts as one of the SAEs of its key: its own KME keeps a copy for it."""

    def write_down(self, keys: Sequence[Allocation]) -> None:
        """With a copy for each master."""
        super().write_down(keys)
        with self._database.transaction():
            self._copies.add(NewCopy(key.key_id, key.master, key.master, key.octets) for key in keys)
