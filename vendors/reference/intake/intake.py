"""The intake of one link: what its sources put, and how that gets into the link."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from vendors.reference.clock import Clock
from vendors.reference.database import Database
from vendors.reference.link import Link, SourceError
from vendors.reference.settings import KmeSettings
from vendors.reference.source import SourceAddress, SourceKind
from vendors.reference.vault import Vault

from .choice import Combining, breach
from .composition import Composition, PartName
from .parts import NewBlock, Part, PartStore
from .provenance import Provenance

_log = logging.getLogger(__name__)


class PolicyError(Exception):
    """The peer proposes what the policy of the link does not allow."""


@dataclass(slots=True)
class SourceState:
    """How one source does.

    Attributes:
        address: where it is, and what it is.
        wanted: set while it is to be read.
        heard: when something last came, or could not be expected; `Clock.steady`.
        silent: nothing has come for longer than `combining_patience_s`.
        left_out: the last block of the link was made without it, where the policy wants it.
        retired: since when it gives no more to this link, `Clock.steady`; None = it does.
    """

    address: SourceAddress
    wanted: asyncio.Event
    heard: float
    silent: bool = False
    left_out: bool = False
    retired: float | None = None


class Intake:
    """Takes blocks from the sources of one link, and puts them into the link as agreed.

    Args:
        link: the link.
        sources: those that feed it.
        combining: what becomes of them.

    Attributes:
        parts: what waits.
        sources: by source ID.
        leads: this end proposes; it has the smaller KME ID.
        on_parts: called with new parts of a source.
        on_reading: called when a source is read again, or no more.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        settings: KmeSettings,
        *,
        link: Link,
        sources: Sequence[SourceAddress],
        combining: Combining = Combining.ANY,
    ) -> None:
        """Goes on where the store left off."""
        self.link = link
        self.combining = combining
        self.clock = clock
        self.settings = settings
        self.leads = link.own == 0
        self.parts = PartStore(database, vault, clock, link.number, sources)
        self.provenance = Provenance(database, clock)
        self.sources = {source.name: SourceState(source, asyncio.Event(), clock.steady()) for source in sources}
        self.on_parts: Callable[[str, Sequence[Part]], None] = lambda _source, _parts: None
        self.on_reading: Callable[[str], None] = lambda _source: None
        for source_id in self.sources:
            self._look_at(source_id)

    @property
    def retired(self) -> list[str]:
        """Sources that give no more."""
        return [source_id for source_id, source in self.sources.items() if source.retired is not None]

    @property
    def strict(self) -> bool:
        """Whether the policy of the link wants a strand of every source: what is left of retired ones is of no use."""
        return self.combining in {Combining.ALL, Combining.ALL_ELSE_REMAINING}

    # -- sources come and go -------------------------------------------------------------------------

    def open(self, source: SourceAddress) -> None:
        """A source feeds the link from now on, or again."""
        self.parts.open(source)
        state = self.sources.get(source.name)
        if state is None:
            self.sources[source.name] = SourceState(source, asyncio.Event(), self.clock.steady())
        else:
            state.address, state.retired, state.heard = source, None, self.clock.steady()
        self._look_at(source.name)

    def retire(self, source_id: str) -> None:
        """A source gives no more. What both ends have of it still goes into the link, if its policy allows that."""
        state = self.sources[source_id]
        state.retired = self.clock.steady()
        state.left_out = False
        self._look_at(source_id)

    @property
    def block_octets(self) -> int:
        """Length of the link's blocks."""
        return self.link.block_octets or self.settings.link_block_octets

    # -- from the sources ----------------------------------------------------------------------------

    def put(self, source_id: str, blocks: Iterable[NewBlock]) -> None:
        """Stores blocks of a source; when this returns the source may destroy its own.

        Raises:
            ValueError: a block is malformed, or the source is retired; none of them is stored.
            sqlite3.Error: the store fails; none of them is stored.
        """
        if self.sources[source_id].retired is not None:
            raise ValueError(f"source {source_id} gives no more to link {self.link.link_id}")
        new = self.parts.put(source_id, blocks)
        if new and not self.leads:  # the leader hears a source when both ends have its parts
            self.hear(source_id)
        self._look_at(source_id)
        if new:
            self.on_parts(source_id, new)

    def room(self, source_id: str) -> int:
        """Octets that the source may still put before it is held back."""
        return max(0, self._most_pending(source_id) - self.parts.pending[source_id])

    def _most_pending(self, source_id: str) -> int:
        """Of a relay no more than the link is to hold: what it carries costs keys of every hop."""
        relayed = self.sources[source_id].address.kind == SourceKind.RELAY
        return (relayed and self.settings.relayed_high_water_octets) or self.settings.pending_octets

    def _look_at(self, source_id: str) -> None:
        """Has the source read, or held back, by what waits of it."""
        wanted = self.sources[source_id].wanted
        room = self.parts.pending[source_id] < max(self._most_pending(source_id), self.block_octets)
        reading = room and self.sources[source_id].retired is None
        if reading != wanted.is_set():
            if reading:
                wanted.set()
            else:
                wanted.clear()
            self.on_reading(source_id)

    # -- into the link -------------------------------------------------------------------------------

    def take_in(self, compositions: Sequence[Composition], block_octets: int) -> None:
        """Makes the next blocks of the link: they, how they were made, and what they used up, in one commit.

        Raises:
            PolicyError: the policy of the link does not allow it.
            SourceError: the link has blocks of another length.
            PartsMissingError: parts are not here.
            DamagedError: the store does not open.
            sqlite3.Error: the store fails.
        """
        for composition in compositions:
            why = breach(self.combining, self.sources, composition, self.retired)
            if why:
                raise PolicyError(why)
            if any(strand.octets != block_octets for strand in composition.strands):
                raise SourceError(f"link {self.link.link_id}: a strand is not as long as a block")
        plan = self.parts.plan(compositions)
        first = self.link.held

        def also() -> None:
            self.parts.write(plan)
            self.provenance.add_blocks(self.link.number, first, compositions)

        self.link.add_blocks(plan.blocks, also)
        self.parts.done(plan)
        self._note_left_out(compositions[-1])
        for source_id in self.sources:
            self._look_at(source_id)

    def _note_left_out(self, composition: Composition) -> None:
        if self.combining != Combining.ALL_ELSE_REMAINING:
            return
        used = {strand.source_id for strand in composition.strands}
        for source_id, source in self.sources.items():
            left_out = source_id not in used and source.retired is None
            if left_out != source.left_out:
                source.left_out = left_out
                _log.warning(
                    "link %s: keys are made %s source %s",
                    self.link.link_id,
                    "without" if left_out else "with every source again, also",
                    source_id,
                )

    def drop(self, names: Sequence[PartName]) -> None:
        """Forgets parts that the two ends do not share."""
        octets = self.parts.drop(names)
        if octets:
            _log.warning("link %s: %d octets that only one end has are dropped", self.link.link_id, octets)
        for source_id in self.sources:
            self._look_at(source_id)

    # -- how the sources do --------------------------------------------------------------------------

    def hear(self, source_id: str) -> None:
        """Something has come of a source, or could not be expected to come until now."""
        source = self.sources[source_id]
        source.heard = self.clock.steady()
        self._set_silent(source_id, source, silent=False)

    def look_for_silence(self, source_id: str, shared_octets: int, *, expected: bool) -> None:
        """Finds out whether a source has been silent for too long.

        Args:
            shared_octets: what both ends have of it, as far as known here.
            expected: whether something could have come: the peer is there, the source is read.
        """
        source, now = self.sources[source_id], self.clock.steady()
        if not expected or shared_octets >= self.block_octets:
            source.heard = now
        self._set_silent(source_id, source, silent=now - source.heard > self.settings.combining_patience_s)

    def _set_silent(self, source_id: str, source: SourceState, *, silent: bool) -> None:
        if silent != source.silent:
            source.silent = silent
            _log.warning("link %s: source %s is %s", self.link.link_id, source_id, "silent" if silent else "back")
