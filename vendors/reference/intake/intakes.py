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
from .push import PushListener
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
        sources: all sources of the KME.
        combining: policies by the KME ID of the other end; ANY for the others.
        context: makes the TLS context towards modules that serve ETSI GS QKD 014.

    Attributes:
        leaders: of the links that this end leads, by the KME ID of the other end.
        followers: of the others.

    Raises:
        ValueError: the sources of a link have not each a name of their own.
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
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._context = context
        self._tasks: list[asyncio.Task[None]] = []
        self._push: PushListener | None = None
        self.intakes: dict[str, Intake] = {}
        self.leaders: dict[str, Leader] = {}
        self.followers: dict[str, Follower] = {}
        for kme_id, link in links.items():
            feeding = [s for s in sources if s.peer_kme_id == kme_id and s.kind != SourceKind.COUNTED]
            if len({source.name for source in feeding}) < len(feeding):
                raise ValueError(f"the sources of link {link.link_id} need a source_id each")
            if feeding:
                policy = combining.get(kme_id, Combining.ANY)
                intake = Intake(database, vault, clock, settings, link=link, sources=feeding, combining=policy)
                self.intakes[kme_id] = intake
                if intake.leads:
                    self.leaders[kme_id] = Leader(intake)
                else:
                    self.followers[kme_id] = Follower(intake)

    @property
    def pushed(self) -> dict[str, Intake]:
        """The intakes of sources that push, by source ID."""
        return {
            source_id: intake
            for intake in self.intakes.values()
            for source_id, source in intake.sources.items()
            if source.address.kind == SourceKind.TCP_PUSH
        }

    def start(self) -> None:
        """Begins to read."""
        for kme_id, intake in self.intakes.items():
            for source in intake.sources.values():
                reader = self._reader(kme_id, intake, source.address)
                if reader is not None:
                    self._tasks.append(asyncio.create_task(reader.run()))
        if self.intakes:
            self._tasks.append(asyncio.create_task(self._tick()))

    async def listen(self, host: str, port: int) -> int:
        """Listens for modules that push; says on which port.

        Raises:
            OSError: the port is taken.
        """
        self._push = PushListener(self.pushed)
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
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
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
