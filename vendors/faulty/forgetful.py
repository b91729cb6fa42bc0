"""A store that can lose keys which wait for their slaves."""

from __future__ import annotations

from vendors.reference.copies import Copies, State
from vendors.reference.delivery import KeyDelivery


class ForgetfulCopies(Copies):
    """The table of copies, with a way to lose what is in it."""

    def drop_waiting(self) -> None:
        """Forgets every key that was not fetched yet."""
        with self._database.transaction():
            self._database.write("DELETE FROM copy WHERE state = ?", [(State.READY.value,)])


class ForgetfulDelivery(KeyDelivery):
    """For KMEs whose store is a `ForgetfulCopies`."""

    def drop_waiting(self) -> None:
        """Forgets every key that was not fetched yet."""
        if isinstance(self.copies, ForgetfulCopies):
            self.copies.drop_waiting()
