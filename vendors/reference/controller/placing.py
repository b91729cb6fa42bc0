"""Where applications go: on which links, and whose reservations they take. Decides, changes nothing."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from .engine import Engine
from .model import Admission, Application, Stage, VirtualLink
from .paths import Map, Way
from .refusals import NoWayError
from .virtual import VirtualLinks


@dataclass(slots=True)
class Place:
    """How an application is backed, and whose reservations it takes."""

    backing: str
    link: VirtualLink | None
    victims: list[Application] = field(default_factory=list)


class Placing:
    """Finds places.

    Args:
        engine: of the plan and the network.
        virtual: finds ways.
    """

    def __init__(self, engine: Engine, virtual: VirtualLinks) -> None:
        self._plan = engine.plan
        self._network = engine.network
        self._virtual = virtual

    def place(self, app: Application) -> Place:
        """Where it goes; with victims where nothing else helps. Raises `NoWayError`."""
        area = self._network.map()
        self._give_back(area, app)  # what it holds is its own to use
        try:
            return self._on(app, self._virtual.way(area, app.nodes, app.demand_bps))
        except NoWayError as error:
            lower = [
                one
                for one in self._plan.applications.values()
                if one.admission is Admission.ADMITTED and one.priority < app.priority and one is not app
            ]
            if error.reason != "NO_CAPACITY" or not lower:
                raise
            roomy = self._network.map()
            for one in (app, *lower):
                self._give_back(roomy, one)
            try:
                way = self._virtual.way(roomy, app.nodes, app.demand_bps)
            except NoWayError:
                raise error from None  # what would help nobody is not said
            place = self._on(app, way)
            place.victims = self._victims(app, way, area, lower)
            return place

    def _on(self, app: Application, way: Way) -> Place:
        if len(way.lines) == 1:
            return Place(way.qkdl_ids[0], None)
        for link in self._plan.virtual.values():  # one that somebody made and that has room
            ends = {link.path[0], link.path[-1]}
            if link.app_id or link.stage is not Stage.UP or ends != set(app.nodes) or self._broken(link):
                continue
            if link.bandwidth_bps - self._plan.reserved_bps(link.qkdl_id) >= app.demand_bps:
                return Place(link.qkdl_id, None)
        made = VirtualLink(str(uuid.uuid4()), list(way.nodes), list(way.qkdl_ids), app.demand_bps, app.app_id)
        return Place(made.qkdl_id, made)

    def _broken(self, link: VirtualLink) -> bool:
        return any(self._virtual.is_broken(hop) for hop in link.hops)

    def _give_back(self, area: Map, app: Application) -> None:
        for hop in self.holds(app):
            area.give(hop, app.demand_bps)

    def holds(self, app: Application) -> list[str]:
        """PHYS links on which it holds its demand."""
        if app.admission is not Admission.ADMITTED:
            return []
        own = [hop for link in self.own_links(app) for hop in link.hops]
        return own + [one for one in app.backing if one in self._plan.physical]

    def _victims(self, app: Application, way: Way, area: Map, lower: list[Application]) -> list[Application]:
        """The fewest of the least important, until every link of the way has room."""
        free = {line.qkdl_id: line.free_bps for line in area.lines if line.qkdl_id in way.qkdl_ids}
        victims = []
        for one in sorted(lower, key=lambda app: (app.priority, -app.demand_bps)):
            held = [hop for hop in self.holds(one) if free.get(hop, app.demand_bps) < app.demand_bps]
            if held and one.demand_bps:
                victims.append(one)
                for hop in self.holds(one):
                    if hop in free:
                        free[hop] += one.demand_bps
        return victims

    def is_well_backed(self, app: Application) -> bool:
        """Whether it can stay where it is."""
        if app.admission is not Admission.ADMITTED or not app.backing:
            return False
        for qkdl_id in app.backing:
            virtual = self._plan.virtual.get(qkdl_id)
            link = virtual or self._plan.physical.get(qkdl_id)
            if link is None or link.stage is Stage.GOING or {link.nodes[0], link.nodes[-1]} != set(app.nodes):
                return False
            hops = virtual.hops if virtual else [qkdl_id]
            if virtual and self._plan.reserved_bps(qkdl_id) > virtual.bandwidth_bps:
                return False
            if any(self._virtual.is_broken(hop) or (app.demand_bps and self.overdrawn(hop)) for hop in hops):
                return False
        return True

    def overdrawn(self, hop: str) -> bool:
        """Whether more is promised of a PHYS link than it makes."""
        return self._network.is_overdrawn(self._plan.physical[hop], self._plan.reserved_bps(hop))

    def own_links(self, app: Application, *, going: bool = False) -> list[VirtualLink]:
        """Virtual links that were made for it."""
        return [
            link
            for link in self._plan.virtual.values()
            if link.app_id == app.app_id and (link.stage is Stage.GOING) is going
        ]
