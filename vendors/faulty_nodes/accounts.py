"""Faults in what a KME books, shows and forgets."""

from __future__ import annotations

from typing import Any

from qkd.kms.v1.store_pb2 import GetStoreRequest, GetStoreResponse
from vendors.reference.link import Link
from vendors.reference.settlement import Settlement
from vendors.reference.store_service import StoreServicer

from .catalogue import fault


@fault("relay-booked-as-delivered", "NODE-ACC-2")
class RelayBookedAsDelivered(Settlement):
    """Keys of forwarding modules are booked like those of any SAE."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **{**named, "relays": ()})


@fault("destroyed-not-booked", "NODE-STORE-2")
class DestroyedNotBooked(Settlement):
    """The bits of a last octet that no key has vanish from the account."""

    def _hand_out(self, order: Any) -> None:
        super()._hand_out(order)
        for key in order.keys:
            for link, _, octets in key.drawn:
                link.account.destroyed -= 8 * octets - key.bits


@fault("anybody-sees-the-store", "NODE-STORE-4")
class AnybodySeesTheStore(StoreServicer):
    """Whoever has a certificate of the network is shown the account."""

    async def GetStore(self, request: GetStoreRequest, context: Any) -> GetStoreResponse:
        """See `StoreServicer`."""
        return self.report()


@fault("never-low", "NODE-STORE-6")
class NeverLow(StoreServicer):
    """A link is never reported as low."""

    def report(self) -> GetStoreResponse:
        """See `StoreServicer`."""
        said = super().report()
        for link in said.links:
            link.low = False
        return said


@fault("expired-keys-delivered", "NODE-TTL-1", "NODE-TTL-2")
class ExpiredKeysDelivered(Link):
    """Bits are kept and handed out whatever their age."""

    def expire(self, age_s: float) -> int:
        """See `Link`."""
        return 0


@fault("expired-booked-as-destroyed", "NODE-TTL-1")
class ExpiredBookedAsDestroyed(Link):
    """Bits that are too old are given up, and booked as destroyed."""

    def expire(self, age_s: float) -> int:
        """See `Link`."""
        bits = super().expire(age_s)
        self.account.expired -= bits
        self.account.destroyed += bits
        return bits


@fault("account-begins-anew", "NODE-RESTART-1")
class AccountBeginsAnew(Link):
    """What was delivered is forgotten when the process is started again."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.account.received -= self.account.delivered
        self.account.delivered = 0
