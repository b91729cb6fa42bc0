"""A store that can say what waits for a slave."""

from __future__ import annotations

from vendors.reference.copies import Copies, Copy, State
from vendors.reference.delivery import KeyDelivery


class QueuedCopies(Copies):
    """The table of copies, with a look at what waits in it."""

    def waiting_for(self, slave: str) -> list[Copy]:
        """What a slave has not fetched yet, the oldest first."""
        rows = self._database.read(
            "SELECT key_id, slave, master, state, life, sealed FROM copy WHERE slave = ? AND state = ? "
            "ORDER BY changed, key_id",
            slave,
            State.READY.value,
        )
        return [Copy(*row) for row in rows]  # type: ignore[arg-type]  # as the schema has them


class QueueDelivery(KeyDelivery):
    """For KMEs whose store is a `QueuedCopies`."""

    def waiting_for(self, slave: str) -> list[Copy]:
        """What a slave has not fetched yet, the oldest first."""
        return self.copies.waiting_for(slave) if isinstance(self.copies, QueuedCopies) else []
