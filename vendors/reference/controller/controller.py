"""One controller: its parts, put together, started, put in charge and stopped."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from harness.sdk import ContractServer, contract_server

from .admission import Admissions
from .engine import Engine
from .following import Following
from .light import LightPaths
from .model import NodeRecord
from .physical import PhysicalLinks
from .refusals import impossible, invalid, unknown
from .restconf import Credentials, Restconf, session
from .settings import ControllerSettings
from .store import Store
from .tapi import TransportApi
from .virtual import VirtualLinks

_GRACE_S = 1.0


@dataclass(frozen=True, slots=True)
class Provision:
    """What a controller is given before it starts; see `ProvisionControllerRequest`."""

    credentials: Credentials
    token: str = field(repr=False)
    tapi_urls: tuple[str, ...] = ()
    in_reserve: bool = False
    settings: ControllerSettings = field(default_factory=ControllerSettings)


class Controller:
    """A controller. Start it, stop it; what it wants survives the process.

    Attributes:
        engine, virtual, physical, admissions: once started.
    """

    def __init__(self, provision: Provision, state: Path) -> None:
        self.provision = provision
        self._state = state
        self._session: aiohttp.ClientSession | None = None
        self._server: ContractServer | None = None
        self._store: Store | None = None
        self._following: Following | None = None

    async def start(self) -> str:
        """Begins to serve, and to control unless it is in reserve; gives host:port of ControllerService.

        Raises:
            ValueError: credentials or a URL make no sense. OSError: the port is taken.
        """
        from .service import ControllerServicer  # noqa: PLC0415 - it stands on this module

        settings = self.provision.settings
        self._store = Store(Path(settings.store or self._state / "controller.sqlite"), self._name())
        self._session = session(self.provision.credentials.context(), settings.request_s)
        self.engine = Engine(self._store, self._session, settings)
        self.virtual = VirtualLinks(self.engine)
        servers = [TransportApi(url, Restconf(url, self._session)) for url in self.provision.tapi_urls]
        self.light = LightPaths(self.engine, servers)
        self.physical = PhysicalLinks(self.engine, self.virtual, self.light)
        self.admissions = Admissions(self.engine, self.virtual, settings.places())
        self._following = Following(self.engine, self.admissions, self.physical)
        self._server = contract_server(ControllerServicer(self), port=settings.control_port, token=self.provision.token)
        self.engine.network.load()
        if not self.provision.in_reserve:
            self._take(force=False)
        await self._server.start()
        return self._server.address

    async def stop(self) -> None:
        """Ends everything. Nodes stay as they are."""
        if self._following is not None:
            await self._following.stop()
        if self._server is not None:
            await self._server.stop(_GRACE_S)
        if self._session is not None:
            await self._session.close()
        if self._store is not None:
            self._store.close()

    def _name(self) -> str:
        """Of this controller, the same over restarts: it knows its own term by it."""
        file = self._state / "name"
        if not file.exists():
            file.write_text(str(uuid.uuid4()))
        return file.read_text()

    # -- who is in charge -------------------------------------------------------------------------------

    def _take(self, *, force: bool) -> bool:
        engine = self.engine
        if not engine.store.claim(force=force):
            return False
        engine.in_charge = True
        engine.plan.load()
        engine.network.load()
        self.following.follow()
        return True

    async def take_over(self) -> None:
        """From reserve into charge: reads the state, asks the nodes, mends what differs."""
        if self.engine.in_charge and self.engine.store.still_in_charge():
            return
        await self.following.stop()
        self._take(force=True)
        self.engine.note("TOOK_OVER", "", "is in charge from now on")
        await self.engine.settle([view.record.qkdn_id for view in self.engine.network.views.values()])
        self.following.wake()

    @property
    def following(self) -> Following:
        """Once started."""
        if self._following is None:
            raise RuntimeError("the controller is not started")
        return self._following

    def check_in_charge(self) -> None:
        """Raises `ContractError` (FAILED_PRECONDITION / IN_RESERVE)."""
        if not (self.engine.in_charge and self.engine.store.still_in_charge()):
            self.engine.in_charge = False
            raise impossible("IN_RESERVE", "this controller is in reserve; TakeOver puts it in charge")

    # -- nodes and links --------------------------------------------------------------------------------

    async def add_nodes(self, records: Sequence[NodeRecord]) -> list[str]:
        """Controls nodes from now on; gives their ids, empty for those that were not reached.

        Raises:
            ContractError: INVALID_ARGUMENT / URL_INVALID.
        """
        try:
            views = [self.engine.add(record) for record in records]
        except ValueError as error:
            raise invalid("URL_INVALID", str(error)) from None
        await asyncio.gather(*(self.engine.sync(view) for view in views))
        self.following.follow()
        self.following.wake()
        return [view.record.qkdn_id if view.online else "" for view in views]

    def remove_node(self, qkdn_id: str) -> None:
        """No longer controls a node. Raises `ContractError` (NOT_FOUND)."""
        view = self.engine.network.view(qkdn_id)
        if view is None:
            raise unknown("node", qkdn_id)
        with self.engine.plan.change() as change:
            change.drop(view.record)
            change.note("NODE_REMOVED", qkdn_id, "is no longer controlled")
        self.engine.network.load()
        self.following.follow()
        self.engine.tell()

    async def delete_link(self, qkdl_id: str) -> None:
        """Takes a link down; what went over it finds another way or is told why not. Raises `ContractError`."""
        plan = self.engine.plan
        if (virtual := plan.virtual.get(qkdl_id)) is not None:
            await self.virtual.take_down(virtual)
        elif (physical := plan.physical.get(qkdl_id)) is not None:
            await self.physical.remove(physical)
        else:
            raise unknown("link", qkdl_id)
        await self.admissions.recover()

    async def remove_application(self, app_id: str) -> None:
        """Takes an application out. Raises `ContractError` (NOT_FOUND)."""
        if app_id not in self.engine.plan.applications:
            raise unknown("application", app_id)
        await self.admissions.leave(app_id, "was removed")
