"""The network as the nodes show it, beside what is wanted: which links can be used, and what they have to spare."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from qkd.control.v1 import controller_pb2 as north
from qkd.node.v1 import agent_pb2 as pb

from .model import Admission, NodeRecord, PhysicalLink, Stage, VirtualLink
from .paths import Line, Map
from .plan import Plan
from .settings import ControllerSettings

UP, DOWN, PENDING = north.LINK_STATE_UP, north.LINK_STATE_DOWN, north.LINK_STATE_PENDING
_STATES = {
    pb.LINK_STATUS_UNSPECIFIED: (UP, ""),  # a node need not tell
    pb.LINK_STATUS_ACTIVE: (UP, ""),
    pb.LINK_STATUS_PENDING: (PENDING, "waits for its modules"),
    pb.LINK_STATUS_PASSIVE: (DOWN, "makes no keys (PASSIVE)"),
    pb.LINK_STATUS_OFF: (DOWN, "is off"),
}


@dataclass(slots=True)
class NodeView:
    """A node, as read and heard last.

    Attributes:
        node: None = never reached.
        trouble: why it is not online, for people.
        refused: of the entries that are wanted of it, why it does not take them.
        links: of `node`, by qkdl_id.
    """

    record: NodeRecord
    node: pb.SdNode | None = None
    online: bool = False
    trouble: str = "not reached yet"
    refused: dict[str, str] = field(default_factory=dict)
    links: dict[str, pb.QkdLink] = field(default_factory=dict)

    def show(self, node: pb.SdNode) -> None:
        """Takes what was read."""
        self.node, self.online, self.trouble = node, True, ""
        self.links = {link.qkdl_id: link for link in node.qkd_links}


class Network:
    """All nodes.

    Attributes:
        views: by URL.
        down: PHYS links of which a node has said that they are down, and its reason.
    """

    def __init__(self, plan: Plan, settings: ControllerSettings) -> None:
        self._plan = plan
        self._settings = settings
        self.views: dict[str, NodeView] = {}
        self.down: dict[str, str] = {}
        self._by_id: dict[str, NodeView] = {}

    def load(self) -> None:
        """Takes over the nodes of the plan; what was seen of them stays."""
        self.views = {url: self.views.get(url) or NodeView(record) for url, record in self._plan.nodes.items()}
        self.index()

    def index(self) -> None:
        """Finds nodes by their ids anew."""
        self._by_id = {view.record.qkdn_id: view for view in self.views.values() if view.record.qkdn_id}

    def view(self, qkdn_id: str) -> NodeView | None:
        """A node by its id."""
        return self._by_id.get(qkdn_id)

    def interface(self, qkdn_id: str, qkdi_id: int) -> pb.QkdInterface | None:
        """An interface as its node shows it."""
        view = self.view(qkdn_id)
        found = view.node.qkd_interfaces if view and view.node else ()
        return next((one for one in found if one.qkdi_id == qkdi_id), None)

    # -- links ------------------------------------------------------------------------------------------

    def state(self, link: PhysicalLink | VirtualLink) -> tuple[north.LinkState.ValueType, str]:
        """Whether a link is up, and why not. A virtual link is when its hops are."""
        if link.stage is not Stage.UP:
            return PENDING, f"is {link.stage}"
        if isinstance(link, VirtualLink):
            return self._virtual_state(link)
        if link.qkdl_id in self.down:
            return DOWN, self.down[link.qkdl_id]
        worst: tuple[north.LinkState.ValueType, str] = (UP, "")
        for node in link.nodes:
            state, trouble = self._state_at(node, link.qkdl_id)
            if state == DOWN or (state == PENDING and worst[0] == UP) or (trouble and not worst[1]):
                worst = (state, trouble)
        return worst

    def _virtual_state(self, link: VirtualLink) -> tuple[north.LinkState.ValueType, str]:
        for hop in link.hops:
            physical = self._plan.physical.get(hop)
            state, trouble = (DOWN, "is gone") if physical is None else self.state(physical)
            if state != UP:
                return state, f"hop {hop} {trouble}"
        return UP, ""

    def _state_at(self, node: str, qkdl_id: str) -> tuple[north.LinkState.ValueType, str]:
        view = self.view(node)
        if view is None or view.node is None:
            return PENDING, f"node {node} was not reached"
        if qkdl_id in view.refused:
            return DOWN, f"node {node}: {view.refused[qkdl_id]}"
        if qkdl_id not in view.links:
            return PENDING, f"node {node} does not have it"
        state, trouble = _STATES[view.links[qkdl_id].qkdl_status]
        if state == UP and not view.online:
            return UP, f"node {node} is offline"
        return state, f"node {node}: {trouble}" if trouble else ""

    def skr_bps(self, link: PhysicalLink) -> int:
        """What its modules make, bits a second: what the slower end says; 0 when neither does."""
        told = []
        for node in link.nodes:
            view = self.view(node)
            seen = view.links.get(link.qkdl_id) if view else None
            if seen is not None and seen.qkdl_performance.HasField("skr"):
                told.append(seen.qkdl_performance.skr)
        return min(told, default=0)

    def is_overdrawn(self, link: PhysicalLink, reserved_bps: int) -> bool:
        """Whether more is promised of a link than its modules make; not while an end has not told what they make."""
        ends = [self.view(node) for node in link.nodes]
        if not all(view and view.online and link.qkdl_id in view.links for view in ends):
            return False
        return reserved_bps > self.skr_bps(link)

    def reservations(self) -> dict[str, int]:
        """Bits a second that are promised, by qkdl_id; see `Plan.reserved_bps`."""
        reserved: dict[str, int] = defaultdict(int)
        for app in self._plan.applications.values():
            for qkdl_id in app.backing if app.admission is Admission.ADMITTED else ():
                reserved[qkdl_id] += app.demand_bps
        for link in self._plan.virtual.values():
            for hop in link.hops if link.stage is not Stage.GOING else ():
                reserved[hop] += link.bandwidth_bps
        return reserved

    def map(self) -> Map:
        """The PHYS links that keys can be relayed over now: up, both nodes online."""
        reserved = self.reservations()
        lines = []
        for link in self._plan.physical.values():
            ends = [self.view(node) for node in link.nodes]
            if self.state(link)[0] != UP or not all(view and view.online for view in ends):
                continue
            lines.append(self._line(link, self.skr_bps(link) - reserved[link.qkdl_id]))
        return Map(lines)

    def no_relays(self) -> frozenset[str]:
        """Nodes that do not relay: ends only."""
        return frozenset(
            view.record.qkdn_id
            for view in self.views.values()
            if view.node and view.node.HasField("key_relay_mode_enable") and not view.node.key_relay_mode_enable
        )

    def _line(self, link: PhysicalLink, free_bps: int) -> Line:
        settings = self._settings
        ends = [
            self.interface(link.one, link.one_interface),
            self.interface(link.other, link.other_interface),
        ]
        seen = [one for one in ends if one is not None]
        wait_ms = 1000 * settings.relay_block_bits / free_bps if free_bps > 0 else 0.0
        return Line(
            link.qkdl_id,
            link.one,
            link.other,
            free_bps,
            settings.hop_latency_ms + wait_ms,
            frozenset(makers_of(seen)),
            frozenset(pb.Technology.Name(one.qkdi_type) for one in seen),
        )


def makers_of(interfaces: Iterable[pb.QkdInterface]) -> set[str]:
    """Makers by the first word of qkdi_model ("vendor/device" in the model's text, "maker model" in the field)."""
    return {one.qkdi_model.replace("/", " ").split(" ")[0] for one in interfaces if one.qkdi_model.strip()}
