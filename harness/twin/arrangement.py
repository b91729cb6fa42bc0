"""What a controlled network consists of: nodes, interfaces, ports of switches, and what is patched. No I/O.

A module at a site with an optical switch hangs on it. One at a site without is patched to a fibre; where that fibre
leads to a switch, the interface's attachment point is the port there: the switch decides where its light goes on to.
Where no switch is on the way, its two modules are patched to each other for good.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.plant.plan import SwitchPlan, line_port
from harness.topology import O_BAND, Module, Role, System, Topology
from qkd.node.v1.agent_pb2 import LinkEnd
from qkd.vendor.v1.vendor_pb2 import SwitchPort

_NAMES = uuid.UUID("5f0f52a5-6d0e-4f0f-9d8e-0a6f6c2b9e11")  # name space of all ids here, made up
_O_BAND_NM = "1310"
_SECOND = ".2"
# How a module is fixed: on a "switch", to a "link", or by a "path" to its peer; and which.
Fixing = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Interface:
    """A module as an interface of its node.

    Attributes:
        qkdi_id: from 1 at each node.
        device, port: attachment point; empty and 0 = patched through to its peer.
    """

    module: Module
    qkdi_id: int
    device: str
    port: int


class Arrangement:
    """All of it, from the topology alone: the same topology gives the same names.

    Args:
        topology: validated; without hubs.

    Attributes:
        interfaces: by module ID.
        ports: of all switches.

    Raises:
        ValueError: there is a hub.
    """

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.switches = {switch.site: switch.id for switch in topology.switches}
        used = {name for system in topology.systems for name in system.modules}
        self._modules = [module for module in topology.modules if module.id in used]
        if any(module.role is Role.HUB for module in self._modules):
            raise ValueError(f"{topology.name}: hubs are not controlled yet; raise it without a controller")
        self._fixed: dict[str, Fixing] = {}
        for system in sorted(topology.systems, key=lambda one: not one.active):
            for name in system.modules:
                if not system.rehoused:
                    self._fixed.setdefault(name, self._fixing(system, name))
        self._modules = [module for module in self._modules if module.id in self._fixed]
        self.ports: list[SwitchPort] = []
        self.interfaces = dict(self._interfaces())
        self._add_lines()

    # -- names --------------------------------------------------------------------------------------

    def qkdn_id(self, site: str) -> str:
        """UUID of the node at a site."""
        return str(uuid.uuid5(_NAMES, f"node {self.topology.name} {site}"))

    def qkdl_id(self, system: System) -> str:
        """UUID of the link that a system makes."""
        return str(uuid.uuid5(_NAMES, f"link {self.topology.name} {system.id}"))

    def virtual_id(self, ends: Iterable[str]) -> str:
        """UUID of the virtual link between two KMEs."""
        return str(uuid.uuid5(_NAMES, f"virtual {self.topology.name} {' '.join(sorted(ends))}"))

    def end(self, module_id: str) -> LinkEnd:
        """A module as the end of a link."""
        one = self.interfaces[module_id]
        return LinkEnd(qkdn_id=self.qkdn_id(one.module.site), qkdi_id=one.qkdi_id)

    def at(self, site: str) -> list[Interface]:
        """The interfaces of a node."""
        return [one for one in self.interfaces.values() if one.module.site == site]

    # -- what is possible ---------------------------------------------------------------------------

    def hindrance(self, system: System) -> str:
        """Why switches cannot make this link as everything stands, for people; empty = they can."""
        for name in system.modules:
            if place := self.place_needed(system, name):
                return f"needs {name} at {place}"
        return ""

    def place_needed(self, system: System, module_id: str) -> str:
        """Where a module would have to be for a system: a site, or a link that it is patched to; empty = it is."""
        if place := (system.rehoused or {}).get(module_id):
            return place
        wanted = self._fixing(system, module_id)
        return "" if self._fixed.get(module_id) == wanted else "+".join(wanted[1])

    def patched_link(self, module_id: str) -> str:
        """The link that a module is patched to; empty = it hangs on a switch, or is patched through to its peer."""
        kind, names = self._fixed.get(module_id, ("", ()))
        return names[0] if kind == "link" else ""

    def hangs_on(self, module_id: str) -> str:
        """The switch that a module hangs on; empty = on none."""
        kind, names = self._fixed.get(module_id, ("", ()))
        return names[0] if kind == "switch" else ""

    def patched_through(self) -> Iterator[System]:
        """Systems whose modules are patched to each other."""
        for system in self.topology.systems:
            fixed = {self._fixed.get(name, ("", ()))[0] for name in system.modules}
            if fixed == {"path"} and not self.hindrance(system):
                yield system

    def _fixing(self, system: System, module_id: str) -> Fixing:
        site = building(self.topology.module(module_id).site)
        if site in self.switches:
            return "switch", (self.switches[site],)
        ends = {end for name in system.path for end in self.topology.link(name).ends}
        if ends & self.switches.keys():
            return "link", (system.path[0 if module_id in system.transmitters else -1],)
        return "path", system.path

    # -- ports --------------------------------------------------------------------------------------

    def _interfaces(self) -> Iterator[tuple[str, Interface]]:
        # The plant gives lines first to what is patched through, then to ports in order.
        lines = Counter(name for system in self.patched_through() for name in system.path)
        numbers: Counter[str] = Counter()
        for module in self._modules:
            numbers[module.site] += 1
            device, port = self.hangs_on(module.id), 0
            if device:
                port = self._add(device, module.port)
            elif link := self.patched_link(module.id):
                lines[link] += 1
                device = self.switches.get(self.topology.link(link).other_end(module.site), "")
                port = self._add(device, line_port(device, link, lines[link])) if device else 0
            yield module.id, Interface(module, numbers[module.site], device, port)

    def _add_lines(self) -> None:
        for link in self.topology.links:
            here = [self.switches[end] for end in link.ends if end in self.switches]
            for switch in here if len(here) > 1 else ():
                for number in range(1, SwitchPlan(switch_id=switch, site="").lines + 1):
                    self._add(switch, line_port(switch, link.id, number), link.id, number)

    def _add(self, switch: str, port_id: str, link_id: str = "", line: int = 0) -> int:
        number = 1 + sum(port.device == switch for port in self.ports)
        self.ports.append(
            SwitchPort(device=switch, port=number, switch_id=switch, port_id=port_id, link_id=link_id, line=line)
        )
        return number


def second_node(site: str) -> str:
    """Site id of a second node in the building of a first, beside the same switch."""
    return site + _SECOND


def building(site: str) -> str:
    """Where the equipment of a node stands: the site of the first node there."""
    return site.removesuffix(_SECOND)


def wavelength_of(channel: str) -> str:
    """A channel of a topology as phys_wavelength: "C-37" is "37", the O-band "1310"."""
    return _O_BAND_NM if channel == O_BAND else channel.rpartition("-")[2]
