"""The end of a link that stores first: says what it holds, and takes in what the leader proposes."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence

from qkd.reference.v1.kme_peer_pb2 import (
    Ask,
    Drop,
    Fetch,
    HeldPart,
    Holding,
    Offer,
    OfferResult,
    PeerMessage,
    Skip,
)
from qkd.reference.v1.kme_peer_pb2 import PartName as WireName
from vendors.reference.link import SourceError
from vendors.reference.vault import DamagedError

from .composition import PartName, from_wire, to_wire
from .intake import Intake, PolicyError
from .parts import Part, PartsMissingError

_log = logging.getLogger(__name__)
BLOCKS_AT_A_TIME = 64

Send = Callable[[PeerMessage], None]


class Follower:
    """Answers the leader. Belongs to one event loop."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._send: Send | None = None
        self._new: dict[str, list[Part]] = {}
        self._fetchers: dict[str, Callable[[Sequence[bytes]], None]] = {}
        self._droppers: dict[str, Callable[[Sequence[PartName]], None]] = {}
        intake.on_parts = self._came
        intake.on_reading = self._tell

    def fetches(
        self, source_id: str, fetch: Callable[[Sequence[bytes]], None], forget: Callable[[Sequence[PartName]], None]
    ) -> None:
        """A source has to be asked for the blocks that the leader names (`fetch`), or has given up (`forget`)."""
        self._fetchers[source_id] = fetch
        self._droppers[source_id] = forget

    def joined(self, source_id: str) -> None:
        """The link has another source."""
        self._tell(source_id, self._intake.parts.waiting[source_id].values())

    def left(self, source_id: str) -> None:
        """A source is retired: it is asked for nothing more."""
        self._fetchers.pop(source_id, None)
        self._droppers.pop(source_id, None)

    def opened(self, send: Send) -> None:
        """The leader has dialled: it is told everything."""
        self._send = send
        self._new.clear()
        for source_id, parts in self._intake.parts.waiting.items():
            self._tell(source_id, parts.values())

    def lost(self, send: Send) -> None:
        """A connection is gone."""
        if self._send == send:
            self._send = None

    def tick(self) -> None:
        """Looks at the time."""
        intake = self._intake
        for source_id, source in intake.sources.items():
            intake.look_for_silence(source_id, intake.parts.pending[source_id], expected=source.wanted.is_set())

    def received(self, message: PeerMessage) -> None:
        """What the leader says."""
        link_id = self._intake.link.link_id
        if message.HasField("offer") and message.offer.link_id == link_id:
            self._answer(self._offered(message.offer))
        elif message.HasField("skip") and message.skip.link_id == link_id:
            self._answer(self._skip(message.skip))
        elif message.HasField("drop") and message.drop.link_id == link_id:
            self._drop(message.drop)
        elif message.HasField("fetch") and message.fetch.link_id == link_id:
            self._fetch(message.fetch)
        elif message.HasField("ask") and message.ask.link_id == link_id:
            self._asked(message.ask)

    # -- what is here --------------------------------------------------------------------------------

    def _came(self, source_id: str, parts: Sequence[Part]) -> None:
        """Tells the leader once in a turn of the loop."""
        if self._send is None:
            return
        if not self._new:
            asyncio.get_running_loop().call_soon(self._tell_new)
        self._new.setdefault(source_id, []).extend(parts)

    def _tell_new(self) -> None:
        new, self._new = self._new, {}
        for source_id, parts in new.items():
            self._tell(source_id, parts)

    def _tell(self, source_id: str, parts: Iterable[Part] = ()) -> None:
        if self._send is None:
            return
        holding = Holding(
            link_id=self._intake.link.link_id,
            source_id=source_id,
            parts=[
                HeldPart(block_id=part.name.block_id, piece=part.name.piece, octets=part.octets)
                for part in parts
                if part.left  # it may have been used in the meantime
            ],
            reading=self._intake.sources[source_id].wanted.is_set(),
        )
        self._send(PeerMessage(holding=holding))

    # -- what is to be done --------------------------------------------------------------------------

    def _answer(self, result: OfferResult) -> None:
        if self._send is not None:
            self._send(PeerMessage(offer_result=result))

    def _result(self, refusal: str = "") -> OfferResult:
        link = self._intake.link
        return OfferResult(link_id=link.link_id, held_blocks=link.held, refusal=refusal)

    def _offered(self, offer: Offer) -> OfferResult:
        link = self._intake.link
        if offer.first_index < link.held:
            result = self._result("those blocks are made already")
            made = self._intake.provenance.blocks(link.number, offer.first_index, BLOCKS_AT_A_TIME)
            result.blocks.extend(to_wire(made))
            return result
        if offer.first_index > link.held:
            return self._result("there are blocks before those")
        if not offer.blocks:
            return self._result()
        try:
            self._intake.take_in(from_wire(offer.blocks), offer.block_octets)
        except PartsMissingError as error:
            result = self._result(str(error))
            result.missing.extend(
                WireName(source_id=name.source_id, block_id=name.block_id, piece=name.piece) for name in error.names
            )
            return result
        except (PolicyError, SourceError) as error:
            _log.error("blocks of link %s are refused: %s", link.link_id, error)
            return self._result(str(error))
        except (sqlite3.Error, DamagedError) as error:
            _log.error("blocks of link %s cannot be stored: %s", link.link_id, type(error).__name__)
            return self._result("the store fails")
        return self._result()

    def _skip(self, skip: Skip) -> OfferResult:
        try:
            self._intake.link.skip(skip.index, skip.block_octets)
        except (SourceError, sqlite3.Error) as error:
            _log.error("link %s: %s", self._intake.link.link_id, error)
            return self._result("it cannot be")
        return self._result()

    def _drop(self, drop: Drop) -> None:
        names = [PartName(name.source_id, name.block_id, name.piece) for name in drop.parts]
        for forget in self._droppers.values():
            forget(names)
        self._intake.drop(names)

    def _asked(self, ask: Ask) -> None:
        if ask.source_id in self._intake.sources:
            self.joined(ask.source_id)

    def _fetch(self, fetch: Fetch) -> None:
        fetcher = self._fetchers.get(fetch.source_id)
        if fetcher is not None:
            parts = self._intake.parts
            fetcher([block_id for block_id in fetch.block_ids if not parts.knows(fetch.source_id, block_id)])
