"""Who is connected to whom: fibres, patches and the present cross-connections of the switches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, TypeAlias

import grpc

from harness.contract import ContractError
from harness.plant.plan import HubPlan, Path, PlantPlan, PortPlan, Span, SwitchPlan, arm_port, line_port


@dataclass(frozen=True, slots=True)
class FibreEnd:
    """One end of one line of a link."""

    link_id: str
    number: int
    site: str

    def __str__(self) -> str:
        return f"{self.link_id} at {self.site}"


# A module's port or a hub's arm (its name), or a fibre end.
Node: TypeAlias = str | FibreEnd


@dataclass(frozen=True, slots=True)
class Joint:
    """Two nodes that touch: in a switch, or patched (`switch` empty)."""

    other: Node
    switch: str


@dataclass(frozen=True, slots=True)
class Hop:
    """A link on a way, and the site from which the light enters it."""

    link_id: str
    from_site: str


@dataclass(frozen=True, slots=True)
class Way:
    """Where light goes that leaves a port.

    Attributes:
        steps: links, and between them the switch gone through (its id; empty = a patch).
        end: port or arm it reaches; empty = nobody.
        stops_at: where it stops when it reaches nobody, for people.
    """

    steps: tuple[Hop | str, ...]
    end: str
    stops_at: str = ""

    @property
    def hops(self) -> tuple[Hop, ...]:
        """The links alone, in order."""
        return tuple(step for step in self.steps if isinstance(step, Hop))


class Fabric:
    """All that is connected. Every node has one joint at most, so a way from a port never closes on itself.

    Args:
        plan: its paths are what is connected at the start.
        joints: what is connected instead.

    Attributes:
        hub_of: the hub's port of each arm.

    Raises:
        ValueError: when a path of the plan cannot be laid; says why.
    """

    def __init__(self, plan: PlantPlan, joints: Mapping[Node, Joint] | None = None) -> None:
        self._plan = plan
        self._spans: dict[str, Span] = {span.link_id: span for span in plan.spans}
        self._ports: dict[str, PortPlan] = {port.port_id: port for port in plan.ports}
        self._switches: dict[str, SwitchPlan] = {switch.switch_id: switch for switch in plan.switches}
        self._hubs: dict[str, HubPlan] = {hub.port_id: hub for hub in plan.hubs}
        self.hub_of = {arm: hub for hub in self._hubs for arm in self.arms(hub)}
        self._joints = dict(joints or {})
        if joints is None:
            self._lay()

    def copied(self) -> Self:
        """The same connections, to try another one."""
        return type(self)(self._plan, self._joints)

    def arms(self, hub_port: str) -> tuple[str, ...]:
        """Names of a hub's arms; none for any other port."""
        hub = self._hubs.get(hub_port)
        return tuple(arm_port(hub_port, n) for n in range(1, hub.arms + 1)) if hub else ()

    def way(self, start: str) -> Way:
        """Where light goes from a port or arm."""
        steps: list[Hop | str] = []
        node: Node = start
        while (joint := self._joints.get(node)) is not None:
            steps.append(joint.switch)
            if isinstance(joint.other, str):
                return Way(tuple(steps), joint.other)
            steps.append(Hop(joint.other.link_id, joint.other.site))
            node = self._far(joint.other)
        return Way(tuple(steps), "", str(node))

    def connections(self) -> list[tuple[str, str, str]]:
        """Every cross-connection once: switch, one port, other port."""
        found = {
            (joint.switch, *sorted((self._name(joint.switch, node), self._name(joint.switch, joint.other))))
            for node, joint in self._joints.items()
            if joint.switch
        }
        return sorted((switch, one, other) for switch, one, other in found)

    # -- switching --------------------------------------------------------------------------------------

    def connect(self, switch_id: str, one_port: str, other_port: str) -> None:
        """Connects two ports of a switch; nothing happens when they are.

        Raises:
            ContractError: NOT_FOUND / UNKNOWN_SWITCH, UNKNOWN_PORT; INVALID_ARGUMENT / SAME_PORT;
                FAILED_PRECONDITION / SLA_CLASSICAL, PORT_IN_USE.
        """
        one, other = self._node(switch_id, one_port), self._node(switch_id, other_port)
        if one == other:
            raise ContractError(
                grpc.StatusCode.INVALID_ARGUMENT, "SAME_PORT", message=f"{one_port} cannot be connected to itself"
            )
        if self._joints.get(one) == Joint(other, switch_id):
            return
        for name, node in ((one_port, one), (other_port, other)):
            if (joint := self._joints.get(node)) is not None:
                beside = f"by {joint.switch} connected" if joint.switch else "patched"
                text = f"{name} is {beside} to {self._name(joint.switch, joint.other)} already; open that first"
                raise ContractError(grpc.StatusCode.FAILED_PRECONDITION, "PORT_IN_USE", message=text)
        self._join(one, other, switch_id)

    def open(self, switch_id: str, one_port: str, other_port: str) -> None:
        """Opens a cross-connection.

        Raises:
            ContractError: as `connect`; FAILED_PRECONDITION / NOT_CONNECTED.
        """
        one, other = self._node(switch_id, one_port), self._node(switch_id, other_port)
        if self._joints.get(one) != Joint(other, switch_id):
            text = f"{one_port} and {other_port} are not connected by {switch_id}"
            raise ContractError(grpc.StatusCode.FAILED_PRECONDITION, "NOT_CONNECTED", message=text)
        del self._joints[one], self._joints[other]

    def _node(self, switch_id: str, name: str) -> Node:
        switch = self._switches.get(switch_id)
        if switch is None:
            raise ContractError(
                grpc.StatusCode.NOT_FOUND, "UNKNOWN_SWITCH", message=f"the plant has no switch {switch_id}"
            )
        for classical in switch.classical:
            if classical.port_id == name:
                whose = f" of {classical.owner}" if classical.owner else ""
                text = (
                    f"{name} of {switch_id} carries the classical channel {classical.channel}{whose}: not to be touched"
                )
                raise ContractError(grpc.StatusCode.FAILED_PRECONDITION, "SLA_CLASSICAL", message=text)
        port = self._ports.get(self.hub_of.get(name, name))
        if port is not None and port.switch == switch_id and name not in self._hubs:
            return name
        start, _, number = name.rpartition("/")
        link_id = start.removeprefix(switch_id + "/")
        span = self._spans.get(link_id)
        if span is not None and switch.site in (span.one_site, span.other_site) and number.isdecimal():
            end = FibreEnd(link_id, int(number), switch.site)
            if 1 <= end.number <= switch.lines and line_port(switch_id, link_id, end.number) == name:
                return end
        text = (
            f"{switch_id} has no port {name}; its ports are the modules that hang on it and "
            f"{line_port(switch_id, 'LINK', 1)} to {switch.lines} for the links at {switch.site}"
        )
        raise ContractError(grpc.StatusCode.NOT_FOUND, "UNKNOWN_PORT", message=text)

    def _name(self, switch_id: str, node: Node) -> str:
        if isinstance(node, str):
            return node
        return line_port(switch_id, node.link_id, node.number) if switch_id else str(node)

    def _far(self, end: FibreEnd) -> FibreEnd:
        span = self._spans[end.link_id]
        return FibreEnd(end.link_id, end.number, span.other_site if end.site == span.one_site else span.one_site)

    def _join(self, one: Node, other: Node, switch_id: str) -> None:
        self._joints[one], self._joints[other] = Joint(other, switch_id), Joint(one, switch_id)

    # -- what is connected at the start -----------------------------------------------------------------

    def _lay(self) -> None:
        for path in self._plan.paths:
            try:
                self._lay_path(path)
            except (ValueError, ContractError) as error:
                text = error.message if isinstance(error, ContractError) else error
                raise ValueError(f"path {path.one_port} – {path.other_port}: {text}") from None
        for port in self._plan.ports:
            if port.link and port.port_id not in self._hubs and port.port_id not in self._joints:
                self._join(port.port_id, FibreEnd(port.link, self._free_line(port.link), port.site), "")

    def _lay_path(self, path: Path) -> None:
        one, other = self._end(path.one_port), self._end(path.other_port)
        node: Node = one
        site = self._port_of(one).site
        if unknown := set(path.switches) - set(self._switches):
            raise ValueError(f"there is no switch {', '.join(sorted(unknown))}")
        for link_id in path.links:
            span = self._spans.get(link_id)
            if span is None or site not in (span.one_site, span.other_site):
                raise ValueError(f"there is no link {link_id} at {site}")
            near = FibreEnd(link_id, self._free_line(link_id), site)
            self._joined(node, near, site, path)
            node, site = self._far(near), self._far(near).site
        port = self._port_of(other)
        if port.site != site:
            raise ValueError(f"its links end at {site}, but {port.port_id} is at {port.site}")
        self._joined(node, other, site, path)

    def _joined(self, one: Node, other: Node, site: str, path: Path) -> None:
        here = [name for name in path.switches if self._switches[name].site == site]
        for node in (one, other):
            switch = self._port_of(node).switch if isinstance(node, str) else ""
            if switch and switch not in here:
                raise ValueError(f"{node} hangs on {switch}: name it in `switches`")
            here = [switch] if switch else here
        if any(isinstance(node, str) and not self._port_of(node).switch for node in (one, other)):
            here = []  # a port that hangs on no switch is patched
        if len(here) > 1:
            raise ValueError(f"there are several switches at {site}: {', '.join(here)}; name one")
        if here:
            self.connect(here[0], self._name(here[0], one), self._name(here[0], other))
        else:
            self._join(one, other, "")

    def _end(self, port_id: str) -> str:
        """The port itself, or a hub's next free arm."""
        free = [name for name in (self.arms(port_id) or (port_id,)) if name not in self._joints]
        if self.hub_of.get(port_id, port_id) not in self._ports:
            raise ValueError(f"there is no port {port_id}")
        if not free:
            raise ValueError(f"{port_id} is connected already")
        return free[0]

    def _port_of(self, name: str) -> PortPlan:
        return self._ports[self.hub_of.get(name, name)]

    def _free_line(self, link_id: str) -> int:
        span, number = self._spans[link_id], 1
        while any(FibreEnd(link_id, number, site) in self._joints for site in (span.one_site, span.other_site)):
            number += 1
        return number
