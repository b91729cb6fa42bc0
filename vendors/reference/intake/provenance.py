"""Where the bits of a key came from: which blocks of which module, made when. Never the bits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

from qkd.reference.v1 import kme_peer_pb2 as wire
from vendors.reference.clock import Clock
from vendors.reference.database import Database

from .composition import Composition, from_wire, to_wire


class Origin(NamedTuple):
    """A block of a source that has bits in a key.

    Attributes:
        block_id: in hexadecimal.
        time_s: when the module made it, seconds; 0 = it did not say.
        relays: KME IDs of the nodes that have seen it, or a share of it.
    """

    source_id: str
    maker: str
    module_id: str
    block_id: str
    time_s: float
    relays: tuple[str, ...]


class BlockOrigin(NamedTuple):
    """A block of a link that has bits in a key, and what it was made of."""

    link_id: str
    position: int
    parts: tuple[Origin, ...]


class Place(NamedTuple):
    """Octets of a link that became a key."""

    key_id: bytes
    link: int
    half: int
    first: int
    octets: int


class Provenance:
    """The records of one KME. Methods that say so are to be called within a transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add_blocks(self, link: int, first_index: int, compositions: Sequence[Composition]) -> None:
        """Writes down how blocks were made. Within a transaction."""
        now = self._clock.wall()
        self._database.write(
            "INSERT OR REPLACE INTO made VALUES (?, ?, ?, ?)",
            [
                (link, index, message.SerializeToString(), now)
                for index, message in enumerate(to_wire(compositions), first_index)
            ],
        )

    def add_keys(self, places: Iterable[Place]) -> None:
        """Writes down where keys were cut. Within a transaction."""
        now = self._clock.wall()
        self._database.write(
            "INSERT OR IGNORE INTO place VALUES (?, ?, ?, ?, ?, ?)", [(*place, now) for place in places]
        )

    def blocks(self, link: int, first_index: int, count: int) -> list[Composition]:
        """How blocks were made, from an index on, as far as it is known without a gap; at most `count`."""
        rows = self._database.read(
            "SELECT position, composition FROM made WHERE link = ? AND position >= ? ORDER BY position LIMIT ?",
            link,
            first_index,
            count,
        )
        found: list[Composition] = []
        for position, composition in cast(list[tuple[int, bytes]], rows):
            if position != first_index + len(found):
                break
            found += from_wire([wire.Composition.FromString(composition)])
        return found

    def of_key(self, key_id: bytes) -> list[BlockOrigin]:
        """The blocks that a key was cut from; empty = not known (any more), or its link is fed otherwise."""
        rows = self._database.read(
            "SELECT link.number, link.link_id, link.block_octets, half, first, octets "
            "FROM place JOIN link ON link.number = place.link WHERE key_id = ?",
            key_id,
        )
        found = []
        for number, link_id, block_octets, half, first, octets in cast(list[tuple[int, str, int, int, int, int]], rows):
            for count in range(first // block_octets, (first + octets - 1) // block_octets + 1):
                index = 2 * count + half
                parts = [self._origins(number, composition) for composition in self.blocks(number, index, 1)]
                found.append(BlockOrigin(link_id, index, tuple(origin for some in parts for origin in some)))
        return found

    def _origins(self, link: int, composition: Composition) -> list[Origin]:
        names = dict.fromkeys(
            (strand.source_id, one.name.block_id) for strand in composition.strands for one in strand.slices
        )
        origins = []
        for source_id, block_id in names:
            rows = self._database.read(
                "SELECT maker, module_id, time_s, relays FROM source "
                "LEFT JOIN part ON part.source = source.number AND block_id = ? AND piece = 0 "
                "WHERE link = ? AND source_id = ?",
                block_id,
                link,
                source_id,
            )
            for maker, module_id, time_s, relays in cast(list[tuple[str, str, float | None, str | None]], rows):
                nodes = tuple((relays or "").split())
                origins.append(Origin(source_id, maker, module_id, block_id.hex(), time_s or 0.0, nodes))
        return origins

    def forget(self, age_s: float) -> None:
        """Forgets what is older than `age_s` seconds; of blocks, only those that are used up."""
        before = self._clock.wall() - age_s
        with self._database.transaction():
            self._database.write("DELETE FROM place WHERE stored < ?", [(before,)])
            self._database.write(
                "DELETE FROM made WHERE stored < ? AND NOT EXISTS "
                "(SELECT 1 FROM block WHERE block.link = made.link AND block.position = made.position)",
                [(before,)],
            )
