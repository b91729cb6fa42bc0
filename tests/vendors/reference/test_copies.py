"""The life cycle of a copy: once, all or nothing, over crashes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from vendors.reference.clock import Clock
from vendors.reference.copies import Copies, Copy, NewCopy, State
from vendors.reference.database import Database
from vendors.reference.tally import Tally
from vendors.reference.vault import DamagedError, Vault

KEY_IDS = [bytes([number]) * 16 for number in range(4)]


class Table:
    """Copies in a store that can be opened again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 1_000_000.0
        self.open()

    def open(self) -> None:
        self.database = Database(self.folder / "store.db", "boot")
        vault = Vault.open(self.folder / "store.kek")
        self.tally = Tally(self.folder / "store.tally")
        self.copies = Copies(self.database, vault, Clock(wall=lambda: self.now), self.tally)

    def die(self) -> None:
        self.database._db.close()
        self.open()

    def add(self, *copies: NewCopy) -> None:
        with self.database.transaction():
            self.copies.add(copies)

    def of(self, key_id: bytes, slave: str = "sae-2") -> Copy:
        (copy,) = [copy for copy in self.copies.of_key(key_id) if copy.slave == slave]
        return copy


@pytest.fixture
def table(tmp_path: Path) -> Table:
    table = Table(tmp_path)
    table.add(*(NewCopy(key_id, "sae-2", "sae-1", b"key " + key_id) for key_id in KEY_IDS))
    return table


def test_a_copy_is_fetched_once(table: Table) -> None:
    copy = table.of(KEY_IDS[0])
    assert table.copies.unseal(copy) == b"key " + KEY_IDS[0]
    assert table.copies.claim([copy], also_unfinished=True)
    assert not table.copies.claim([copy], also_unfinished=True)
    table.copies.erase([copy])
    assert not table.copies.claim([copy], also_unfinished=True)
    gone = table.of(KEY_IDS[0])
    assert (gone.state, gone.sealed, gone.master) == (State.DELIVERED, None, "sae-1")


def test_a_claim_is_all_or_nothing(table: Table) -> None:
    table.copies.claim([table.of(KEY_IDS[1])], also_unfinished=False)
    wanted = [table.of(key_id) for key_id in KEY_IDS[:3]]
    assert not table.copies.claim(wanted, also_unfinished=False)
    assert [table.of(key_id).state for key_id in KEY_IDS[:3]] == [State.READY, State.DELIVERING, State.READY]


def test_each_slave_has_a_copy_of_its_own(table: Table) -> None:
    key_id = b"m" * 16
    table.add(NewCopy(key_id, "sae-2", "sae-1", b"shared"), NewCopy(key_id, "sae-3", "sae-1", b"shared"))
    first, second = table.of(key_id, "sae-2"), table.of(key_id, "sae-3")
    assert first.sealed != second.sealed
    assert table.copies.claim([first], also_unfinished=False)
    table.copies.erase([first])
    assert table.copies.unseal(table.of(key_id, "sae-3")) == b"shared"
    assert table.copies.claim([second], also_unfinished=False)


def test_a_copy_that_is_there_stays_as_it_is(table: Table) -> None:
    table.copies.claim([table.of(KEY_IDS[0])], also_unfinished=False)
    table.add(NewCopy(KEY_IDS[0], "sae-2", "sae-1", b"other bytes"))
    assert table.of(KEY_IDS[0]).state == State.DELIVERING
    assert table.copies.unseal(table.of(KEY_IDS[0])) == b"key " + KEY_IDS[0]


def test_what_a_crash_cut_short_can_be_had_again_in_the_next_life_only(table: Table) -> None:
    copy = table.of(KEY_IDS[0])
    table.copies.claim([copy], also_unfinished=True)
    assert not table.copies.is_unfinished(table.of(KEY_IDS[0]))
    table.die()
    assert table.copies.is_unfinished(table.of(KEY_IDS[0]))
    assert not table.copies.claim([copy], also_unfinished=False)
    assert table.copies.claim([copy], also_unfinished=True)
    assert not table.copies.claim([copy], also_unfinished=True)


def test_what_nobody_asks_for_again_is_destroyed(table: Table) -> None:
    ready, first, second = KEY_IDS[:3]
    table.copies.claim([table.of(first), table.of(second)], also_unfinished=True)
    table.die()
    table.copies.claim([table.of(second)], also_unfinished=True)
    assert table.copies.destroy_unfinished() == 1
    assert [table.of(key_id).state for key_id in (ready, first, second)] == [
        State.READY,
        State.DELIVERED,
        State.DELIVERING,
    ]
    assert table.of(first).sealed is None


def test_a_released_copy_is_ready_again(table: Table) -> None:
    copy = table.of(KEY_IDS[0])
    table.copies.claim([copy], also_unfinished=False)
    table.copies.release([copy])
    assert table.copies.claim([copy], also_unfinished=False)
    table.copies.erase([copy])
    table.copies.release([copy])
    assert table.of(KEY_IDS[0]).state == State.DELIVERED


def test_tombstones_are_forgotten_after_their_time_and_keys_are_not(table: Table) -> None:
    table.copies.erase([table.of(KEY_IDS[0])])
    table.now += 100
    table.copies.erase([table.of(KEY_IDS[1])])
    assert table.copies.forget_tombstones(50) == 1
    assert table.copies.of_key(KEY_IDS[0]) == []
    assert [table.of(key_id).state for key_id in KEY_IDS[1:]] == [State.DELIVERED, State.READY, State.READY]


def test_copies_are_sealed_for_their_key_and_slave(table: Table) -> None:
    one, other = table.of(KEY_IDS[0]), table.of(KEY_IDS[1])
    with pytest.raises(DamagedError):
        table.copies.unseal(one._replace(sealed=other.sealed))
    with pytest.raises(DamagedError):
        table.copies.unseal(one._replace(slave="sae-3"))


def test_a_second_process_cannot_open_the_store(table: Table) -> None:
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        Database(table.folder / "store.db", "boot")
