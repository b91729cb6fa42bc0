"""Key delivery itself: the three methods of ETSI GS QKD 014, whatever the binding.

`KeyDelivery` says what is served to whom. Each decision is a method of its own, so that a KME with one
decision taken differently is a subclass with one method.
"""

from __future__ import annotations

import logging
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import refusals
from .applications import Applications, not_admitted
from .copies import Copies, Copy, State
from .cutter import Cutter, exclusive_or
from .link import Link
from .model import Key, KeyContainer, KeyIdsRequest, KeyRequest, Pairs, Status
from .names import KeyNames
from .network import Network
from .refusals import RefusedError, bad_request, keys_not_found, not_yours, unavailable, unknown_caller
from .settings import KmeSettings
from .settlement import Allocation, Portion, Settlement
from .vault import DamagedError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Keys on their way to a slave.

    What becomes of it is told to `KeyDelivery`: first `sent`, then `delivered`; or `not_delivered`, when not
    one octet was written.
    """

    container: KeyContainer
    copies: Sequence[Copy]


class KeyDelivery:
    """What one KME serves to its SAEs. All methods raise `RefusedError` when the answer is no.

    Sizes are in bits unless they say octets. `caller` is the SAE ID in the certificate, None if there is
    none; nothing else says who calls (4, 5.1).
    """

    def __init__(
        self,
        *,
        settings: KmeSettings,
        network: Network,
        links: Mapping[str, Link],
        copies: Copies,
        settlement: Settlement,
        cutter: Cutter,
        names: KeyNames,
        applications: Applications | None = None,
    ) -> None:
        """`links` by the KME ID of the other end; without `applications` every SAE is served that is known."""
        self.settings = settings
        self.network = network
        self.links = links
        self.copies = copies
        self.settlement = settlement
        self.cutter = cutter
        self.names = names
        self.applications = applications
        self.supported_extensions = settings.supported_extensions
        self.relays = settings.relays
        self.recovering = True  # the KME ends it `recovery_s` after the start

    # -- who calls ----------------------------------------------------------------------------------

    def admit(self, caller: str | None) -> str:
        """The calling SAE, which is one of this KME's own; 401 otherwise (4; sheet, A4)."""
        if caller is None or not self.network.serves(caller):
            raise unknown_caller()
        return caller

    def kme_of(self, sae_id: str) -> str:
        """The KME of an SAE that a request names; 400 for one that nobody knows (sheet, A5)."""
        kme_id = self.network.kme_of.get(sae_id)
        if kme_id is None:
            raise bad_request("an SAE ID in the request is not known", "SAE_ID_UNKNOWN")
        return kme_id

    def check_slave(self, caller: str, slave: str) -> None:
        """400 for an SAE that wants to share keys with itself (sheet, A18)."""
        if slave == caller:
            raise bad_request("an SAE cannot be its own slave SAE", "SLAVE_IS_MASTER")

    # -- Get status (5.2) ---------------------------------------------------------------------------

    def get_status(self, caller: str | None, slave: str) -> Status:
        """Status for the caller as master and the named SAE as slave (6.1)."""
        master = self.admit(caller)
        self.check_slave(master, slave)
        target = self.kme_of(slave)
        settings = self.settings
        most = self.most_for(master, target) if self.is_application(master, master, slave) else 0
        return Status(
            source_KME_ID=self.network.kme_id,
            target_KME_ID=target,
            master_SAE_ID=master,
            slave_SAE_ID=slave,
            key_size=settings.key_size,
            stored_key_count=min(self.stored_key_count(target), most),
            max_key_count=settings.max_key_count,
            max_key_per_request=settings.max_key_per_request,
            max_key_size=settings.max_key_size,
            min_key_size=settings.min_key_size,
            max_SAE_ID_count=settings.max_sae_id_count,
        )

    def stored_key_count(self, target: str) -> int:
        """Keys of the default size that can be had now for slaves at a KME (sheet, A19)."""
        link = self.link_to(target)
        octets = self.cutter.octets(self.settings.key_size)
        return min(self.settings.max_key_count, link.available // octets) if link else 0

    def most_for(self, master: str, target: str) -> int:
        """Keys of the default size that a master may have now of the stock: forwarding modules leave a reserve."""
        link = self.link_to(target)
        if link is None or master not in self.relays:
            return self.settings.max_key_count
        return self.open_to(master, link) // self.cutter.octets(self.settings.key_size)

    def open_to(self, master: str, link: Link) -> int:
        """Octets of a link that become keys for this master, if it asks."""
        reserve = self.settings.relay_reserve_octets if master in self.relays else 0
        return max(0, link.available - reserve)

    # -- Get key (5.3) ------------------------------------------------------------------------------

    async def get_key(self, caller: str | None, request: KeyRequest) -> KeyContainer:
        """New keys for the caller as master, safe at the KMEs of all slaves when this returns."""
        master = self.admit(caller)
        slaves = self.slaves_of(master, request)
        number = self.number_of(request)
        bits = self.size_of(request)
        extension: Pairs = {}
        if request.extension_mandatory or request.extension_optional:
            extension = self.meet_extensions(request)
        if self.applications is None or master in self.relays:
            keys = self.allocate(master, slaves, number, bits)
            await self.settlement.settle(keys)
        else:
            keys = await self._for_application(self.applications, master, slaves, number, bits)
        return self.container_of_new(keys, extension)

    async def _for_application(
        self, applications: Applications, master: str, slaves: Sequence[str], number: int, bits: int
    ) -> list[Allocation]:
        """New keys where an SDN agent says who may have any; 503 as `Applications` says."""
        peers = {self.kme_of(slave) for slave in slaves}
        application = applications.admit(master, slaves, number * bits, peers)
        try:
            keys = self.allocate(master, slaves, number, bits)
        except RefusedError as refused:
            if refused.reason == "NOT_ENOUGH_KEYS":
                applications.short(application, peers)
            raise
        applications.take(application, number * bits, peers)
        try:
            await self.settlement.settle(keys)
        except RefusedError:
            applications.give_back(application, number * bits)
            raise
        applications.consume(application, number * bits)
        return keys

    def is_application(self, caller: str, master: str, slave: str) -> bool:
        """Whether master and slave may share keys; forwarding modules always may. If not, the agent is asked."""
        if self.applications is None or caller in self.relays:
            return True
        return self.applications.knock(master, (slave,)) is not None

    def slaves_of(self, master: str, request: KeyRequest) -> Sequence[str]:
        """The SAEs supplied: the one in the path and the additional ones, each once (6.2)."""
        slave, additional = request.slave, request.additional_slaves
        self.check_slave(master, slave)
        if not additional:
            return (slave,)
        self.check_additional_count(len(additional))
        for sae_id in additional:
            self.check_slave(master, sae_id)
        return tuple(dict.fromkeys((slave, *additional)))

    def check_additional_count(self, count: int) -> None:
        """400 above Status.max_SAE_ID_count; 0 there means that multicast is not offered (6.1)."""
        limit = self.settings.max_sae_id_count
        if count > limit:
            raise bad_request(
                f"additional_slave_SAE_IDs: at most {limit} are served" if limit else "multicast is not supported",
                "TOO_MANY_SAE_IDS",
            )

    def number_of(self, request: KeyRequest) -> int:
        """How many keys: as asked for, by default 1, at most Status.max_key_per_request (6.2)."""
        number = self.default_number() if request.number is None else request.number
        self.check_number(number)
        return number

    def default_number(self) -> int:
        """When `number` is not given (6.2)."""
        return 1

    def check_number(self, number: int) -> None:
        """400 outside of 1 to max_key_per_request (sheet, A7)."""
        if not 1 <= number <= self.settings.max_key_per_request:
            raise bad_request(f"number: 1 to {self.settings.max_key_per_request} are served", "NUMBER_OUT_OF_RANGE")

    def size_of(self, request: KeyRequest) -> int:
        """How long each key is: as asked for, by default Status.key_size (6.2)."""
        bits = self.default_size() if request.size is None else request.size
        self.check_size(bits)
        return bits

    def default_size(self) -> int:
        """When `size` is not given (6.2)."""
        return self.settings.key_size

    def check_size(self, bits: int) -> None:
        """400 outside of the limits in Status; 400 with M1 where only whole octets are served (6.2)."""
        settings = self.settings
        if not settings.min_key_size <= bits <= settings.max_key_size:
            raise bad_request(
                f"size: {settings.min_key_size} to {settings.max_key_size} bits are served", "SIZE_OUT_OF_RANGE"
            )
        if bits % 8 and not settings.odd_sizes:
            raise bad_request(refusals.SIZE_NOT_OCTETS, "SIZE_NOT_OCTETS")

    # -- extensions (6.2) ---------------------------------------------------------------------------

    def meet_extensions(self, request: KeyRequest) -> Pairs:
        """What the answer says about the extensions that were handled: their names and values, echoed."""
        handled = self.meet_mandatory(request.extension_mandatory)
        return {**self.meet_optional(request.extension_optional), **handled}

    def meet_mandatory(self, extensions: Sequence[Pairs]) -> Pairs:
        """All of them; 400 with M2 where a name is unsupported, else with M3 where a value cannot be met."""
        pairs = [pair for extension in extensions for pair in extension.items()]
        unsupported = [name for name, _ in pairs if not self.supports(name)]
        if unsupported:
            self.refuse_unsupported(unsupported)
        unmet = [name for name, value in pairs if self.supports(name) and not self.meets(name, value)]
        if unmet:
            self.refuse_unmet(unmet)
        return dict(pairs)

    def meet_optional(self, extensions: Sequence[Pairs]) -> Pairs:
        """Those that can be met. Others are ignored, or, where the settings say so, 400 with M4."""
        pairs = [pair for extension in extensions for pair in extension.items()]
        handled = {name: value for name, value in pairs if self.supports(name) and self.meets(name, value)}
        if self.settings.refuse_unhandled_optional and len(handled) < len(dict(pairs)):
            raise bad_request(refusals.OPTIONAL_NOT_HANDLED, "OPTIONAL_NOT_HANDLED")
        return handled

    def supports(self, name: str) -> bool:
        """Whether an extension of this name is understood."""
        return name in self.supported_extensions

    def meets(self, name: str, value: object) -> bool:
        """Whether an extension that is understood can be met with this value."""
        return isinstance(value, str) and value in self.supported_extensions[name]

    def refuse_unsupported(self, names: Sequence[str]) -> None:
        """400 with M2, details as in the example of 6.5."""
        details = [("extension_mandatory_unsupported", f"{name} is not supported") for name in names]
        raise bad_request(refusals.MANDATORY_UNSUPPORTED, "MANDATORY_UNSUPPORTED", details)

    def refuse_unmet(self, names: Sequence[str]) -> None:
        """400 with M3."""
        details = [("extension_mandatory_not_met", f"{name} cannot be met with this value") for name in names]
        raise bad_request(refusals.MANDATORY_NOT_MET, "MANDATORY_NOT_MET", details)

    # -- new keys -----------------------------------------------------------------------------------

    def link_to(self, kme_id: str) -> Link | None:
        """The link whose bits become keys for slaves at a KME; for slaves here any one will do."""
        if kme_id == self.network.kme_id:
            return next(iter(self.links.values()), None)
        return self.links.get(kme_id)

    def allocate(self, master: str, slaves: Sequence[str], number: int, bits: int) -> list[Allocation]:
        """Sets bits aside for all the keys, or raises 503 and leaves the stock as it is (sheet, A6).

        The bits are those of the link to the first slave's KME. A further KME gets the key masked with as
        many bits of its own link.
        """
        places: dict[str, list[str]] = {}
        for slave in slaves:
            places.setdefault(self.kme_of(slave), []).append(slave)
        here = places.pop(self.network.kme_id, ())
        octets = self.cutter.octets(bits)
        links = [self.link_to(kme_id) for kme_id in places] or [self.link_to(self.network.kme_id)]
        for link in links:
            if link is None or self.open_to(master, link) < number * octets:
                raise self.not_enough_keys()
        usable = [link for link in links if link is not None]
        groups = list(places.values())
        cursors = [link.cursor for link in usable]
        try:
            return [self._cut(master, here, usable, groups, bits) for _ in range(number)]
        except (DamagedError, sqlite3.Error) as error:
            for link, cursor in zip(usable, cursors, strict=True):
                link.account.burn(link.cursor - cursor)
            _log.error("no key can be cut: %s", type(error).__name__)
            raise unavailable(refusals.ACCESS_ERROR, "STORE_FAILED") from None

    def not_enough_keys(self) -> RefusedError:
        """503: the stock does not hold what was asked for, now."""
        return unavailable("not enough keys are available", "NOT_ENOUGH_KEYS")

    def _cut(
        self, master: str, here: Sequence[str], links: Sequence[Link], groups: Sequence[Sequence[str]], bits: int
    ) -> Allocation:
        octets = self.cutter.octets(bits)
        key_id = self.names.new()
        offset = links[0].take(octets)
        material = links[0].own_octets(offset, octets)
        elsewhere = [Portion(links[0], offset, groups[0], b"")] if groups else []
        drawn = [(links[0], offset, octets)]
        for link, group in zip(links[1:], groups[1:], strict=True):
            offset = link.take(octets)
            mask = exclusive_or(material, link.own_octets(offset, octets))
            elsewhere.append(Portion(link, offset, group, mask))
            drawn.append((link, offset, octets))
        return Allocation(key_id, self.cutter.shape(material, bits, key_id), bits, master, here, elsewhere, drawn)

    def container_of_new(self, keys: Sequence[Allocation], extension: Pairs) -> KeyContainer:
        """What the master gets (6.3)."""
        return KeyContainer([Key(key.key_id, key.octets) for key in keys], extension)

    # -- Get key with key IDs (5.4) -----------------------------------------------------------------

    async def get_key_with_key_ids(self, caller: str | None, request: KeyIdsRequest) -> Delivery:
        """The keys named, for the caller as slave; all of them or none (6.4).

        When this returns they are on their way: no other request gets them.
        """
        slave = self.admit(caller)
        self.kme_of(request.master)
        key_ids = self.key_ids_of(request)
        admitted = self.is_application(slave, request.master, slave)
        copies = self.copies_of(slave, request.master, key_ids)
        if not admitted:
            raise not_admitted()
        try:
            keys = [Key(copy.key_id, self.copies.unseal(copy)) for copy in copies]
            claimed = await self.claim(copies)
        except (DamagedError, sqlite3.Error) as error:
            _log.error("keys cannot be delivered: %s", type(error).__name__)
            raise unavailable(refusals.ACCESS_ERROR, "STORE_FAILED") from None
        if not claimed:
            raise keys_not_found()
        return Delivery(KeyContainer(keys), copies)

    def key_ids_of(self, request: KeyIdsRequest) -> list[bytes]:
        """The UUIDs, 16 octets each; 400 for what is none, comes twice or is too much (sheet, A14, A16)."""
        limit = self.settings.key_ids_per_request
        if not 1 <= len(request.key_ids) <= limit:
            raise bad_request(f"key_IDs: 1 to {limit} are served", "KEY_IDS_OUT_OF_RANGE")
        key_ids = [self.key_id_of(text) for text in request.key_ids]
        self.check_distinct(key_ids)
        return key_ids

    def key_id_of(self, text: str) -> bytes:
        """The octets of a UUID in its usual form, upper or lower case (sheet, A13)."""
        try:
            key_id = uuid.UUID(text)
        except ValueError:
            raise bad_request("key_ID shall be a UUID", "KEY_ID_MALFORMED") from None
        if str(key_id) != text.lower():  # braces, URNs and missing hyphens are not the usual form
            raise bad_request("key_ID shall be a UUID", "KEY_ID_MALFORMED")
        return key_id.bytes

    def check_distinct(self, key_ids: Sequence[bytes]) -> None:
        """400 when a key ID comes twice in one request (sheet, A14)."""
        if len(set(key_ids)) < len(key_ids):
            raise bad_request("key_IDs: each at most once", "KEY_ID_REPEATED")

    def copies_of(self, slave: str, master: str, key_ids: Sequence[bytes]) -> list[Copy]:
        """The caller's copies, in the order asked for.

        401 when the caller was not supplied for a key that is known here (5.4), whatever else is wrong
        (sheet, A10); then 400 with M5 when one cannot be delivered (6.4).
        """
        found = []
        missing = foreign = False
        for key_id in key_ids:
            known = self.copies.of_key(key_id)
            copy = next((copy for copy in known if self.may_fetch(slave, copy)), None)
            if copy is not None and self.deliverable(copy) and self.belongs_to(master, copy):
                found.append(copy)
            elif copy is None and (known or self.names.is_own(key_id)):
                foreign = True
            else:
                missing = True
        if foreign:
            raise self.refuse_foreign()
        if missing:
            raise self.refuse_missing()
        return found

    def may_fetch(self, caller: str, copy: Copy) -> bool:
        """Whether the copy is for the caller: it was supplied to Get key (5.4). The master was not."""
        return copy.slave == caller

    def belongs_to(self, master: str, copy: Copy) -> bool:
        """Whether the SAE in the path is the one that took the key (sheet, A11)."""
        return copy.master == master

    def deliverable(self, copy: Copy) -> bool:
        """Whether the copy is still to be had: once, or again after a crash cut its delivery short."""
        if copy.state == State.READY:
            return True
        return copy.state == State.DELIVERING and self.recovering and self.copies.is_unfinished(copy)

    def refuse_foreign(self) -> RefusedError:
        """The answer when a key is not the caller's (5.4)."""
        return not_yours()

    def refuse_missing(self) -> RefusedError:
        """The answer when a key is not here, or not any more (6.4)."""
        return keys_not_found()

    async def claim(self, copies: Sequence[Copy]) -> bool:
        """Takes the copies for this request alone; False = another was faster."""
        return self.copies.claim(copies, also_unfinished=self.recovering)

    def sent(self, delivery: Delivery) -> None:
        """The kernel has the whole answer: the SAE gets it even if this process dies now. Takes no time."""
        self.copies.sent(delivery.copies)

    def delivered(self, delivery: Delivery) -> None:
        """The keys have been sent: nobody gets them again (5.4, post-condition), and their bytes go."""
        self.copies.erase(delivery.copies)

    def not_delivered(self, delivery: Delivery) -> None:
        """Nothing of the keys has been written: they can be asked for again."""
        self.copies.release(delivery.copies)
