"""The keys that wait for their slaves: one copy for each key and slave, each fetched once.

    READY ──claim──▶ DELIVERING ──sent, erase──▶ DELIVERED (a tombstone: who and which, no bytes)
      └──expire──▶ EXPIRED (likewise)

A copy is DELIVERING from before the first octet of the answer is written. When the kernel has the last one,
the answer will reach the SAE even if this process dies, and `sent` notes so in the tally, which outlives the
process; the bytes are erased soon after. So the next life knows of each copy that it finds in DELIVERING
whether the SAE has it: then its bytes are erased at once; if not, the same SAE may claim it again for a
while (`KmeSettings.recovery_s`), after which it is erased too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple, cast

from .clock import Clock
from .database import Database
from .tally import Tally
from .vault import Vault


class State(IntEnum):
    """Of a copy."""

    READY = 0
    DELIVERING = 1
    DELIVERED = 2
    EXPIRED = 3


class Copy(NamedTuple):
    """One row. `sealed` is ciphertext, None once erased.

    Attributes:
        key_id: 16 octets.
        slave: the SAE that may fetch it.
        master: the SAE that took the key with Get key.
        life: the life of the store in which `state` was set.
    """

    key_id: bytes
    slave: str
    master: str
    state: int
    life: int
    sealed: bytes | None


class NewCopy(NamedTuple):
    """A copy to be kept, key bytes in clear."""

    key_id: bytes
    slave: str
    master: str
    octets: bytes

    def __repr__(self) -> str:
        return f"NewCopy(key_id={self.key_id.hex()}, slave={self.slave!r}, master={self.master!r})"


_ERASE = (
    f"UPDATE copy SET state = {State.DELIVERED:d}, sealed = NULL, place = NULL, changed = ? "  # noqa: S608
    "WHERE key_id = ? AND slave = ?"
)


def _label(copy: Copy) -> bytes:
    """What a copy is, for its seal and for its place in the tally."""
    return copy.key_id + copy.slave.encode()


class _NotAllError(Exception):
    """Takes a claim back."""


class Copies:
    """The table. Methods that say so are to be called within a transaction; the others are one each."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, tally: Tally) -> None:
        """Goes on where the last life ended: what it had sent is erased."""
        self._database = database
        self._vault = vault
        self._clock = clock
        self._tally = tally
        self._life = database.life
        self._places: dict[bytes, int] = {}  # in the tally, of claims of this life, by key ID and slave
        self._read_tally()

    def _read_tally(self) -> None:
        left = self._database.read(
            "SELECT key_id, slave, place FROM copy WHERE state = 1 AND place IS NOT NULL",
        )
        now = int(self._clock.wall())
        sent = [(now, key_id, slave) for key_id, slave, place in left if self._tally.was_sent(cast(int, place))]
        with self._database.transaction():
            self._database.write(_ERASE, sent)
            self._database.write("UPDATE copy SET place = NULL WHERE state = ?", [(int(State.DELIVERING),)])
        self._tally.clear()

    def add(self, copies: Iterable[NewCopy]) -> None:
        """Keeps copies, sealed; one that is there already stays as it is. Within a transaction."""
        seal, ready, life, now = self._vault.seal, int(State.READY), self._life, int(self._clock.wall())
        self._database.write(
            "INSERT OR IGNORE INTO copy VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
            (
                (key_id, slave, master, ready, life, now, seal(octets, key_id + slave.encode()))
                for key_id, slave, master, octets in copies
            ),
        )

    def of_key(self, key_id: bytes) -> list[Copy]:
        """All that is known here of a key, in no particular order; empty = unknown."""
        rows = self._database.read(
            "SELECT key_id, slave, master, state, life, sealed FROM copy WHERE key_id = ?", key_id
        )
        return [Copy(*row) for row in rows]  # type: ignore[arg-type]  # as the schema has them

    def is_unfinished(self, copy: Copy) -> bool:
        """Whether an earlier life began to deliver it and did not end."""
        return copy.state == State.DELIVERING and copy.life < self._life

    def unseal(self, copy: Copy) -> bytes:
        """The key bytes.

        Raises:
            DamagedError: they do not open, or are gone.
        """
        return self._vault.unseal(copy.sealed or b"", _label(copy))

    def claim(self, copies: Sequence[Copy], *, also_unfinished: bool) -> bool:
        """Moves all the copies to DELIVERING, or none; False = at least one is not to be had any more.

        Args:
            also_unfinished: whether those that an earlier life left in DELIVERING are to be had.
        """
        place = self._tally.take()
        rows = [
            {"key_id": c.key_id, "slave": c.slave, "life": self._life, "unfinished": also_unfinished, "place": place}
            for c in copies
        ]
        try:
            with self._database.transaction():
                self._claim_all(rows)
        except _NotAllError:
            if place is not None:
                self._tally.free(place)
            return False
        if place is not None:
            self._places.update((_label(copy), place) for copy in copies)
        return True

    def _claim_all(self, rows: Sequence[Mapping[str, object]]) -> None:
        may_be = f"(state = {State.READY:d} OR state = {State.DELIVERING:d} AND life < :life AND :unfinished)"
        changed = self._database.write(
            f"UPDATE copy SET state = {State.DELIVERING:d}, life = :life, place = :place "  # noqa: S608 - numbers of ours
            f"WHERE key_id = :key_id AND slave = :slave AND {may_be}",
            rows,
        )
        if changed != len(rows):
            raise _NotAllError

    def release(self, copies: Sequence[Copy]) -> None:
        """Moves copies that were claimed in this life, and of which nothing was sent, back to READY."""
        with self._database.transaction():
            self._database.write(
                f"UPDATE copy SET state = {State.READY:d}, place = NULL "  # noqa: S608 - two numbers
                f"WHERE key_id = ? AND slave = ? AND state = {State.DELIVERING:d} AND life = ?",
                [(copy.key_id, copy.slave, self._life) for copy in copies],
            )
        self._free_places(copies)

    def sent(self, copies: Iterable[Copy]) -> None:
        """The kernel has the whole answer with these copies, all of them claimed together in this life."""
        for copy in copies:
            place = self._places.get(_label(copy))
            if place is not None:
                self._tally.sent(place)
                break

    def erase(self, copies: Iterable[Copy]) -> None:
        """Moves copies to DELIVERED: their bytes are destroyed."""
        copies, now = list(copies), int(self._clock.wall())
        with self._database.transaction():
            self._database.write(_ERASE, [(now, copy.key_id, copy.slave) for copy in copies])
        self._free_places(copies)

    def _free_places(self, copies: Sequence[Copy]) -> None:
        """Gives the places back that were taken for these copies, which were claimed together or not at all."""
        for place in {self._places.pop(_label(copy), None) for copy in copies} - {None}:
            self._tally.free(cast(int, place))

    def discard(self, key_ids: Iterable[bytes]) -> None:
        """Forgets keys that were never handed out to their master, on all slaves. Within a transaction."""
        self._database.write("DELETE FROM copy WHERE key_id = ?", [(key_id,) for key_id in key_ids])

    def destroy_unfinished(self) -> int:
        """Erases what earlier lives left in DELIVERING; says how many copies."""
        left = self._database.read("SELECT key_id, slave FROM copy WHERE state = 1 AND life < ?", self._life)
        now = int(self._clock.wall())
        with self._database.transaction():
            return self._database.write(_ERASE, [(now, key_id, slave) for key_id, slave in left])

    def expire(self, age_s: float) -> int:
        """Erases copies that nobody asked for within `age_s` seconds; says how many."""
        with self._database.transaction():
            return self._database.write(
                f"UPDATE copy SET state = {State.EXPIRED:d}, sealed = NULL, changed = ? "  # noqa: S608 - numbers
                f"WHERE state = {State.READY:d} AND changed < ?",
                [(int(self._clock.wall()), int(self._clock.wall() - age_s))],
            )

    def expire_each(self, life_of: Callable[[str, str], float | None], age_s: float) -> int:
        """Likewise, where the age depends on master and slave.

        Args:
            life_of: their age, seconds; None = `age_s`, of which 0 = for ever.
        """
        now = self._clock.wall()
        old = []
        rows = self._database.read(f"SELECT key_id, slave, master, changed FROM copy WHERE state = {State.READY:d}")  # noqa: S608
        for key_id, slave, master, changed in cast(list[tuple[bytes, str, str, int]], rows):
            life = life_of(master, slave)
            life = age_s if life is None else life
            if life and changed < int(now - life):
                old.append((int(now), key_id, slave))
        with self._database.transaction():
            return self._database.write(
                f"UPDATE copy SET state = {State.EXPIRED:d}, sealed = NULL, changed = ? "  # noqa: S608 - a number
                "WHERE key_id = ? AND slave = ?",
                old,
            )

    def forget_tombstones(self, age_s: float) -> int:
        """Forgets keys that have been gone for longer than `age_s` seconds; says how many copies."""
        with self._database.transaction():
            return self._database.write(
                f"DELETE FROM copy WHERE state IN ({State.DELIVERED:d}, {State.EXPIRED:d}) "  # noqa: S608 - numbers
                "AND changed < ?",
                [(int(self._clock.wall() - age_s),)],
            )
