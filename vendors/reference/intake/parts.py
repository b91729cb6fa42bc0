"""What sources have given and the link does not have yet: parts, sealed in the store until they are used.

A source destroys its copy of a block when it is told that the block is stored; so `put` returns after the
commit. What is used or dropped leaves its name behind: a block that comes again is not taken again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from vendors.reference.clock import Clock
from vendors.reference.database import Database
from vendors.reference.source import SourceAddress
from vendors.reference.vault import Vault

from .composition import Composition, PartName, Slice, combined

PIECE_OCTETS = 4096
BLOCK_ID_OCTETS = 16


class PartsMissingError(Exception):
    """Parts that a composition names are not here, or not as it says. Holds their names."""

    def __init__(self, names: Iterable[PartName]) -> None:
        self.names = list(dict.fromkeys(names))
        super().__init__(f"{len(self.names)} parts are not here")


class NewBlock(NamedTuple):
    """A block as a source gives it.

    Attributes:
        block_id: 16 octets, the same at both ends.
        octets: the bits.
        time_s: when the module made it, seconds; 0 = it does not say.
        relays: KME IDs of the nodes that have seen it.
    """

    block_id: bytes
    octets: bytes
    time_s: float = 0.0
    relays: Sequence[str] = ()

    def __repr__(self) -> str:
        return f"NewBlock({self.block_id.hex()}, {len(self.octets)} octets)"


@dataclass(slots=True, eq=False)
class Part:
    """One part that waits.

    Attributes:
        number: of its row.
        octets: its length.
        used: so many octets from its beginning are in the link already.
        rest: those that are not, in clear; None = to be read.
    """

    number: int
    name: PartName
    octets: int
    used: int
    rest: bytes | None = field(repr=False, default=None)

    @property
    def left(self) -> int:
        """Octets that are not in the link yet."""
        return self.octets - self.used


class Plan(NamedTuple):
    """What becomes of the parts of some compositions, worked out and not yet done."""

    blocks: list[bytes]
    used: dict[Part, int]

    def __repr__(self) -> str:
        return f"Plan({len(self.blocks)} blocks)"


class PartStore:
    """The parts of one link.

    Args:
        link: number of the link in the store.
        sources: those that feed it.

    Attributes:
        waiting: by source ID and name, in the order in which they came.
        pending: their octets that are not used, by source ID.
    """

    def __init__(
        self, database: Database, vault: Vault, clock: Clock, link: int, sources: Sequence[SourceAddress]
    ) -> None:
        """Goes on where the store left off."""
        self._database = database
        self._vault = vault
        self._clock = clock
        self._link = link
        self._numbers: dict[str, int] = {}
        self.waiting: dict[str, dict[PartName, Part]] = {}
        self.pending: dict[str, int] = {}
        for source in sources:
            self.open(source)

    def open(self, source: SourceAddress) -> None:
        """A source that feeds the link from now on, with what an earlier life of the store has left of it."""
        with self._database.transaction():
            self._database.write(
                "INSERT INTO source (link, source_id, maker, module_id) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET maker = excluded.maker, module_id = excluded.module_id",
                [(self._link, source.name, source.maker, source.module_id)],
            )
        rows = self._database.read(
            "SELECT number FROM source WHERE link = ? AND source_id = ?", self._link, source.name
        )
        if source.name in self._numbers:
            return
        number = self._numbers[source.name] = cast(int, rows[0][0])
        rows = self._database.read(
            "SELECT number, block_id, piece, octets, used FROM part WHERE source = ? AND gone IS NULL ORDER BY number",
            number,
        )
        parts = [
            Part(number, PartName(source.name, block_id, piece), octets, used)
            for number, block_id, piece, octets, used in cast(list[tuple[int, bytes, int, int, int]], rows)
        ]
        self.waiting[source.name] = {part.name: part for part in parts}
        self.pending[source.name] = sum(part.left for part in parts)

    # -- in ------------------------------------------------------------------------------------------

    def put(self, source_id: str, blocks: Iterable[NewBlock]) -> list[Part]:
        """Stores blocks; says which parts are new. Those that were here before, from whatever source, are passed over.

        Raises:
            ValueError: a block is empty, or its ID has not 16 octets.
            KeyError: no such source.
        """
        source = self._numbers[source_id]
        new: list[Part] = []
        with self._database.transaction():
            for block in blocks:
                if len(block.block_id) != BLOCK_ID_OCTETS or not block.octets:
                    raise ValueError(f"source {source_id}: a block has 16 octets of ID, and at least one of its own")
                if self._came_before(source, block.block_id):
                    continue
                for piece, start in enumerate(range(0, len(block.octets), PIECE_OCTETS)):
                    octets = block.octets[start : start + PIECE_OCTETS]
                    part = self._insert(source, PartName(source_id, block.block_id, piece), octets, block)
                    if part is not None:
                        new.append(part)
        waiting = self.waiting[source_id]
        waiting.update((part.name, part) for part in new)
        self.pending[source_id] += sum(part.octets for part in new)
        return new

    def _came_before(self, source: int, block_id: bytes) -> bool:
        """Whether the module has given this block under another source ID: before it was paired anew, say."""
        return bool(
            self._database.read(
                "SELECT 1 FROM part JOIN source AS other ON other.number = part.source "
                "JOIN source AS this ON this.number = ? AND this.module_id = other.module_id AND this.module_id <> '' "
                "WHERE block_id = ? AND other.number <> this.number",
                source,
                block_id,
            )
        )

    def _insert(self, source: int, name: PartName, octets: bytes, block: NewBlock) -> Part | None:
        row = (source, name.block_id, name.piece, len(octets), self._seal(name, 0, octets), block.time_s)
        numbers = self._database.read(
            "INSERT INTO part (source, block_id, piece, octets, used, sealed, time_s, relays) "
            "VALUES (?, ?, ?, ?, 0, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING number",
            *row,
            " ".join(block.relays),
        )
        if numbers:
            return Part(cast(int, numbers[0][0]), name, len(octets), 0, octets)
        late = self._database.write(  # it was dropped before it came
            "UPDATE part SET octets = ?, used = 0 WHERE source = ? AND block_id = ? AND piece = ? "
            "AND gone IS NOT NULL AND octets = 0",
            [(len(octets), source, name.block_id, name.piece)],
        )
        self._add_dropped(source, late * len(octets))
        return None

    # -- into the link -------------------------------------------------------------------------------

    def plan(self, compositions: Iterable[Composition]) -> Plan:
        """Makes the blocks; changes nothing.

        Raises:
            PartsMissingError: parts are not here, or used up to another place.
            DamagedError: the store does not open.
        """
        used: dict[Part, int] = {}
        missing: list[PartName] = []
        blocks: list[bytes] = []
        for composition in compositions:
            strands: list[bytes] = []
            for strand in composition.strands:
                octets = b""
                for one in strand.slices:
                    part = self.waiting.get(strand.source_id, {}).get(one.name)
                    if part is None or not _fits(part, one, used.get(part, part.used)):
                        missing.append(one.name)
                        continue
                    start = one.first - part.used
                    octets += self._rest(part)[start : start + one.octets]
                    used[part] = one.first + one.octets
                strands.append(octets)
            if not missing:
                blocks.append(combined(strands))
        if missing:
            raise PartsMissingError(missing)
        return Plan(blocks, used)

    def write(self, plan: Plan) -> None:
        """Writes down that the parts of a plan are used. Within the transaction that stores the blocks."""
        now = self._clock.wall()
        for part, used in plan.used.items():
            source = self._numbers[part.name.source_id]
            self._database.write("UPDATE source SET taken = taken + ? WHERE number = ?", [(used - part.used, source)])
            if used == part.octets:
                self._database.write(
                    "UPDATE part SET used = ?, sealed = NULL, gone = ? WHERE number = ?", [(used, now, part.number)]
                )
            else:
                rest = self._rest(part)[used - part.used :]
                sealed = self._seal(part.name, used, rest)
                self._database.write(
                    "UPDATE part SET used = ?, sealed = ? WHERE number = ?", [(used, sealed, part.number)]
                )

    def done(self, plan: Plan) -> None:
        """The transaction is committed."""
        for part, used in plan.used.items():
            part.rest = self._rest(part)[used - part.used :] if used < part.octets else b""
            self.pending[part.name.source_id] -= used - part.used
            part.used = used
            if not part.left:
                del self.waiting[part.name.source_id][part.name]

    # -- out -----------------------------------------------------------------------------------------

    def drop(self, names: Iterable[PartName]) -> int:
        """Forgets parts, also such as have not come yet; says how many octets were here."""
        dropped: list[Part] = []
        now = self._clock.wall()
        with self._database.transaction():
            for name in names:
                source = self._numbers.get(name.source_id)
                if source is None:
                    continue
                part = self.waiting[name.source_id].get(name)
                if part is None:
                    self._database.write(
                        "INSERT INTO part VALUES (NULL, ?, ?, ?, 0, 0, NULL, 0, '', ?) ON CONFLICT DO NOTHING",
                        [(source, name.block_id, name.piece, now)],
                    )
                    continue
                dropped.append(part)
                self._add_dropped(source, part.left)
                self._database.write("UPDATE part SET sealed = NULL, gone = ? WHERE number = ?", [(now, part.number)])
        for part in dropped:
            self.waiting[part.name.source_id].pop(part.name, None)
            self.pending[part.name.source_id] -= part.left
        return sum(part.left for part in dropped)

    def is_gone(self, name: PartName) -> bool:
        """Whether it was used or dropped."""
        rows = self._database.read(
            "SELECT 1 FROM part WHERE source = ? AND block_id = ? AND piece = ? AND gone IS NOT NULL",
            self._numbers.get(name.source_id),
            name.block_id,
            name.piece,
        )
        return bool(rows)

    def knows(self, source_id: str, block_id: bytes) -> bool:
        """Whether a block was ever here."""
        return bool(
            self._database.read(
                "SELECT 1 FROM part WHERE source = ? AND block_id = ?", self._numbers[source_id], block_id
            )
        )

    def counted(self, source_id: str) -> tuple[int, int]:
        """Octets of a source that went into the link, and that were dropped."""
        rows = self._database.read("SELECT taken, dropped FROM source WHERE number = ?", self._numbers[source_id])
        return cast(tuple[int, int], rows[0])

    def forget(self, age_s: float) -> None:
        """Forgets the names of parts that have been gone for longer than `age_s` seconds."""
        with self._database.transaction():
            self._database.write("DELETE FROM part WHERE gone < ?", [(self._clock.wall() - age_s,)])

    def _add_dropped(self, source: int, octets: int) -> None:
        self._database.write("UPDATE source SET dropped = dropped + ? WHERE number = ?", [(octets, source)])

    def _rest(self, part: Part) -> bytes:
        if part.rest is None:
            rows = self._database.read("SELECT sealed FROM part WHERE number = ?", part.number)
            part.rest = self._vault.unseal(cast(bytes, rows[0][0]), self._label(part.name, part.used))
        return part.rest

    def _seal(self, name: PartName, used: int, octets: bytes) -> bytes:
        return self._vault.seal(octets, self._label(name, used))

    def _label(self, name: PartName, used: int) -> bytes:
        return f"part of {self._link} from {used}: {name}".encode()


def _fits(part: Part, one: Slice, used: int) -> bool:
    """Whether a slice is the next octets of the part."""
    return one.octets > 0 and one.first == used and one.first + one.octets <= part.octets
