"""One KME: its parts, put together, started and stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .ageing import Ageing
from .api014 import Api014
from .applications import Applications
from .clock import Clock
from .control_service import KmsControlServicer
from .copies import Copies
from .cutter import Cutter
from .database import Database
from .delivery import KeyDelivery
from .forms import Forms
from .grpc014 import Grpc014
from .intake.choice import Combining
from .intake.intakes import Intakes
from .intake.provenance import BlockOrigin, Provenance
from .keeper import Keeper
from .link import Link
from .links import Links, links_of
from .names import KeyNames
from .network import Network
from .pairings import Pairings
from .peers import PeerListener
from .servers import GrpcServer, HttpsServer
from .settings import KmeSettings
from .settlement import Settlement
from .source import Feed, OpenStream, SourceAddress, SourceKind, stream_of
from .store_service import StoreServicer
from .tally import Tally
from .tls import KmeCredentials, Tls
from .vault import Vault

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a KME is made of. Another KME is these parts with one of them replaced by a subclass."""

    delivery: type[KeyDelivery] = KeyDelivery
    https: type[HttpsServer] = HttpsServer
    api: type[Api014] = Api014
    grpc: type[Grpc014] = Grpc014
    forms: type[Forms] = Forms
    tls: type[Tls] = Tls
    cutter: type[Cutter] = Cutter
    names: type[KeyNames] = KeyNames
    keeper: type[Keeper] = Keeper
    link: type[Link] = Link
    copies: type[Copies] = Copies
    settlement: type[Settlement] = Settlement
    intakes: type[Intakes] = Intakes
    store: type[StoreServicer] = StoreServicer
    stream: Callable[[SourceAddress], OpenStream] = stream_of


