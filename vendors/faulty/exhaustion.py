"""Faults that show when the stock runs empty (A6). Their stock is small."""

from __future__ import annotations

from collections.abc import Sequence

from qkd.reference.v1.kme_peer_pb2 import Share
from vendors.reference.delivery import KeyDelivery
from vendors.reference.keeper import Keeper
from vendors.reference.link import Link
from vendors.reference.model import KeyContainer, KeyRequest
from vendors.reference.refusals import RefusedError
from vendors.reference.settlement import Allocation

from .catalogue import fault
from .forgetful import ForgetfulCopies
from .stock import SETTINGS, SlowStock

_LOW_OCTETS = 640


@fault("shortage-partly-served", caught_by=["ETSI014-A6-R1"], also=[SlowStock], settings=SETTINGS)
class PartlyServed(KeyDelivery):
    """When there are fewer keys than asked for, those that there are are handed out."""

    def allocate(self, master: str, slaves: Sequence[str], number: int, bits: int) -> list[Allocation]:
        """As many as there are, at least one."""
        link = self.link_to(self.kme_of(slaves[0]))
        there = link.available // self.cutter.octets(bits) if link else 0
        return super().allocate(master, slaves, max(1, min(number, there)), bits)


@fault("shortage-200-empty", caught_by=["ETSI014-A6-R1"], also=[SlowStock], settings=SETTINGS)
class EmptyContainer(KeyDelivery):
    """When there are too few keys the container is empty, with 200."""

    async def get_key(self, caller: str | None, request: KeyRequest) -> KeyContainer:
        """Nothing, and no error."""
        try:
            return await super().get_key(caller, request)
        except RefusedError as refused:
            if refused.reason != self.not_enough_keys().reason:
                raise
            return KeyContainer([])


@fault("shortage-for-good", caught_by=["ETSI014-A6-R2"], also=[SlowStock], settings=SETTINGS)
class ForGood(KeyDelivery):
    """When the stock has run empty the service ends: somebody has to start it anew."""

    _over = False

    def allocate(self, master: str, slaves: Sequence[str], number: int, bits: int) -> list[Allocation]:
        """Refuses from the first shortage of a single key on."""
        if self._over:
            raise self.not_enough_keys()
        try:
            return super().allocate(master, slaves, number, bits)
        except RefusedError as refused:
            self._over = refused.reason == self.not_enough_keys().reason and number == 1
            raise


class _DropsWhenLow(Keeper):
    def keep(self, share: Share, link: Link) -> str:
        refusal = super().keep(share, link)
        if not link.may_grant(link.granted, _LOW_OCTETS) and isinstance(self._copies, ForgetfulCopies):
            self._copies.drop_waiting()
        return refusal


@fault("shortage-drops-waiting", caught_by=["ETSI014-A6-R2"], also=[SlowStock, ForgetfulCopies], settings=SETTINGS)
class DropsWaiting(_DropsWhenLow):
    """A link whose stock has run low is taken for dead: the keeping end clears what waits there."""
