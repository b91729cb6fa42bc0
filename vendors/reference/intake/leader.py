"""The end of a link that proposes: knows what both ends have, chooses, and adopts what the follower has made."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence

from qkd.reference.v1.kme_peer_pb2 import Ask, Drop, Fetch, Holding, Offer, OfferResult, PeerMessage, Skip
from qkd.reference.v1.kme_peer_pb2 import PartName as WireName
from vendors.reference.link import SourceError
from vendors.reference.source import SourceKind
from vendors.reference.vault import DamagedError

from .choice import choose
from .composition import Composition, PartName, from_wire, to_wire
from .follower import BLOCKS_AT_A_TIME, Send
from .intake import Intake, PolicyError
from .parts import Part, PartsMissingError
from .shared import Shared

_log = logging.getLogger(__name__)
_REFUSED_S = 1.0
_LATE_S = 2.0


class Leader:
    """Leads one link. At any time at most one Offer or Skip waits for its answer. Belongs to one event loop."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._send: Send | None = None
        self._hang_up: Callable[[], None] = lambda: None
        self._shared = {source_id: Shared(source_id, intake) for source_id in intake.sources}
        self._offered: Sequence[Composition] | None = None  # on the way; empty = a question or a Skip
        self._skipping = 0  # the index of a Skip that is on the way
        self._agreed = False  # on this connection, that both ends hold the same blocks
        self._due = False
        self._not_before = float("-inf")
        self._ticked = intake.clock.steady()
        intake.on_parts = self._came
        intake.on_reading = self._reading
        intake.link.on_wanted = self.hurry

    # -- sources come and go -------------------------------------------------------------------------

    def joined(self, source_id: str) -> None:
        """The link has another source, or one that was retired is back."""
        if source_id in self._shared:
            self._shared[source_id].restart()
            return
        shared = self._shared[source_id] = Shared(source_id, self._intake)
        shared.connected()
        if self._send is not None:
            self._send(PeerMessage(ask=Ask(link_id=self._link_id, source_id=source_id)))

    def left(self, source_id: str) -> None:
        """A source is retired."""
        self.hurry()

    def _reading(self, source_id: str) -> None:
        shared = self._shared.get(source_id)
        if shared is not None:
            shared.restart()

    # -- the connection ------------------------------------------------------------------------------

    def opened(self, send: Send, hang_up: Callable[[], None]) -> None:
        """The follower is there, and is asked where it is."""
        self._send, self._hang_up = send, hang_up
        self._agreed, self._offered, self._skipping = False, None, 0
        for shared in self._shared.values():
            shared.connected()
        self._offer(self._intake.link.held, [])

    def lost(self) -> None:
        """The follower is gone."""
        self._send = None
        self._agreed, self._offered = False, None

    def received(self, message: PeerMessage) -> None:
        """What the follower says."""
        link_id = self._intake.link.link_id
        if message.HasField("holding") and message.holding.link_id == link_id:
            self._told(message.holding)
        elif message.HasField("offer_result") and message.offer_result.link_id == link_id:
            try:
                self._answered(message.offer_result)
            except (sqlite3.Error, DamagedError) as error:
                _log.error("blocks of link %s cannot be stored: %s", link_id, type(error).__name__)
                self._hang_up()

    # -- what there is -------------------------------------------------------------------------------

    def _came(self, source_id: str, parts: Sequence[Part]) -> None:
        shared = self._shared[source_id]
        shared.mine(part.name for part in parts)
        self._fetch(source_id, [part.name.block_id for part in parts])
        self.hurry()

    def _told(self, holding: Holding) -> None:
        shared = self._shared.get(holding.source_id)
        if shared is None:
            return
        first = not shared.told
        gone = shared.theirs(holding)
        if gone:
            self._drop(gone)
        if first:
            self._fetch(holding.source_id, [name.block_id for name in shared.only_mine])
        self.hurry()

    def _fetch(self, source_id: str, block_ids: Sequence[bytes]) -> None:
        source = self._intake.sources[source_id]
        pulled = source.address.kind == SourceKind.ETSI014 and source.retired is None
        if pulled and block_ids and self._send is not None and self._shared[source_id].told:
            fetch = Fetch(link_id=self._intake.link.link_id, source_id=source_id, block_ids=dict.fromkeys(block_ids))
            self._send(PeerMessage(fetch=fetch))

    def _drop(self, names: Sequence[PartName]) -> None:
        """Both ends forget parts; this one first, so that it knows after a restart."""
        try:
            self._intake.drop(names)
        except sqlite3.Error as error:
            _log.error("parts of link %s cannot be dropped: %s", self._intake.link.link_id, type(error).__name__)
            return
        for name in names:
            self._shared[name.source_id].forget(name)
        if self._send is not None:
            parts = [WireName(source_id=name.source_id, block_id=name.block_id, piece=name.piece) for name in names]
            self._send(PeerMessage(drop=Drop(link_id=self._intake.link.link_id, parts=parts)))

    def tick(self) -> None:
        """Looks at the time: what is overdue, who is silent; and goes on."""
        last, self._ticked = self._ticked, self._intake.clock.steady()
        if self._ticked - last > _LATE_S:  # this process did not run: what came meanwhile was not even read
            for shared in self._shared.values():
                shared.restart()
        overdue: list[PartName] = []
        for source_id, shared in self._shared.items():
            expected = self._agreed and self._intake.sources[source_id].wanted.is_set() and shared.reading
            self._intake.look_for_silence(source_id, shared.octets, expected=expected)
            if self._agreed:
                overdue += shared.overdue() or self._useless(source_id)
        if overdue:
            self._drop(overdue)
        self._advance()

    def _useless(self, source_id: str) -> list[PartName]:
        """What is left of a retired source where the policy wants a strand of every source."""
        intake = self._intake
        retired = intake.sources[source_id].retired
        if not intake.strict or retired is None:
            return []
        late = intake.clock.steady() - retired > intake.settings.part_patience_s
        return list(intake.parts.waiting[source_id]) if late else []

    # -- what becomes of it --------------------------------------------------------------------------

    def hurry(self) -> None:
        """Proposes blocks soon, when there is something to propose."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._advance)

    def _advance(self) -> None:
        self._due = False
        intake = self._intake
        if not self._agreed or self._offered is not None or not intake.link.wanted.is_set():
            return
        if intake.clock.steady() < self._not_before:
            return
        octets = intake.block_octets
        unused = intake.retired if intake.strict else ()
        shelves = {source_id: shared.shelf() for source_id, shared in self._shared.items() if source_id not in unused}
        silent = [source_id for source_id, source in intake.sources.items() if source.silent]
        blocks: list[Composition] = []
        wanted = min(BLOCKS_AT_A_TIME, max(1, 2 * intake.link.lacking // octets))
        while len(blocks) < wanted and (block := choose(intake.combining, shelves, octets, silent)):
            blocks.append(block)
        if blocks:
            self._offer(intake.link.held, blocks)

    def _offer(self, first_index: int, blocks: Sequence[Composition]) -> None:
        if self._send is not None:
            self._offered = blocks
            offer = Offer(
                link_id=self._intake.link.link_id,
                first_index=first_index,
                blocks=to_wire(blocks),
                block_octets=self._intake.block_octets,
            )
            self._send(PeerMessage(offer=offer))

    def _answered(self, result: OfferResult) -> None:
        """The follower's blocks are what counts: takes in what it has and this end has not."""
        link, offered = self._intake.link, self._offered
        self._offered = None
        if self._skipping:
            self._skipped(result)
        elif not result.refusal and offered and result.held_blocks == link.held + len(offered):
            self._adopt(offered, result.held_blocks)
        elif result.held_blocks > link.held:
            self._adopt(from_wire(result.blocks), result.held_blocks)
        elif result.held_blocks < link.held:
            self._bring_back(result, refused=bool(offered) and bool(result.refusal))
        else:
            self._agreed = True
            if result.refusal:
                self._refused(result)
        self._advance()

    def _adopt(self, blocks: Sequence[Composition], held: int) -> None:
        try:
            if blocks:
                self._intake.take_in(blocks, self._intake.block_octets)
        except (PartsMissingError, PolicyError, SourceError) as error:
            _log.error("link %s: blocks of the peer cannot be made here: %s", self._intake.link.link_id, error)
            blocks = []
        for shared in self._shared.values():
            shared.sweep()
        if self._intake.link.held == held:
            self._agreed = True
        elif blocks:
            self._offer(self._intake.link.held, [])  # and the following ones?
        else:
            self._skip_to(held)

    def _bring_back(self, result: OfferResult, *, refused: bool) -> None:
        """The follower has lost blocks that this end has: it is told how they were made."""
        link = self._intake.link
        count = min(BLOCKS_AT_A_TIME, link.held - result.held_blocks)
        blocks = self._intake.provenance.blocks(link.number, result.held_blocks, count)
        if refused or not blocks:
            self._skip_to(link.held)
        else:
            self._offer(result.held_blocks, blocks)

    def _skip_to(self, index: int) -> None:
        _log.error("link %s: the ends hold different blocks; those before %d are burned", self._link_id, index)
        self._agreed = False
        if self._send is not None:
            self._offered, self._skipping = [], index
            skip = Skip(link_id=self._link_id, index=index, block_octets=self._intake.block_octets)
            self._send(PeerMessage(skip=skip))

    def _skipped(self, result: OfferResult) -> None:
        index, self._skipping = self._skipping, 0
        if result.refusal or result.held_blocks != index:
            self._hang_up()
            return
        try:
            self._intake.link.skip(index, self._intake.block_octets)
        except SourceError as error:
            _log.error("%s", error)
            self._hang_up()
            return
        self._agreed = True

    def _refused(self, result: OfferResult) -> None:
        """Nothing was stored. What is missing there is not shared; anything else is tried again later."""
        for name in result.missing:
            shared = self._shared.get(name.source_id)
            if shared is not None:
                shared.not_theirs(PartName(name.source_id, name.block_id, name.piece))
        if not result.missing:
            _log.error("link %s: the peer refuses blocks: %s", self._link_id, result.refusal)
            self._not_before = self._intake.clock.steady() + _REFUSED_S

    @property
    def _link_id(self) -> str:
        return self._intake.link.link_id
