"""Other stocks: small and slow ones, and others ways to count and to say that they are empty (A6, A19)."""

from __future__ import annotations

from vendors.faulty.catalogue import variant
from vendors.faulty.stock import SETTINGS, SlowStock
from vendors.reference.delivery import KeyDelivery
from vendors.reference.refusals import RefusedError, bad_request


@variant("small-stock", settings=SETTINGS)
class SmallStock(SlowStock):
    """Some two hundred keys at the beginning, some fifty more a second."""


@variant("shortage-400", also=[SlowStock], settings=SETTINGS)
class Shortage400(KeyDelivery):
    """When there are too few keys the answer is 400 (A6). The stock is small."""

    def not_enough_keys(self) -> RefusedError:
        """400 instead of 503."""
        return bad_request("not enough keys are available", "NOT_ENOUGH_KEYS")


@variant("stored-count-zero")
class StoredCountZero(KeyDelivery):
    """stored_key_count is 0 all the time: nobody counts (A19)."""

    def stored_key_count(self, target: str) -> int:
        """Nothing."""
        return 0


@variant("stored-count-constant")
class StoredCountConstant(KeyDelivery):
    """stored_key_count is what the pool can hold, whatever it holds (A19)."""

    def stored_key_count(self, target: str) -> int:
        """The most."""
        return self.settings.max_key_count
