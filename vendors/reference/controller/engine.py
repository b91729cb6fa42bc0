"""Makes the nodes as the plan wants them, and keeps them so."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence

import aiohttp

from qkd.node.v1.agent_pb2 import LINK_STATUS_ACTIVE, LINK_STATUS_OFF, LINK_STATUS_PASSIVE, LinkStatus

from .model import Admission, Application, NodeRecord, PhysicalLink, Stage, VirtualLink
from .network import Network, NodeView
from .plan import Plan
from .restconf import RefusedError, Restconf, UnreachableError
from .settings import ControllerSettings
from .southbound import Agent, Synced
from .store import NotInChargeError, Store
from .tree import ForeignTreeError

_log = logging.getLogger(__name__)
_Link = PhysicalLink | VirtualLink


class Engine:
    """What all workflows stand on.

    Args:
        store: the state file.
        session: for requests to agents.
        settings: of the controller.

    Attributes:
        in_charge: False: in reserve; it changes nothing.
        noted: set and replaced at each entry of the journal, for those who watch it.
    """

    def __init__(self, store: Store, session: aiohttp.ClientSession, settings: ControllerSettings) -> None:
        self.store = store
        self.settings = settings
        self.plan = Plan(store)
        self.network = Network(self.plan, settings)
        self.in_charge = False
        self.noted = asyncio.Event()
        self._session = session
        self._slots = asyncio.Semaphore(settings.parallel)
        self._agents: dict[str, Agent] = {}
        self._clean: defaultdict[str, set[str]] = defaultdict(set)  # going: nodes that have it no more

    def note(self, kind: str, subject: str, text: str) -> None:
        """One entry of the journal by itself."""
        with self.plan.change() as change:
            change.note(kind, subject, text)
        self.tell()

    def tell(self) -> None:
        """Wakes those who watch the journal."""
        self.noted.set()
        self.noted = asyncio.Event()

    def agent(self, url: str) -> Agent:
        """Of a node; raises `ValueError` for a URL that is not of https."""
        if url not in self._agents:
            server = Restconf(url, self._session)
            self._agents[url] = Agent(server, self._slots, self._may_write, self.settings.attempts)
        return self._agents[url]

    def _may_write(self) -> bool:
        return self.in_charge and self.store.still_in_charge()

    # -- nodes ------------------------------------------------------------------------------------------

    async def sync(self, view: NodeView) -> Synced | None:
        """Reads a node, learns who it is, makes it as wanted. None: it does not answer, or not as 015 has it."""
        try:
            agent = self.agent(view.record.url)
            if not view.record.qkdn_id:
                self._met(view, (await agent.read()).qkdn_id)
            done = await agent.sync(lambda: self.plan.wanted(view.record.qkdn_id))
        except (UnreachableError, RefusedError, ForeignTreeError) as error:
            self.lost(view, str(error))
            return None
        if done.node.qkdn_id != view.record.qkdn_id:
            self.lost(view, f"answers as {done.node.qkdn_id}, not as {view.record.qkdn_id}")
            return None
        self._seen(view, done)
        return done

    def _met(self, view: NodeView, qkdn_id: str) -> None:
        other = self.network.view(qkdn_id)
        if other is not None and other is not view:
            if other.online:
                raise ForeignTreeError(f"node {qkdn_id} answers at {other.record.url} already")
            with self.plan.change() as change:  # it has moved
                change.drop(other.record)
            self.network.views.pop(other.record.url, None)
        view.record.qkdn_id = qkdn_id
        with self.plan.change() as change:
            change.put(view.record)
            change.note("NODE_DISCOVERED", qkdn_id, f"answers at {view.record.url}")
        self.network.index()
        self.tell()

    def _seen(self, view: NodeView, done: Synced) -> None:
        name, back = view.record.qkdn_id, view.node is not None and not view.online
        fresh = {key: text for key, text in done.refused.items() if view.refused.get(key) != text}
        view.show(done.node)
        view.refused = dict(done.refused)
        if back:
            self.note("NODE_BACK", name, "answers again")
        for key, text in fresh.items():
            self.note("ENTRY_REFUSED", key, f"node {name}: {text}")
        if done.changed and not done.refused:
            self.note("RECONCILED", name, "was made as wanted")
        for qkdl_id, link in view.links.items():
            physical = self.plan.physical.get(qkdl_id)
            if physical is None or physical.stage is not Stage.UP:
                if physical is not None and physical.other == name and qkdl_id not in self.plan.received:
                    self.plan.received.add(qkdl_id)
                continue
            if link.qkdl_status in (LINK_STATUS_PASSIVE, LINK_STATUS_OFF):
                self.link_down(qkdl_id, f"node {name}: {LinkStatus.Name(link.qkdl_status).rpartition('_')[2]}")
            elif qkdl_id in self.network.down and link.qkdl_status == LINK_STATUS_ACTIVE:
                self._look_again(qkdl_id)

    def link_down(self, qkdl_id: str, reason: str) -> None:
        """A link makes keys no more, until all its ends say that it does."""
        if qkdl_id not in self.network.down:
            self.network.down[qkdl_id] = reason
            self.note("LINK_DOWN", qkdl_id, reason)

    def _look_again(self, qkdl_id: str) -> None:
        """A link that was said to be down is up again when all its ends that answer say so."""
        link = self.plan.physical.get(qkdl_id)
        ends = [self.network.view(node) for node in link.nodes] if link else []
        seen = [view.links[qkdl_id].qkdl_status for view in ends if view and view.online and qkdl_id in view.links]
        if set(seen) <= {LINK_STATUS_ACTIVE}:
            del self.network.down[qkdl_id]
            self.note("LINK_BACK", qkdl_id, "makes keys again")

    def lost(self, view: NodeView, why: str) -> None:
        """A node does not answer."""
        was, view.online, view.trouble = view.online, False, why
        if was:
            self.note("NODE_LOST", view.record.qkdn_id, why)

    def add(self, record: NodeRecord) -> NodeView:
        """A node to control from now on; nothing changes when it is already."""
        self.agent(record.url)
        with self.plan.change() as change:
            known = self.plan.nodes.get(record.url)
            if known is not None:
                record.qkdn_id = known.qkdn_id
            change.put(record)
        self.network.load()
        view = self.network.views[record.url]
        view.record = record
        self.network.index()
        return view

    # -- all together -----------------------------------------------------------------------------------

    async def settle(self, nodes: Iterable[str]) -> dict[str, Synced | None]:
        """Makes these nodes as wanted, receivers of new links first; then writes down what has come about.

        Returns:
            by qkdn_id; None = it does not answer.
        """
        names = dict.fromkeys(nodes)
        new = [link for link in self.plan.physical.values() if link.stage is Stage.MAKING and link.lit]
        first, second = {link.other for link in new}, {link.one for link in new}
        receivers = [name for name in names if name in first]
        results: dict[str, Synced | None] = {}
        for wave in (receivers, [name for name in names if name not in first or name in second]):
            views = [self.network.view(name) for name in wave]
            done = await asyncio.gather(*(self._sync_if(view) for view in views))
            results.update(zip(wave, done, strict=True))
        self.conclude(results)
        return results

    async def _sync_if(self, view: NodeView | None) -> Synced | None:
        return None if view is None else await self.sync(view)

    def conclude(self, results: dict[str, Synced | None]) -> None:
        """What all nodes have is UP; what none has any more is dropped."""
        made, gone, tidy = list[_Link](), list[_Link | Application](), list[VirtualLink]()
        here = [self.plan.at(node) for node in results]
        links: dict[str, _Link] = {}
        for some in here:
            links |= {one.qkdl_id: one for one in some.physical} | {one.qkdl_id: one for one in some.virtual}
        for link in links.values():
            if link.stage is Stage.MAKING and all(self._has(node, link.qkdl_id) for node in link.nodes):
                made.append(link)
            elif link.stage is Stage.GOING and not getattr(link, "light_path", ""):
                left = link.left if isinstance(link, VirtualLink) else ()
                if self._is_clean(link.qkdl_id, (*link.nodes, *left), results):
                    gone.append(link)
            elif isinstance(link, VirtualLink) and (link.left or link.left_hops):
                ends = {node for _, *both in link.left_hops for node in both}
                if self._is_clean(link.qkdl_id, {*link.left, *ends}, results):
                    tidy.append(link)
        for app in {one.app_id: one for some in here for one in some.applications}.values():
            if app.admission is Admission.GOING and self._is_clean(app.app_id, app.nodes, results):
                gone.append(app)
        if made or gone or tidy:
            self._conclude(made, gone, tidy)

    def _conclude(
        self, made: Sequence[_Link], gone: Sequence[_Link | Application], tidy: Sequence[VirtualLink]
    ) -> None:
        with self.plan.change() as change:
            for link in made:
                link.stage = Stage.UP
                change.put(link)
                change.note("LINK_MADE", link.qkdl_id, f"between {link.nodes[0]} and {link.nodes[-1]}")
            for virtual in tidy:
                virtual.left, virtual.left_hops = [], []
                change.put(virtual)
            for thing in gone:
                change.drop(thing)
                if not isinstance(thing, Application):
                    change.note("LINK_GONE", thing.qkdl_id, "is taken down at all its nodes")
                    self.network.down.pop(thing.qkdl_id, None)
                    self.plan.received.discard(thing.qkdl_id)
        for thing in (*gone, *tidy):
            self._clean.pop(thing.app_id if isinstance(thing, Application) else thing.qkdl_id, None)
        self.tell()

    def _is_clean(self, key: str, nodes: Iterable[str], results: dict[str, Synced | None]) -> bool:
        """Whether all these nodes were made without it since it began to go; those no longer controlled count."""
        clean = self._clean[key]
        clean |= {node for node, done in results.items() if done is not None and key not in done.refused}
        return all(node in clean or self.network.view(node) is None for node in nodes)

    def _has(self, node: str, qkdl_id: str) -> bool:
        view = self.network.view(node)
        return view is not None and qkdl_id in view.links and qkdl_id not in view.refused

    async def settle_or_step_down(self, nodes: Iterable[str]) -> None:
        """`settle` for those who wait for nothing; a controller that was taken over goes into reserve."""
        try:
            await self.settle(nodes)
        except NotInChargeError:
            self.in_charge = False
            _log.warning("another controller has taken over: in reserve from now on")
