"""The state file: what the controller wants, its journal, and who is in charge."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

JOURNAL_KEPT = 50_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS thing (kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id))
  WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
  number INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
  text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS charge (
  one INTEGER PRIMARY KEY CHECK (one = 1), term INTEGER NOT NULL, holder TEXT NOT NULL);
"""


class NotInChargeError(Exception):
    """Another controller has taken over, or this one was never in charge: nothing was written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the journal; `time` in seconds since 1970."""

    number: int
    time: float
    kind: str
    subject: str
    text: str


class Store:
    """One state file, which two controllers may have open.

    Who is in charge holds the current *term*, a number that only grows. Every transaction compares it first, in the
    same transaction as the change; `still_in_charge` compares it before every request to the south. So a controller
    that was taken over can change neither the file nor, from its next request on, a node.

    What is committed survives the death of the process at any moment (WAL), not that of the machine.
    """

    def __init__(self, path: Path, holder: str) -> None:
        """Opens or makes the file.

        Args:
            path: of the file.
            holder: name of this controller, the same over restarts.

        Raises:
            sqlite3.Error: it is no state file, or the disk fails.
        """
        self._holder = holder
        self._term = 0
        self._db = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
        path.chmod(0o600)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "temp_store=MEMORY"):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        self._db.executescript(_SCHEMA)

    # -- who is in charge -------------------------------------------------------------------------------

    def claim(self, *, force: bool) -> bool:
        """Takes charge under a new term. Without `force` only if nobody else has taken charge since.

        A controller that comes back after another one took over thus stays in reserve, whatever it was before.
        """
        self._db.execute("BEGIN IMMEDIATE")
        term, holder = self._charge()
        taken = force or holder in ("", self._holder)
        if taken:
            self._term = term + 1
            self._db.execute("INSERT OR REPLACE INTO charge VALUES (1, ?, ?)", (self._term, self._holder))
        self._db.execute("COMMIT")
        return taken

    def still_in_charge(self) -> bool:
        """Whether the present term is this controller's."""
        return self._term > 0 and self._charge()[0] == self._term

    def _charge(self) -> tuple[int, str]:
        row = self._db.execute("SELECT term, holder FROM charge").fetchone()
        return (int(row[0]), str(row[1])) if row else (0, "")

    # -- things -----------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything in the block is committed at its end, or nothing when it raises.

        Raises:
            NotInChargeError: the term is over.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            if not self.still_in_charge():
                raise NotInChargeError("another controller is in charge")  # noqa: TRY301 - rolled back below
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def put(self, kind: str, name: str, body: dict[str, Any]) -> None:
        """Writes a thing, within a transaction."""
        self._db.execute("INSERT OR REPLACE INTO thing VALUES (?, ?, ?)", (kind, name, json.dumps(body)))

    def drop(self, kind: str, name: str) -> None:
        """Takes it out, within a transaction."""
        self._db.execute("DELETE FROM thing WHERE kind = ? AND id = ?", (kind, name))

    def read(self, kind: str) -> dict[str, dict[str, Any]]:
        """All things of a kind."""
        rows = self._db.execute("SELECT id, body FROM thing WHERE kind = ?", (kind,))
        return {str(name): json.loads(body) for name, body in rows}

    # -- journal ----------------------------------------------------------------------------------------

    def note(self, kind: str, subject: str, text: str) -> None:
        """Adds an entry to the journal, within a transaction; the oldest go when there are too many."""
        cursor = self._db.execute(
            "INSERT INTO journal (time, kind, subject, text) VALUES (?, ?, ?, ?)", (time.time(), kind, subject, text)
        )
        self._db.execute("DELETE FROM journal WHERE number <= ?", ((cursor.lastrowid or 0) - JOURNAL_KEPT,))

    def journal(self, first: int, most: int = 1000) -> list[Entry]:
        """Entries from a number on."""
        rows = self._db.execute("SELECT * FROM journal WHERE number >= ? ORDER BY number LIMIT ?", (first, most))
        return [Entry(*row) for row in rows]

    def last_number(self) -> int:
        """Of the newest entry; 0 = none."""
        return int(self._db.execute("SELECT coalesce(max(number), 0) FROM journal").fetchone()[0])

    def close(self) -> None:
        """Ends. The term stays with its holder, who may come back."""
        self._db.close()