@dataclass(frozen=True, slots=True)
class Provision:
    """What a KME is given before it starts.

    Attributes:
        network: who it is, and who the SAEs are.
        credentials: its certificate, and whom it trusts.
        sources: of the links, one link to each other KME. Several sources may feed one; those without a
            peer wait to be paired.
        settings: limits and options.
        combining: what becomes of several sources, by the KME ID of the other end.
        monitors: common names of certificates that may read `StoreService`.
        agents: common names of certificates that may use `KmsControlService`.
        controlled: SAEs get keys only as applications that an agent has set.
    """

    network: Network
    credentials: KmeCredentials
    sources: Sequence[SourceAddress] = ()
    settings: KmeSettings = field(default_factory=KmeSettings)
    combining: Mapping[str, Combining] = field(default_factory=dict)
    monitors: Sequence[str] = ()
    agents: Sequence[str] = ()
    controlled: bool = False


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a started KME answers: a URL, and host:port of the others; `push` is empty when no module pushes."""

    https_url: str
    grpc: str
    peer: str
    push: str = ""


class ReferenceKme:
    """A KME with its store in a folder of its own.

    Start it, tell it where its peers are, stop it; the store may be opened again by another object later,
    also when this one was never stopped (the process died).
    """

    def __init__(
        self, provision: Provision, state: Path, parts: Parts | None = None, clock: Clock | None = None
    ) -> None:
        """Opens the store.

        Raises:
            ValueError: two links lead to the same KME, or sources cannot be told apart.
            sqlite3.OperationalError: another process has the store open.
            DamagedError: the key-encryption key is damaged.
        """
        parts = parts or Parts()
        settings, network = provision.settings, provision.network
        clock = clock or Clock.off_by(settings.clock_offset_file)
        self.provision = provision
        self._clock = clock
        self.database = Database(state / "store.db")
        vault = Vault.open(state / "store.kek")
        self._tally = Tally(state / "store.tally")
        self.copies = parts.copies(self.database, vault, clock, self._tally)
        fixed = [source for source in provision.sources if source.peer_kme_id]
        waiting = [source for source in provision.sources if not source.peer_kme_id]
        self._links = Links(
            network.kme_id,
            lambda ends: parts.link(self.database, vault, ends, settings.high_water, clock),
            settings,
        )
        self.links = self._links.by_kme
        for peer_kme_id, link_id in links_of(fixed).items():
            self._links.add(peer_kme_id, link_id)
        self._stream = parts.stream
        self._tls = parts.tls(provision.credentials, settings)
        self.intakes = parts.intakes(
            self.database,
            vault,
            clock,
            settings,
            links=self.links,
            sources=fixed,
            waiting=waiting,
            combining=provision.combining,
            context=self._tls.module_context,
        )
        self._links.fed_by(self.intakes)
        self.pairings = Pairings(
            self.database, network.kme_id, waiting=waiting, fixed=fixed, links=self._links, intakes=self.intakes
        )
        self.applications = Applications(self.database, clock) if provision.controlled else None
        self._provenance = Provenance(self.database, clock)
        traced = self._links.traced
        cutter, forms = parts.cutter(), parts.forms()
        self.settlement = parts.settlement(
            self.database,
            self.copies,
            self.links.values(),
            self._links.lines,
            provenance=self._provenance,
            traced=traced,
            relays=settings.relays,
        )
        self.delivery = parts.delivery(
            settings=settings,
            network=network,
            links=self.links,
            copies=self.copies,
            settlement=self.settlement,
            cutter=cutter,
            names=parts.names(vault.secret(b"key names")),
            applications=self.applications,
        )
        keeper = parts.keeper(network, self.database, self.copies, cutter, provenance=self._provenance, traced=traced)
        self.listener = PeerListener(self.links, keeper, self.intakes.followers)
        self._https = parts.https(parts.api(self.delivery, settings, forms))
        store = parts.store(self.links, self.intakes, cutter, settings, provision.monitors)
        control = KmsControlServicer(self.pairings, self.applications, provision.agents)
        self._grpc = GrpcServer(parts.grpc(self.delivery, forms), store, control)
        self._ageing = Ageing(self.links.values(), self.copies, self.intakes, settings, self.applications)
        self._fixed = {(source.peer_kme_id, source.name): source for source in fixed}
        self._counted: dict[str, asyncio.Task[None]] = {}
        self._feeds: list[asyncio.Task[None]] = []
        self._recovery: asyncio.TimerHandle | None = None

    async def start(self) -> Endpoints:
        """Begins to serve; the ports are those of the last life where they are still free."""
        settings, host = self.provision.settings, self.provision.settings.host
        self.copies.forget_tombstones(settings.tombstone_s)
        self._recovery = asyncio.get_running_loop().call_later(settings.recovery_s, self.end_recovery)
        self._links.open(self._tls.dial_context(), settings.peer_timeout_s, lambda: self.settlement.idle, self.listener)
        for source in self._fixed.values():
            if source.kind == SourceKind.COUNTED:
                self._feed(source)
        self.intakes.start()
        self._feeds.append(asyncio.create_task(self._ageing.run()))
        peer = await self._on_port(
            "peer_port", settings.peer_port, lambda port: self.listener.start(host, port, self._tls.listen_context())
        )
        https = await self._on_port(
            "https_port", settings.https_port, lambda port: self._https.start(host, port, self._tls.sae_context())
        )
        credentials = self._tls.grpc_credentials()
        grpc = await self._on_port(
            "grpc_port", settings.grpc_port, lambda port: self._grpc.start(host, port, credentials)
        )
        where = f"[{host}]" if ":" in host else host
        push = ""
        if self.intakes.doors:
            port = await self._on_port("push_port", settings.push_port, lambda port: self.intakes.listen(host, port))
            push = f"{where}:{port}"
        return Endpoints(f"https://{where}:{https}", f"{where}:{grpc}", f"{where}:{peer}", push)

    async def _on_port(self, name: str, port: int, start: Callable[[int], Awaitable[int]]) -> int:
        """Starts a server on the given port; if that is 0 on the one of the last life, or on any."""
        remembered = int(self.database.meta(name) or 0)
        if port or not remembered:
            bound = await start(port)
        else:
            try:
                bound = await start(remembered)
            except OSError:
                bound = await start(0)
        if bound != remembered:
            with self.database.transaction():
                self.database.set_meta(name, str(bound))
        return bound

    def connect(self, peers: Mapping[str, str]) -> None:
        """Where other KMEs can be dialled, host:port by KME ID; dialled are those with a link, now or later."""
        self._links.connect(peers)

    def move(self, sources: Iterable[SourceAddress]) -> None:
        """Sources that answer elsewhere, known by their source ID (those that wait: or module ID).

        Raises:
            ValueError: one of them is not known; none is moved.
        """
        moved = list(sources)
        for source in moved:
            if not self.pairings.waits(source) and (source.peer_kme_id, source.name) not in self._fixed:
                raise ValueError(f"there is no source {source.source_id or source.module_id!r} to move")
        for source in moved:
            if self.pairings.waits(source):
                self.pairings.move(source)
            elif source.kind == SourceKind.COUNTED:
                self._fixed[source.peer_kme_id, source.name] = source
                self._feed(source)
            else:
                self.intakes.move(source.peer_kme_id, source)

    def _feed(self, source: SourceAddress) -> None:
        """Reads a source that both ends count alike, in place of an earlier one."""
        older = self._counted.pop(source.peer_kme_id, None)
        if older is not None:
            older.cancel()
            self._feeds.remove(older)
        feed = Feed(self.links[source.peer_kme_id], self._stream(source))
        self._counted[source.peer_kme_id] = task = asyncio.create_task(feed.run())
        self._feeds.append(task)

    def provenance(self, key_id: bytes) -> list[BlockOrigin]:
        """Which blocks of which sources a key was cut from; empty = not known. Never key bytes."""
        return self._provenance.of_key(key_id)

    def end_recovery(self) -> None:
        """From now on, what the last life did not finish delivering is gone."""
        self.delivery.recovering = False
        destroyed = self.copies.destroy_unfinished()
        if destroyed:
            _log.warning("%d keys whose delivery was cut short are destroyed", destroyed)

    async def stop(self) -> None:
        """Ends in good order: no call is cut short, the store is closed."""
        if self._recovery is not None:
            self._recovery.cancel()
        await self._https.stop()
        await self._grpc.stop()
        for feed in self._feeds:
            feed.cancel()
        await asyncio.gather(*self._feeds, return_exceptions=True)
        await self.intakes.stop()
        await self._links.stop()
        await self.listener.stop()
        self.database.close()
        self._tally.close()
