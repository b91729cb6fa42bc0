"""The bits of one link, seen from one of its ends: what is stored, what may still become a key.

The key source gives the same blocks to both ends. Blocks with an even index are for keys issued by the KME
with the smaller KME ID, those with an odd index for the other; so the two can issue keys at the same time
without asking each other. The blocks of one end, one behind the other, are its *half*: a place in it is an
offset in octets. The issuing KME cuts keys from its half in order and never goes back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

from .account import Account
from .clock import Clock
from .database import Database
from .vault import Vault

_log = logging.getLogger(__name__)

# The cursor stays below a ceiling that is on the disk itself (not only in the kernel). When the machine
# loses power the cursor may come back too low; the ceiling never does. At most this much is burned then.
_STRIDE = 256 * 1024
_CACHED_BLOCKS = 8
_SURPLUS = 4  # times the high-water mark


class SourceError(Exception):
    """The key source does not keep its contract."""


class LinkEnds(NamedTuple):
    """Names of a link and of the KMEs at its ends, this one first."""

    link_id: str
    kme_id: str
    peer_kme_id: str


class Link:
    """One end of a link: the stock of both halves, and the cursor of this KME's own.

    All in octets unless it says blocks. Not thread-safe: belongs to one event loop.

    Attributes:
        link_id: name of the link at both ends.
        peer_kme_id: the KME at the other end.
        cursor: first octet of this KME's half that may still become a key.
        granted: first octet of the peer's half that may still become a key, as far as known here.
        held: blocks stored: all those with a smaller index. Also the first one still wanted.
        block_octets: length of a block; 0 = none seen yet.
        account: what became of this KME's own half.
        number: of the link in the store.
        own: which half is this KME's: 0 = even indices, 1 = odd.
        wanted: set while the stock of either half is below the high-water mark.
        on_wanted: called when that begins, possibly within a transaction.
        on_change: called after blocks have arrived.
        on_burn: called after octets of this KME's half were given up unused.
    """

    def __init__(
        self, database: Database, vault: Vault, ends: LinkEnds, high_water: int, clock: Clock | None = None
    ) -> None:
        """Goes on where the store left off; `high_water` in octets, for each half."""
        self._clock = clock or Clock()
        self._database = database
        self._vault = vault
        self.link_id = ends.link_id
        self.peer_kme_id = ends.peer_kme_id
        self._high_water = high_water
        self.own = self.half_of(ends.kme_id, ends.peer_kme_id)
        self._blocks: dict[int, bytes] = {}  # some of those stored, in clear, by index
        self._peer_held = 0
        self.wanted = asyncio.Event()
        self.on_wanted: Callable[[], None] = lambda: None
        self.on_change: Callable[[], None] = lambda: None
        self.on_burn: Callable[[], None] = lambda: None
        with database.transaction():
            database.write("INSERT OR IGNORE INTO link (link_id) VALUES (?)", [(self.link_id,)])
        row = database.read(
            "SELECT number, block_octets, held, cursor, ceiling, granted FROM link WHERE link_id = ?",
            self.link_id,
        )[0]
        self.number, self.block_octets, self.held, self.cursor, self._ceiling, self.granted = cast(
            tuple[int, int, int, int, int, int], row
        )
        self.account = Account(database, self.number)
        self._saved = (self.cursor, self.granted)
        self._dropped = [0, 0]  # blocks of each half that are deleted: all those with a smaller number
        if database.lost_power and self.cursor < self._ceiling:
            _log.warning(
                "link %s: power was lost; %d octets that may have been issued are burned",
                self.link_id,
                self._ceiling - self.cursor,
            )
            self.account.destroyed += self._give_up(self._ceiling)
            with database.transaction():
                self.save()
        self._look_at_stock()

    def half_of(self, kme_id: str, other_kme_id: str) -> int:
        """Which blocks a KME issues keys from: 0 = even indices, 1 = odd."""
        return 0 if kme_id < other_kme_id else 1

    # -- what there is -----------------------------------------------------------------------------

    @property
    def available(self) -> int:
        """Octets that can be issued now: stored at both ends. 0 while the peer is not connected."""
        return max(0, self._end_of(self.own, min(self.held, self._peer_held)) - self.cursor)

    @property
    def stock(self) -> int:
        """Octets of this KME's half, stored here, that no key was cut from."""
        return max(0, self._end_of(self.own, self.held) - self.cursor)

    def _end_of(self, half: int, held: int) -> int:
        """First octet behind a half of which the blocks below index `held` are there."""
        return (held + 1 - half) // 2 * self.block_octets

    @property
    def lacking(self) -> int:
        """Octets that the emptier half lacks to be at the high-water mark."""
        own = self._end_of(self.own, self.held) - self.cursor
        peers = self._end_of(1 - self.own, self.held) - self.granted
        return max(0, self._high_water - min(own, peers))

    def fill_to(self, high_water: int) -> None:
        """Another high-water mark, octets for each half."""
        if high_water != self._high_water:
            self._high_water = high_water
            self._look_at_stock()

    def _look_at_stock(self) -> None:
        if self.lacking:
            if not self.wanted.is_set():
                self.wanted.set()
                self.on_wanted()
        else:
            self.wanted.clear()

    # -- what comes in -----------------------------------------------------------------------------

    def add_block(self, index: int, block: bytes) -> None:
        """Stores the next block.

        Raises:
            SourceError: it is not the next one, or not as long as the others.
        """
        if index != self.held:
            raise SourceError(f"link {self.link_id}: block {index} came instead of {self.held}")
        self.add_blocks([block])

    def add_blocks(self, blocks: Sequence[bytes], also: Callable[[], None] = lambda: None) -> None:
        """Stores the next blocks in one transaction, together with what `also` writes.

        Raises:
            SourceError: one is not as long as the others.
        """
        octets = self.block_octets or len(blocks[0])
        held = self.held + len(blocks)
        for index, block in enumerate(blocks, self.held):
            if not block or len(block) != octets:
                raise SourceError(f"link {self.link_id}: block {index} has {len(block)} octets, not {octets}")
        before, after = ((count + 1 - self.own) // 2 * octets for count in (self.held, held))
        used_up = max(0, min(after, self.cursor) - before)  # the cursor is ahead of the half after a loss of power
        now = self._clock.wall()
        account = self.account
        account.received += 8 * (after - before)
        account.destroyed += 8 * used_up
        try:
            with self._database.transaction():
                self._database.write(
                    "INSERT INTO block VALUES (?, ?, ?, ?)",
                    [
                        (self.number, index, self._vault.seal(block, self._label(index)), now)
                        for index, block in enumerate(blocks, self.held)
                    ],
                )
                self._database.write(
                    "UPDATE link SET held = ?, block_octets = ? WHERE number = ?", [(held, octets, self.number)]
                )
                self.save()
                also()
        except BaseException:
            account.received -= 8 * (after - before)
            account.destroyed -= 8 * used_up
            raise
        self.block_octets = octets
        self.held = held
        self._burn_surplus()
        self._look_at_stock()
        self.on_change()

    def _burn_surplus(self) -> None:
        """Keeps the store bounded when only the peer issues keys: the two halves grow together."""
        surplus = self._end_of(self.own, self.held) - self.cursor - _SURPLUS * self._high_water
        if surplus > 0:
            self.account.destroyed += self._give_up(self.cursor + surplus)
            with self._database.transaction():
                self.save()
            self.on_burn()

    def _give_up(self, to: int) -> int:
        """Moves the cursor over octets that become no key; says how many bits of them were in stock."""
        before = self.stock
        self._move_cursor(to)
        return 8 * (before - self.stock)

    def expire(self, age_s: float) -> int:
        """Gives up blocks of this KME's half that came longer than `age_s` seconds ago; says how many bits."""
        rows = self._database.read(
            "SELECT max(position) FROM block WHERE link = ? AND position % 2 = ? AND stored < ?",
            self.number,
            self.own,
            self._clock.wall() - age_s,
        )
        last = cast(int | None, rows[0][0])
        end = 0 if last is None else (last // 2 + 1) * self.block_octets
        if end <= self.cursor:
            return 0
        bits = self._give_up(end)
        self.account.expired += bits
        with self._database.transaction():
            self.save()
        self.on_burn()
        return bits

    def skip(self, index: int, block_octets: int) -> None:
        """Gives up both halves up to a block, which is the next one now, whether they ever came or not.

        Raises:
            SourceError: the link has blocks of another length, or is further on.
        """
        if index < self.held or (self.block_octets and block_octets != self.block_octets):
            raise SourceError(f"link {self.link_id}: it cannot go on at block {index}")
        self.account.destroyed += 8 * self.stock
        self.block_octets, self.held = block_octets, index
        self._move_cursor(max(self.cursor, self._end_of(self.own, index)))
        self.granted = max(self.granted, self._end_of(1 - self.own, index))
        with self._database.transaction():
            self._database.write(
                "UPDATE link SET held = ?, block_octets = ? WHERE number = ?", [(index, block_octets, self.number)]
            )
            self.save()
        self.on_change()
        self.on_burn()

    def standing(self, held: int, granted: int) -> None:
        """Takes note of what the peer says that it holds (blocks) and has seen granted (octets)."""
        self._peer_held = held
        if granted > self.cursor:
            _log.warning("link %s: the peer knows of %d more octets issued", self.link_id, granted - self.cursor)
            self.account.destroyed += self._give_up(granted)

    def peer_gone(self) -> None:
        """Takes note that the peer cannot be asked: nothing is available until it stands again."""
        self._peer_held = 0

    # -- what goes out -----------------------------------------------------------------------------

    def take(self, octets: int) -> int:
        """Sets the next octets of this KME's half aside for good; says at which offset they are.

        The caller has seen that they are `available`, and calls `save` before anyone learns of them.
        """
        offset = self.cursor
        self._move_cursor(offset + octets)
        self.account.reserved += 8 * octets
        return offset

    def _move_cursor(self, to: int) -> None:
        if to > self._ceiling:
            ceiling = to + _STRIDE
            with self._database.transaction(durable=True):
                self._database.write("UPDATE link SET ceiling = ? WHERE number = ?", [(ceiling, self.number)])
            self._ceiling = ceiling
        self.cursor = to

    def may_grant(self, offset: int, octets: int) -> bool:
        """Whether these octets of the peer's half are stored here and no key has used them."""
        return self.granted <= offset and offset + octets <= self._end_of(1 - self.own, self.held)

    def reached(self, cursor: int) -> None:
        """Takes note, for good, that nothing before `cursor` in the peer's half will become a key."""
        self.grant(cursor)
        with self._database.transaction():
            self.save()

    def grant(self, until: int) -> None:
        """Takes note that the peer has used up its half up to there; `save` makes it last."""
        self.granted = max(self.granted, until)

    def save(self) -> None:
        """Writes down how far both halves are used up, and the account, and deletes what is. Within a transaction."""
        self.account.save()
        if self._saved == (self.cursor, self.granted):
            return
        self._saved = (self.cursor, self.granted)
        self._look_at_stock()
        self._database.write(
            "UPDATE link SET cursor = ?, granted = ? WHERE number = ?",
            [(self.cursor, self.granted, self.number)],
        )
        for half, used in ((self.own, self.cursor), (1 - self.own, self.granted)):
            number = min(used, self._end_of(half, self.held)) // self.block_octets if self.block_octets else 0
            if number > self._dropped[half]:
                self._database.write(
                    "DELETE FROM block WHERE link = ? AND position < ? AND position % 2 = ?",
                    [(self.number, 2 * number, half)],
                )
                self._dropped[half] = number
                for index in [index for index in self._blocks if index % 2 == half and index < 2 * number]:
                    del self._blocks[index]

    def own_octets(self, offset: int, octets: int) -> bytes:
        """Octets of this KME's half that were taken."""
        return self._read(self.own, offset, octets)

    def peer_octets(self, offset: int, octets: int) -> bytes:
        """Octets of the peer's half that may be granted."""
        return self._read(1 - self.own, offset, octets)

    def _read(self, half: int, offset: int, octets: int) -> bytes:
        number, start = divmod(offset, self.block_octets)
        piece = self._block(2 * number + half)[start : start + octets]
        while len(piece) < octets:
            number += 1
            piece += self._block(2 * number + half)[: octets - len(piece)]
        return piece

    def _block(self, index: int) -> bytes:
        block = self._blocks.get(index)
        if block is None:
            rows = self._database.read("SELECT sealed FROM block WHERE link = ? AND position = ?", self.number, index)
            block = self._vault.unseal(cast(bytes, rows[0][0]), self._label(index))
            while len(self._blocks) >= _CACHED_BLOCKS:
                del self._blocks[next(iter(self._blocks))]
            self._blocks[index] = block
        return block

    def _label(self, index: int) -> bytes:
        return f"block {index} of {self.link_id}".encode()
