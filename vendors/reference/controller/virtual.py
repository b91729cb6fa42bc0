"""Virtual links (W4), and other ways for what a link that is down took with it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Sequence

from .engine import Engine
from .model import Application, PhysicalLink, Stage, VirtualLink
from .network import DOWN
from .paths import Map, Metric, Rules, Way
from .refusals import NoWayError, impossible, invalid, unknown
from .southbound import Synced


class VirtualLinks:
    """Makes, moves and takes away virtual links."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._plan = engine.plan
        self._network = engine.network
        self._recovering = asyncio.Lock()

    # -- ways -------------------------------------------------------------------------------------------

    def rules(self, bandwidth_bps: int, without: Iterable[str] = ()) -> Rules:
        """What every way keeps to: nodes that do not relay are ends only."""
        return Rules(bandwidth_bps, frozenset(without), self._network.no_relays())

    def way(self, area: Map, ends: Sequence[str], bandwidth_bps: int, metric: Metric = Metric.HOPS) -> Way:
        """The best way with so much to spare.

        Raises:
            NoWayError: NO_CAPACITY or NO_PATH, and what there is instead.
        """
        start, end = ends
        way = area.best(start, end, metric, self.rules(bandwidth_bps))
        if way is not None:
            return way
        widest = area.best(start, end, Metric.FREE_RATE, self.rules(0))
        if widest is None:
            raise NoWayError("NO_PATH", f"no links that are up lead from {start} to {end}")
        text = f"{bandwidth_bps} bit/s are asked for; the widest way from {start} to {end} has {widest.free_bps}"
        raise NoWayError("NO_CAPACITY", f"{text} bit/s to spare")

    # -- W4 ---------------------------------------------------------------------------------------------

    async def create(self, qkdl_id: str, start: str, end: str, bandwidth_bps: int, metric: Metric) -> VirtualLink:
        """Keys relayed between two nodes.

        Raises:
            ContractError: FAILED_PRECONDITION / NO_PATH, NO_CAPACITY, NODE_OFFLINE, NODE_REFUSED.
        """
        for node in (start, end):
            if self._network.view(node) is None:
                raise unknown("node", node)
        known = self._plan.virtual.get(qkdl_id)
        if known is not None and known.stage is not Stage.GOING and {start, end} == {known.path[0], known.path[-1]}:
            return known
        if known is not None or qkdl_id in self._plan.physical:
            raise invalid("LINK_EXISTS", f"link {qkdl_id} is another one")
        try:
            way = self.way(self._network.map(), (start, end), bandwidth_bps, metric)
        except NoWayError as error:
            raise impossible(error.reason, error.text) from None
        link = VirtualLink(qkdl_id or str(uuid.uuid4()), list(way.nodes), list(way.qkdl_ids), bandwidth_bps)
        with self._plan.change() as change:
            change.put(link)
        results = await self._engine.settle(link.path)
        if trouble := refusal_of(link.qkdl_id, results):
            await self.take_down(link)
            raise impossible(*trouble)
        return link

    async def take_down(self, *links: VirtualLink | PhysicalLink) -> None:
        """Takes links away at all their nodes; what cannot be reached loses them when it is back."""
        with self._plan.change() as change:
            for link in links:
                link.stage = Stage.GOING
                change.put(link)
        await self._engine.settle({node for link in links for node in link.nodes})

    # -- when a link is down ----------------------------------------------------------------------------

    def is_broken(self, hop: str) -> bool:
        """Whether a PHYS link carries nothing more: down, going or gone."""
        link = self._plan.physical.get(hop)
        return link is None or link.stage is Stage.GOING or self._network.state(link)[0] == DOWN

    def broken(self) -> list[VirtualLink]:
        """Virtual links with such a hop; those of the most important applications first."""
        hops = {hop for link in self._plan.virtual.values() for hop in link.hops}
        bad = {hop for hop in hops if self.is_broken(hop)}
        found = [one for one in self._plan.virtual.values() if one.stage is not Stage.GOING and bad & set(one.hops)]
        return sorted(found, key=lambda link: -self._priority(link))

    def _priority(self, link: VirtualLink) -> int:
        app = self._plan.applications.get(link.app_id)
        return -1 if app is None else app.priority

    async def reroute(self) -> list[Application]:
        """Moves broken virtual links onto other ways; gives the applications for whose links there is none.

        The link keeps its id. Nodes that are new to it are told first, then those that stay, then those that it
        leaves: there is a way at every moment, unless the old and the new one share a node.
        """
        async with self._recovering:
            links = self.broken()
            if not links:
                return []
            area = self._network.map()
            for link in links:  # what they hold on hops that still work is theirs to use again
                for hop in link.hops:
                    area.give(hop, link.bandwidth_bps)
            moved, lost, fresh, staying, left = list[VirtualLink](), list[VirtualLink](), set(), set(), set()
            for link in links:
                before = set(link.path)
                try:
                    way = self.way(area, (link.path[0], link.path[-1]), link.bandwidth_bps)
                except NoWayError:
                    lost.append(link)
                    continue
                for hop in way.qkdl_ids:
                    area.give(hop, -link.bandwidth_bps)
                link.move(way.nodes, way.qkdl_ids)
                moved.append(link)
                fresh |= set(link.path) - before
                staying |= set(link.path) & before
                left |= set(link.left) | {node for _, *ends in link.left_hops for node in ends}
            if moved:
                with self._plan.change() as change:
                    change.put(*moved)
                    for link in moved:
                        change.note("REROUTED", link.qkdl_id, f"now by {' – '.join(link.path)}")
                for wave in (fresh - staying, staying, left - staying):
                    await self._engine.settle(wave)
        return [app for link in lost if (app := self._plan.applications.get(link.app_id))]


def refusal_of(key: str, results: dict[str, Synced | None]) -> tuple[str, str] | None:
    """Reason and text of the first node that did not take an entry."""
    for node, done in results.items():
        if done is None:
            return "NODE_OFFLINE", f"node {node} does not answer"
        if key in done.refused:
            return "NODE_REFUSED", f"node {node}: {done.refused[key]}"
    return None
