"""All intakes of one KME, with what reads their sources and what looks at the clock for them."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vendors.reference.clock import Clock
from vendors.reference.database import Database
from vendors.reference.link import Link
from vendors.reference.settings import KmeSettings
from vendors.reference.source import SourceAddress, SourceKind
from vendors.reference.vault import Vault

from .choice import Combining
from .follower import Follower
from .intake import Intake
from .leader import Leader
from .pull014 import Master014, Slave014
from .push import Door, PushListener
from .reader import Reader
from .streams import ModuleReader, RelayReader

_log = logging.getLogger(__name__)
_TICK_S = 0.25


@dataclass(frozen=True, slots=True)
class SourceReport:
    """How one source does. Bits."""

    source_id: str
    peer_kme_id: str
    maker: str
    module_id: str
    received_bits: int
    pending_bits: int
    dropped_bits: int
    silent: bool


class Intakes:
    """One intake for each link that is not fed by a source which both ends count alike.

    Args:
        links: by the KME ID of the other end.
        sources: all sources of the KME that lead to a peer.
        waiting: those that lead to nobody until they are paired.
        combining: policies by the KME ID of the other end; ANY for the others.
        context: makes the TLS context towards modules that serve ETSI GS QKD 014.

    Attributes:
        leaders: of the links that this end leads, by the KME ID of the other end.
        followers: of the others.
        doors: of modules that push, by the name that they say.

    Raises:
        ValueError: the sources of a link, or modules that push, have not each a name of their own.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        settings: KmeSettings,
        *,
        links: Mapping[str, Link],
        sources: Sequence[SourceAddress],
        combining: Mapping[str, Combining],
        context: Callable[[], ssl.SSLContext],
        waiting: Sequence[SourceAddress] = (),
    ) -> None:
        self._database = database
        self._vault = vault
        self._settings = settings
        self._clock = clock
        self._combining = combining
        self._context = context
        self._readers: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._ended: set[asyncio.Task[None]] = set()
        self._ticker: asyncio.Task[None] | None = None
        self._push: PushListener | None = None
        self.doors: dict[str, Door] = {}
        self.intakes: dict[str, Intake] = {}
        self.leaders: dict[str, Leader] = {}
        self.followers: dict[str, Follower] = {}
        for kme_id, link in links.items():
            feeding = [s for s in sources if s.peer_kme_id == kme_id and s.kind != SourceKind.COUNTED]
            if len({source.name for source in feeding}) < len(feeding):
                raise ValueError(f"the sources of link {link.link_id} need a source_id each")
            if feeding:
                intake = self.add(kme_id, link, feeding)
                for source in feeding:
                    if source.kind == SourceKind.TCP_PUSH:
                        self._door(source.name, source).lead(intake, source.name)
        for source in waiting:
            if source.kind == SourceKind.TCP_PUSH:
                self._door(source.source_id or source.module_id, source)

    def _door(self, name: str, source: SourceAddress) -> Door:
        if name in self.doors:
            raise ValueError(f"two modules that push have the name {name}")
        door = self.doors[name] = Door(source.token)
        return door

    def add(self, kme_id: str, link: Link, sources: Sequence[SourceAddress] = ()) -> Intake:
        """The intake of one more link."""
        intake = Intake(
            self._database,
            self._vault,
            self._clock,
            self._settings,
            link=link,
            sources=sources,
            combining=self._combining.get(kme_id, Combining.ANY),
        )
        self.intakes[kme_id] = intake
        if intake.leads:
            self.leaders[kme_id] = Leader(intake)
        else:
            self.followers[kme_id] = Follower(intake)
        return intake

    # -- sources come and go -------------------------------------------------------------------------

    def pair(self, kme_id: str, source: SourceAddress, door: str = "") -> None:
        """A source feeds the link to a KME from now on; `door` is the name that a module which pushes says."""
        intake = self.intakes[kme_id]
        intake.open(source)
        role = self.leaders.get(kme_id) or self.followers[kme_id]
        role.joined(source.name)
        if source.kind == SourceKind.TCP_PUSH:
            self.doors[door].token = source.token
            self.doors[door].lead(intake, source.name)
        if self._ticker is not None:
            self._read(kme_id, intake, source)

    def unpair(self, kme_id: str, source_id: str, door: str = "") -> None:
        """A source gives no more to that link."""
        self._end(kme_id, source_id)
        intake = self.intakes[kme_id]
        intake.retire(source_id)
        if door in self.doors and self.doors[door].intake is intake:
            self.doors[door].lead(None)
        (self.leaders.get(kme_id) or self.followers[kme_id]).left(source_id)

    def move(self, kme_id: str, source: SourceAddress) -> None:
        """A source answers elsewhere; nothing happens when it does not."""
        intake = self.intakes[kme_id]
        state = intake.sources[source.name]
        if state.address == source:
            return
        state.address = source
        if source.name in self.doors:
            self.doors[source.name].token = source.token
        if self._end(kme_id, source.name):
            self._read(kme_id, intake, source)

    # -- reading -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins to read."""
        self._ticker = asyncio.create_task(self._tick())
        for kme_id, intake in self.intakes.items():
            for source in intake.sources.values():
                if source.retired is None:
                    self._read(kme_id, intake, source.address)

    def _end(self, kme_id: str, source_id: str) -> bool:
        """Ends the reader of a source; says whether there was one."""
        reader = self._readers.pop((kme_id, source_id), None)
        if reader is None:
            return False
        reader.cancel()
        self._ended.add(reader)
        reader.add_done_callback(self._ended.discard)
        return True

    def _read(self, kme_id: str, intake: Intake, source: SourceAddress) -> None:
        reader = self._reader(kme_id, intake, source)
        if reader is not None:
            self._readers[kme_id, source.name] = asyncio.create_task(reader.run())

    async def listen(self, host: str, port: int) -> int:
        """Listens for modules that push; says on which port.

        Raises:
            OSError: the port is taken.
        """
        self._push = PushListener(self.doors)
        return await self._push.start(host, port)

    def _reader(self, kme_id: str, intake: Intake, source: SourceAddress) -> Reader | None:
        match source.kind:
            case SourceKind.MODULE_STREAM:
                return ModuleReader(intake, source)
            case SourceKind.RELAY:
                return RelayReader(intake, source)
            case SourceKind.ETSI014 if intake.leads:
                return Master014(intake, source, self._context)
            case SourceKind.ETSI014:
                slave = Slave014(intake, source, self._context)
                self.followers[kme_id].fetches(source.name, slave.fetch, slave.forget)
                return slave
        return None

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self.tick()

    def tick(self) -> None:
        """Looks at the time, for every link."""
        roles: list[Leader | Follower] = [*self.leaders.values(), *self.followers.values()]
        for role in roles:
            try:
                role.tick()
            except sqlite3.Error as error:
                _log.error("the store fails: %s", type(error).__name__)

    def forget(self) -> None:
        """Forgets where keys came from, and which blocks were here, after their time."""
        for intake in self.intakes.values():
            intake.provenance.forget(self._settings.provenance_s)
            intake.parts.forget(self._settings.provenance_s)
            break  # the tables are those of all links

    async def stop(self) -> None:
        """Reads no more."""
        tasks = {*self._readers.values(), *self._ended, *([self._ticker] if self._ticker else [])}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._push is not None:
            await self._push.stop()

    def report(self) -> list[SourceReport]:
        """How all sources do."""
        reports = []
        for kme_id, intake in self.intakes.items():
            for source_id, source in intake.sources.items():
                taken, dropped = intake.parts.counted(source_id)
                address = source.address
                reports.append(
                    SourceReport(
                        source_id,
                        kme_id,
                        address.maker,
                        address.module_id,
                        8 * taken,
                        8 * intake.parts.pending[source_id],
                        8 * dropped,
                        source.silent or source.left_out,
                    )
                )
        return reports
