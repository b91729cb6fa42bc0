"""The stock of a link: halves, cursor, what is burned, what survives."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vendors.reference.rig import BLOCK_OCTETS, planted_block
from vendors.reference.database import Database
from vendors.reference.link import Link, LinkEnds, SourceError
from vendors.reference.vault import Vault

HALF = {parity: b"".join(planted_block("link", index) for index in range(parity, 40, 2)) for parity in (0, 1)}


class Store:
    """A link's store that can be opened again, with or without having been closed."""

    def __init__(self, folder: Path, kme_id: str = "kme-a", peer: str = "kme-b", high_water: int = 4096) -> None:
        self.folder = folder
        self._ends = LinkEnds("link", kme_id, peer)
        self._high_water = high_water
        self.database: Database
        self.open()

    def open(self, boot_id: str = "boot-1") -> Link:
        self.database = Database(self.folder / "store.db", boot_id)
        vault = Vault.open(self.folder / "store.kek")
        self.link = Link(self.database, vault, self._ends, self._high_water)
        return self.link

    def die(self, boot_id: str = "boot-1") -> Link:
        """The process is gone, what it committed is there."""
        self.database._db.close()
        return self.open(boot_id)

    def save(self) -> None:
        with self.database.transaction():
            self.link.save()


def fill(link: Link, blocks: int) -> None:
    for index in range(link.held, blocks):
        link.add_block(index, planted_block("link", index))


def test_nothing_is_available_before_the_peer_stands(tmp_path: Path) -> None:
    link = Store(tmp_path).link
    fill(link, 6)
    assert link.available == 0
    link.standing(4, 0)
    assert link.available == 2 * BLOCK_OCTETS  # blocks 0 and 2
    link.standing(5, 0)
    assert link.available == 3 * BLOCK_OCTETS
    link.peer_gone()
    assert link.available == 0


@pytest.mark.parametrize(("kme_id", "peer", "parity"), [("kme-a", "kme-b", 0), ("kme-b", "kme-a", 1)])
def test_each_end_issues_from_its_own_half(tmp_path: Path, kme_id: str, peer: str, parity: int) -> None:
    link = Store(tmp_path, kme_id, peer).link
    fill(link, 20)
    link.standing(20, 0)
    offset = link.take(1000)
    assert link.own_octets(offset, 1000) == HALF[parity][:1000]
    assert link.peer_octets(300, 700) == HALF[1 - parity][300:1000]


def test_octets_are_taken_in_order_and_never_twice(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fill(store.link, 40)
    store.link.standing(40, 0)
    taken = b""
    for octets in (1, 31, 32, 600, 8, 1400, 7):
        before = store.link.available
        offset = store.link.take(octets)
        assert offset == len(taken)
        assert store.link.available == before - octets
        taken += store.link.own_octets(offset, octets)
        store.save()
    assert taken == HALF[0][: len(taken)]


def test_the_cursor_survives_the_process(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fill(store.link, 8)
    store.link.standing(8, 0)
    store.link.take(700)
    store.save()
    link = store.die()
    link.standing(8, 0)
    assert (link.cursor, link.held) == (700, 8)
    assert link.own_octets(link.take(500), 500) == HALF[0][700:1200]


def test_blocks_that_are_used_up_are_deleted(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fill(store.link, 8)
    store.link.standing(8, 0)
    store.link.take(2 * BLOCK_OCTETS + 5)
    store.link.grant(BLOCK_OCTETS)
    store.save()
    positions = [row[0] for row in store.database.read("SELECT position FROM block ORDER BY position")]
    assert positions == [3, 4, 5, 6, 7]  # gone: 0 and 2 of the own half, 1 of the peer's


def test_lost_power_burns_what_may_have_been_issued(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path)
    fill(store.link, 8)
    store.link.standing(8, 0)
    store.link.take(100)  # not saved: the disk lost it
    link = store.die(boot_id="boot-2")
    assert store.database.lost_power
    assert link.cursor >= 100
    assert "power was lost" in caplog.text
    fill(link, 2000)  # the source goes on where the store left off, and so does the link
    link.standing(2000, 0)
    assert link.own_octets(link.take(8), 8)


def test_nothing_is_burned_when_the_store_was_closed_or_the_machine_stayed_up(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fill(store.link, 8)
    store.link.standing(8, 0)
    store.link.take(100)
    store.save()
    assert store.die().cursor == 100
    store.database.close()
    assert store.open("boot-2").cursor == 100
    assert not store.database.lost_power


def test_the_peer_knows_better_how_much_was_issued(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fill(store.link, 8)
    store.link.standing(8, 900)
    assert store.link.cursor == 900
    assert store.link.available == 4 * BLOCK_OCTETS - 900


def test_only_octets_that_are_here_and_unused_may_be_granted(tmp_path: Path) -> None:
    link = Store(tmp_path).link
    fill(link, 4)
    assert link.may_grant(0, 2 * BLOCK_OCTETS)
    assert not link.may_grant(1, 2 * BLOCK_OCTETS)
    link.grant(10)
    assert not link.may_grant(9, 4)
    assert link.may_grant(10, 4)


def test_the_source_is_wanted_until_both_halves_are_in_stock(tmp_path: Path) -> None:
    store = Store(tmp_path, high_water=2 * BLOCK_OCTETS)
    link = store.link
    for blocks, wanted in ((3, True), (4, False), (5, False)):
        fill(link, blocks)
        assert link.wanted.is_set() is wanted
    link.grant(BLOCK_OCTETS)
    store.save()
    assert link.wanted.is_set()


def test_a_half_that_nobody_uses_does_not_grow_without_bound(tmp_path: Path) -> None:
    link = Store(tmp_path, high_water=BLOCK_OCTETS).link
    burns: list[int] = []
    link.on_burn = lambda: burns.append(link.cursor)
    fill(link, 20)
    assert link.cursor == 6 * BLOCK_OCTETS  # ten blocks of its own came, four marks are kept
    assert len(burns) == 6


def test_a_source_that_breaks_its_contract_is_refused(tmp_path: Path) -> None:
    link = Store(tmp_path).link
    fill(link, 2)
    with pytest.raises(SourceError, match="block 3 came instead of 2"):
        link.add_block(3, planted_block("link", 3))
    with pytest.raises(SourceError, match="has 5 octets"):
        link.add_block(2, b"short")
    assert link.held == 2


def test_blocks_are_sealed_for_their_place(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fill(store.link, 3)
    with store.database.transaction() as db:
        db.execute("UPDATE block SET sealed = (SELECT sealed FROM block WHERE position = 2) WHERE position = 0")
    link = store.die()
    with pytest.raises(Exception, match="sealed octets do not open"):
        link.own_octets(0, 8)
