"""The SQLite file of one KME: how it is opened, what a transaction guarantees, which life this is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS link (
  number INTEGER PRIMARY KEY, link_id TEXT NOT NULL UNIQUE, block_octets INTEGER NOT NULL DEFAULT 0,
  held INTEGER NOT NULL DEFAULT 0, cursor INTEGER NOT NULL DEFAULT 0,
  ceiling INTEGER NOT NULL DEFAULT 0, granted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS block (
  link INTEGER NOT NULL, position INTEGER NOT NULL, sealed BLOB NOT NULL, stored REAL NOT NULL,
  PRIMARY KEY (link, position));
CREATE TABLE IF NOT EXISTS account (
  link INTEGER PRIMARY KEY, received INTEGER NOT NULL DEFAULT 0, reserved INTEGER NOT NULL DEFAULT 0,
  delivered INTEGER NOT NULL DEFAULT 0, relay INTEGER NOT NULL DEFAULT 0, expired INTEGER NOT NULL DEFAULT 0,
  destroyed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS source (
  number INTEGER PRIMARY KEY, link INTEGER NOT NULL, source_id TEXT NOT NULL, maker TEXT NOT NULL DEFAULT '',
  module_id TEXT NOT NULL DEFAULT '', taken INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0,
  UNIQUE (link, source_id));
CREATE TABLE IF NOT EXISTS part (
  number INTEGER PRIMARY KEY, source INTEGER NOT NULL, block_id BLOB NOT NULL, piece INTEGER NOT NULL,
  octets INTEGER NOT NULL, used INTEGER NOT NULL, sealed BLOB, time_s REAL NOT NULL, relays TEXT NOT NULL, gone REAL,
  UNIQUE (source, block_id, piece));
CREATE INDEX IF NOT EXISTS part_waiting ON part (source, number) WHERE gone IS NULL;
CREATE INDEX IF NOT EXISTS part_block ON part (block_id);
CREATE TABLE IF NOT EXISTS pairing (
  peer_kme_id TEXT NOT NULL, source_id TEXT NOT NULL, module_id TEXT NOT NULL, peer_module_id TEXT NOT NULL,
  active INTEGER NOT NULL, PRIMARY KEY (peer_kme_id, source_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS application (app_id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS made (
  link INTEGER NOT NULL, position INTEGER NOT NULL, composition BLOB NOT NULL, stored REAL NOT NULL,
  PRIMARY KEY (link, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS place (
  key_id BLOB NOT NULL, link INTEGER NOT NULL, half INTEGER NOT NULL, first INTEGER NOT NULL,
  octets INTEGER NOT NULL, stored REAL NOT NULL, PRIMARY KEY (key_id, link)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS copy (
  key_id BLOB NOT NULL, slave TEXT NOT NULL, master TEXT NOT NULL, state INTEGER NOT NULL,
  life INTEGER NOT NULL, changed INTEGER NOT NULL, sealed BLOB, place INTEGER,
  PRIMARY KEY (key_id, slave)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS copy_on_its_way ON copy (state) WHERE state = 1;
"""


class Database:
    """One connection, held exclusively: a second process that opens the file is refused.

    What is committed survives the death of the process at any moment (WAL, synchronous=NORMAL: the commit is
    in the kernel). The death of the machine may take the last commits with it, except those of a `durable`
    transaction, which are on the disk. What is deleted is overwritten (secure_delete).

    Attributes:
        life: counts how often the store was opened, from 1.
        lost_power: the machine was started anew since the last life, which was not closed: the last commits
            may be missing.
    """

    def __init__(self, path: Path, boot_id: str | None = None) -> None:
        """Opens or makes the file.

        Raises:
            sqlite3.OperationalError: another process has it open, or the disk fails.
        """
        self._db = sqlite3.connect(path, isolation_level=None, timeout=1.0, check_same_thread=False)
        path.chmod(0o600)
        for pragma in (
            "locking_mode=EXCLUSIVE",
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "secure_delete=ON",
            "temp_store=MEMORY",
            "cache_size=-32000",  # KiB; keys are found by random IDs, so keep the tree in memory
            "wal_autocheckpoint=4000",
        ):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        self._db.executescript(_SCHEMA)
        boot_id = _boot_id() if boot_id is None else boot_id
        self.life = int(self.meta("life") or 0) + 1
        self.lost_power = self.life > 1 and self.meta("clean") != "yes" and self.meta("boot_id") != boot_id
        with self.transaction(durable=True):
            self.set_meta("life", str(self.life))
            self.set_meta("boot_id", boot_id)
            self.set_meta("clean", "no")

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """Everything in the block is committed at its end, or nothing when it raises. Not nestable.

        Args:
            durable: on return it is on the disk (costs a sync, milliseconds).
        """
        db = self._db
        if durable:
            db.execute("PRAGMA synchronous=FULL")
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        finally:
            if durable:
                db.execute("PRAGMA synchronous=NORMAL")

    def read(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """The rows of a SELECT."""
        return self._db.execute(statement, values).fetchall()

    def write(self, statement: str, rows: Iterable[Sequence[object] | Mapping[str, object]]) -> int:
        """Runs a statement for each of the rows, within a transaction; says how many it changed in all."""
        return self._db.executemany(statement, rows).rowcount

    def meta(self, name: str) -> str | None:
        """A remembered text, or None."""
        rows = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchall()
        return str(rows[0][0]) if rows else None

    def set_meta(self, name: str, value: str) -> None:
        """Remembers a text."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def close(self) -> None:
        """Ends this life in good order."""
        with self.transaction(durable=True):
            self.set_meta("clean", "yes")
        self._db.close()


def _boot_id() -> str:
    """Names this run of the machine; empty where the system does not tell (power loss then goes unseen)."""
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""
