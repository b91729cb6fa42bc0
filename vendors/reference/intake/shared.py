"""What the leader knows of one source: which parts both ends have, and which only one."""

from __future__ import annotations

from collections.abc import Iterable

from qkd.reference.v1.kme_peer_pb2 import Holding

from .choice import Shelf
from .composition import PartName
from .intake import Intake

_USELESS = float("-inf")


class Shared:
    """The parts of one source at both ends.

    Attributes:
        told: whether the follower has said on this connection what it holds.
        reading: whether the follower reads the source.
        only_mine: parts that the follower has not (yet), and since when this end waits for it.
    """

    def __init__(self, source_id: str, intake: Intake) -> None:
        self._source_id = source_id
        self._intake = intake
        self._both: dict[PartName, None] = {}  # in the order in which they became so
        self._only_theirs: dict[PartName, tuple[int, float]] = {}  # length, and since when
        self.only_mine: dict[PartName, float] = {}
        self.told = False
        self.reading = True

    @property
    def octets(self) -> int:
        """Not used octets of the parts that both ends have, counted up to a block: asked often, of many parts."""
        waiting, enough = self._intake.parts.waiting[self._source_id], self._intake.block_octets
        counted = 0
        for name in self._both:
            if name in waiting:
                counted += waiting[name].left
                if counted >= enough:
                    break
        return counted

    def shelf(self) -> Shelf:
        """What can be made into blocks."""
        waiting = self._intake.parts.waiting[self._source_id]
        return Shelf(self._source_id, (waiting[name] for name in self._both))

    def connected(self) -> None:
        """A new connection: the follower will say what it holds."""
        now = self._intake.clock.steady()
        self.told = False
        self._both.clear()
        self._only_theirs.clear()
        self.only_mine = dict.fromkeys(self._intake.parts.waiting[self._source_id], now)

    def mine(self, names: Iterable[PartName]) -> None:
        """Parts have come here."""
        now = self._intake.clock.steady()
        for name in names:
            if name in self._only_theirs:
                self._pair(name, self._only_theirs.pop(name)[0])
            else:
                self.only_mine[name] = now

    def theirs(self, holding: Holding) -> list[PartName]:
        """Parts have come there; says which of them are gone here."""
        now = self._intake.clock.steady()
        if holding.reading != self.reading or not self.told:
            self.reading = holding.reading
            self.restart()
        self.told = True
        gone = []
        for held in holding.parts:
            name = PartName(self._source_id, held.block_id, held.piece)
            if self.only_mine.pop(name, None) is not None:
                self._pair(name, held.octets)
            elif name not in self._both:
                if self._intake.parts.is_gone(name):
                    gone.append(name)
                else:
                    self._only_theirs[name] = (held.octets, now)
        return gone

    def _pair(self, name: PartName, octets: int) -> None:
        if self._intake.parts.waiting[self._source_id][name].octets == octets:
            self._both[name] = None
            self._intake.hear(self._source_id)
        else:  # a source that does not keep its contract; its parts are useless, and overdue at once
            self.only_mine[name] = _USELESS

    def not_theirs(self, name: PartName) -> None:
        """The follower lacks a part that it was thought to have."""
        if name in self._both:
            del self._both[name]
            self.only_mine[name] = self._intake.clock.steady()

    def forget(self, name: PartName) -> None:
        """A part is dropped."""
        self._both.pop(name, None)
        self.only_mine.pop(name, None)
        self._only_theirs.pop(name, None)

    def sweep(self) -> None:
        """Parts were used."""
        waiting = self._intake.parts.waiting[self._source_id]
        for name in [name for name in self._both if name not in waiting]:
            del self._both[name]
        for name in [name for name in self.only_mine if name not in waiting]:
            del self.only_mine[name]

    def restart(self) -> None:
        """Patience begins anew, as one end has begun or ceased to read the source."""
        now = self._intake.clock.steady()
        self._intake.hear(self._source_id)
        self.only_mine = {name: since if since == _USELESS else now for name, since in self.only_mine.items()}
        self._only_theirs = {name: (octets, now) for name, (octets, _) in self._only_theirs.items()}

    def overdue(self) -> list[PartName]:
        """Parts that one end has waited for in vain for longer than the patience.

        While there are blocks to be made, an end that is full is not late: it reads on when they are made.
        """
        if not self.told:
            return []
        before = self._intake.clock.steady() - self._intake.settings.part_patience_s
        starved = self.octets < self._intake.block_octets
        names = []
        if starved or self.reading:
            names += [name for name, since in self.only_mine.items() if since < before]
        if starved or self._intake.sources[self._source_id].wanted.is_set():
            names += [name for name, (_, since) in self._only_theirs.items() if since < before]
        return names
