"""The account of one link: what became of every bit of this KME's own half."""

from __future__ import annotations

from typing import cast

from .database import Database


class Account:
    """Bits, counted since the store was made.

        received = stock + reserved + delivered + relay + expired + destroyed

    The stock is not counted here: it is what lies between the cursor and the end of the half, so that the sum
    above shows whether each movement was booked. Movements are booked in memory; `Link.save` writes them down in
    one transaction with the cursor, never without it.

    Attributes:
        received: came into the half.
        reserved: in keys that were cut and not handed to their master yet.
        delivered: in keys that were handed over. Bits that carried such a key to a further KME (Grant.mask)
            count with it.
        relay: the same, to forwarding modules.
        expired: were older than their time to live.
        destroyed: given up. Surplus, keys that were burned, the bits of a last octet that no key has.
    """

    def __init__(self, database: Database, link: int) -> None:
        """Goes on where the store left off; what was reserved then is burned: no master ever got it."""
        self._database = database
        self._link = link
        with database.transaction():
            database.write("INSERT OR IGNORE INTO account (link) VALUES (?)", [(link,)])
            database.write(
                "UPDATE account SET destroyed = destroyed + reserved, reserved = 0 WHERE link = ?", [(link,)]
            )
        row = database.read(
            "SELECT received, reserved, delivered, relay, expired, destroyed FROM account WHERE link = ?", link
        )[0]
        self.received, self.reserved, self.delivered, self.relay, self.expired, self.destroyed = cast(
            tuple[int, int, int, int, int, int], row
        )
        self._saved = self._state()

    def hand_out(self, octets: int, bits: int, *, to_relay: bool) -> None:
        """A key of `bits` bits, cut from so many octets, goes to its master."""
        self.reserved -= 8 * octets
        self.destroyed += 8 * octets - bits
        if to_relay:
            self.relay += bits
        else:
            self.delivered += bits

    def burn(self, octets: int) -> None:
        """A key that was cut goes to nobody."""
        self.reserved -= 8 * octets
        self.destroyed += 8 * octets

    @property
    def changed(self) -> bool:
        """Whether there is something to save."""
        return self._state() != self._saved

    def save(self) -> None:
        """Writes it down. Within a transaction; when that fails, the next one writes it."""
        state = self._state()
        if state != self._saved:
            self._database.write(
                "UPDATE account SET received = ?, reserved = ?, delivered = ?, relay = ?, expired = ?, destroyed = ? "
                "WHERE link = ?",
                [(*state, self._link)],
            )
            self._saved = state

    def _state(self) -> tuple[int, int, int, int, int, int]:
        return self.received, self.reserved, self.delivered, self.relay, self.expired, self.destroyed
