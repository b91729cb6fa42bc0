"""Applications (W5): who is let in, on which links, and who has to give way."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence

from qkd.node.v1 import agent_pb2 as pb

from .engine import Engine
from .model import Admission, Application, Stage
from .placing import Placing
from .refusals import NoWayError, unknown
from .virtual import VirtualLinks, refusal_of

_WITHOUT = (Admission.PREEMPTED, Admission.STRANDED)
_MAY_COME = ("NO_PATH", "NO_CAPACITY")


class Admissions:
    """Decides on applications.

    Args:
        engine: makes the nodes as decided.
        virtual: finds ways.
        directory: application IDs to qkdn_ids, as the operator knows them.
    """

    def __init__(self, engine: Engine, virtual: VirtualLinks, directory: dict[str, str]) -> None:
        self._engine = engine
        self._plan = engine.plan
        self._network = engine.network
        self._virtual = virtual
        self._directory = dict(directory)
        self._placing = Placing(engine, virtual)
        self._deciding = asyncio.Lock()

    # -- who comes --------------------------------------------------------------------------------------

    async def told(self, node: str, told: pb.QkdApplication) -> Application:
        """A node has told of an application that asks for keys (sdqkdn_application_new).

        The first node to tell is that of the server. The client's is the one that tells of the same application next,
        or the one where that client was seen as a server, or the one in the directory.
        """
        self._directory.setdefault(told.server_app_id, node)
        clients = list(told.client_app_ids)
        app = self._find(told.server_app_id, clients)
        if app is None:
            app = Application(str(uuid.uuid4()), told.server_app_id, clients, node)
        elif node not in app.nodes and not app.client_qkdn_id:
            app.client_qkdn_id = node
        if node == app.server_qkdn_id or not app.qos:
            app.qos, app.priority = _qos(told), told.app_priority
        if not app.client_qkdn_id:
            places = {self._directory.get(client, "") for client in clients} - {"", app.server_qkdn_id}
            app.client_qkdn_id = min(places, default="")
        return await self.decide(app)

    async def admit(
        self, server: str, clients: Sequence[str], nodes: tuple[str, str], priority: int, qos: dict[str, int | bool]
    ) -> Application:
        """Somebody in the north knows both ends.

        Raises:
            ContractError: NOT_FOUND / UNKNOWN_NODE.
        """
        for node in nodes:
            if self._network.view(node) is None:
                raise unknown("node", node)
        app = self._find(server, list(clients)) or Application(str(uuid.uuid4()), server, list(clients), nodes[0])
        app.server_qkdn_id, app.client_qkdn_id = nodes
        app.priority, app.qos = priority, dict(qos)
        return await self.decide(app)

    async def changed(self, app_id: str, told: pb.QkdApplication) -> None:
        """Its QoS or priority is another (sdqkdn_application_qos_update): decided anew."""
        app = self._plan.applications.get(app_id)
        if app is not None:
            app.qos, app.priority = _qos(told) or app.qos, told.app_priority
            await self.decide(app)

    async def leave(self, app_id: str, why: str) -> None:
        """It is registered no more; nothing happens when it is unknown."""
        app = self._plan.applications.get(app_id)
        if app is None or app.admission is Admission.GOING:
            return
        links = self._placing.own_links(app)
        with self._plan.change() as change:
            app.admission, app.backing, app.reason = Admission.GOING, [], why
            change.put(app)
            for link in links:
                link.stage = Stage.GOING
                change.put(link)
            change.note("APPLICATION_GONE", app_id, why)
        await self._engine.settle({*app.nodes, *(node for link in links for node in link.nodes)})
        await self.retry()

    def _find(self, server: str, clients: list[str]) -> Application | None:
        going = Admission.GOING
        return next(
            (a for a in self._plan.applications.values() if a.admission is not going and a.is_between(server, clients)),
            None,
        )

    # -- decisions --------------------------------------------------------------------------------------

    async def decide(self, app: Application, otherwise: Admission = Admission.REFUSED) -> Application:
        """Admits an application, makes it wait, or says why not; tells the nodes.

        Args:
            app: new or known.
            otherwise: what becomes of it when there is no way.
        """
        async with self._deciding:
            nodes = self._decide(app, otherwise)
            results = await self._engine.settle(nodes) if nodes else {}
            if app.admission is Admission.ADMITTED:
                keys = (app.app_id, *(link.qkdl_id for link in self._placing.own_links(app)))
                told = next((t for key in keys if (t := refusal_of(key, results)) and t[0] == "NODE_REFUSED"), None)
                if told is not None:
                    await self._engine.settle(self._withdraw(app, Admission.REFUSED, f"{told[0]}: {told[1]}"))
        return app

    def _decide(self, app: Application, otherwise: Admission) -> set[str]:
        """Writes down the decision; gives the nodes that have to be told."""
        if not app.client_qkdn_id:
            return self._withdraw(app, Admission.WAITING, "the other end is not known yet")
        if app.client_qkdn_id == app.server_qkdn_id:
            return self._withdraw(app, Admission.REFUSED, "SAME_NODE: both ends are at one node")
        offline = [node for node in app.nodes if not ((view := self._network.view(node)) and view.online)]
        if offline and app.admission is not Admission.ADMITTED:
            return self._withdraw(app, Admission.WAITING, f"NODE_OFFLINE: node {offline[0]} does not answer")
        if least_above_most(app.qos):
            return self._withdraw(app, Admission.REFUSED, "QOS_INVALID: min_bandwidth is above max_bandwidth")
        if self._placing.is_well_backed(app):
            with self._plan.change() as change:
                change.put(app)
            return set(app.nodes)
        before = self._placing.own_links(app)
        try:
            place = self._placing.place(app)
        except NoWayError as error:
            return self._withdraw(app, app.admission if app.admission in _WITHOUT else otherwise, str(error))
        nodes = {node for link in before for node in link.nodes} | set(app.nodes)
        with self._plan.change() as change:
            for link in before:
                link.stage = Stage.GOING
                change.put(link)
            for victim in place.victims:
                nodes |= self._preempt(victim, app)
                change.put(victim, *self._placing.own_links(victim, going=True))
                change.note("APPLICATION_PREEMPTED", victim.app_id, victim.reason)
            app.admission, app.backing, app.reason = Admission.ADMITTED, [place.backing], ""
            change.put(app)
            if place.link is not None:
                nodes |= set(place.link.path)
                change.put(place.link)
            change.note("APPLICATION_ADMITTED", app.app_id, f"{app.server_app_id} on link {place.backing}")
        self._engine.tell()
        return nodes

    def _preempt(self, victim: Application, by: Application) -> set[str]:
        text = f"gave way to {by.server_app_id}, priority {by.priority} over {victim.priority}"
        nodes = set(victim.nodes)
        for link in self._placing.own_links(victim):
            link.stage = Stage.GOING
            nodes |= set(link.path)
        victim.admission, victim.backing, victim.reason = Admission.PREEMPTED, [], text
        return nodes

    def _withdraw(self, app: Application, admission: Admission, reason: str) -> set[str]:
        known = self._plan.applications.get(app.app_id)
        if known is not None and (known.admission, known.reason) == (admission, reason):
            with self._plan.change() as change:
                change.put(app)
            return set()
        links = self._placing.own_links(app)
        was_told = app.admission is Admission.ADMITTED
        with self._plan.change() as change:
            app.admission, app.backing, app.reason = admission, [], reason
            change.put(app)
            for link in links:
                link.stage = Stage.GOING
                change.put(link)
            if admission is not Admission.WAITING:
                change.note(f"APPLICATION_{admission.upper()}", app.app_id, reason)
        self._engine.tell()
        return {*app.nodes, *(node for link in links for node in link.nodes)} if was_told or links else set()

    # -- later ----------------------------------------------------------------------------------------

    async def recover(self) -> None:
        """After a link went down: other ways for what it carried, by priority; who has none is told why."""
        lost = await self._virtual.reroute()
        direct = [
            app
            for app in self._plan.applications.values()
            if app.admission is Admission.ADMITTED
            and any(one in self._plan.physical and self._virtual.is_broken(one) for one in app.backing)
        ]
        for app in sorted((*lost, *direct), key=lambda app: -app.priority):
            await self.decide(app, otherwise=Admission.STRANDED)

    async def relieve(self) -> None:
        """Where more is promised of a link than it makes, the least important look for another way."""
        reserved = self._network.reservations()
        for link in list(self._plan.physical.values()):
            overdrawn = self._network.is_overdrawn(link, reserved[link.qkdl_id])
            if not overdrawn or self._virtual.is_broken(link.qkdl_id):
                continue
            users = [
                a for a in self._plan.applications.values() if a.demand_bps and link.qkdl_id in self._placing.holds(a)
            ]
            for app in sorted(users, key=lambda app: app.priority):
                if not self._placing.overdrawn(link.qkdl_id):
                    break
                await self.decide(app, otherwise=Admission.STRANDED)

    async def retry(self) -> None:
        """After something came back: those that wait or have to do without, by priority."""
        some = [app for app in self._plan.applications.values() if self._may_come(app)]
        for app in sorted(some, key=lambda app: -app.priority):
            await self.decide(app)

    def _may_come(self, app: Application) -> bool:
        if app.admission is Admission.REFUSED:
            return app.reason.startswith(_MAY_COME)
        return app.admission in _WITHOUT or (app.admission is Admission.WAITING and bool(app.client_qkdn_id))


def least_above_most(qos: dict[str, int | bool]) -> bool:
    """Whether min_bandwidth is above max_bandwidth."""
    return qos.get("min_bandwidth", 0) > qos.get("max_bandwidth", qos.get("min_bandwidth", 0))


def _qos(told: pb.QkdApplication) -> dict[str, int | bool]:
    return {one.name: value for one, value in told.app_qos.ListFields()}
