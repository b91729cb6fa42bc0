"""What a plant is made of, as data: spans, ports, switches, hubs, and what is connected at the start. No I/O."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.plant.physics import CLASSICAL_LAUNCH_DBM

# An answer with it stays below the 4 MiB that gRPC takes by default.
MOST_PARITY_OCTETS = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The fibre of a link. Each pair is two fibres, one for each direction.

    Attributes:
        link_id: unique.
        one_site, other_site: its ends.
        length_km: of fibre.
        loss_c_db, loss_o_db: from patch panel to patch panel at 1550 and 1310 nm, dB.
        fibre_pairs: so many signals can use the same channel in the same direction.
        classical_channels: in use by classical traffic, whatever the fibre: no quantum signal may use them.
        co_propagating: how many of them share fibre and direction with the quantum signals and so make Raman noise;
            None = all. (On MadQCI's link 2 all data was on the second fibre: 0.)
        classical_dbm: power of one of them where it enters the fibre, dBm.
    """

    link_id: str
    one_site: str
    other_site: str
    length_km: float
    loss_c_db: float
    loss_o_db: float
    fibre_pairs: int = 1
    classical_channels: tuple[str, ...] = ()
    co_propagating: int | None = None
    classical_dbm: float = CLASSICAL_LAUNCH_DBM


@dataclass(frozen=True, slots=True, kw_only=True)
class PortPlan:
    """A place where a module can be plugged in.

    Attributes:
        port_id: unique, for instance ``quijote/idq-1``.
        site: where it is.
        switch: the optical switch it hangs on; empty = patched to a fibre.
        link: the link it is patched to, where no `Path` says so.
        token: what its module must show; empty = the plant makes one.
    """

    port_id: str
    site: str
    switch: str = ""
    link: str = ""
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassicalPort:
    """A port of a switch that carries classical traffic: no cross-connection may take it.

    Attributes:
        port_id: its name at the switch.
        channel: what runs there.
        owner: whose traffic it is, for people.
    """

    port_id: str
    channel: str
    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchPlan:
    """An all-optical switch.

    Its ports are those `PortPlan` that hang on it, arms of hubs that hang on it, and for each link that ends at its
    site the demultiplexed lines `line_port(switch_id, link_id, 1 … lines)`. Line n at one end of a link is line n at
    the other; each carries one light path.

    Attributes:
        switch_id: unique.
        site: where it is.
        lines: for each link.
        classical: further ports, in use by classical traffic.
    """

    switch_id: str
    site: str
    lines: int = 16
    classical: tuple[ClassicalPort, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Two ports that are connected at the start.

    Attributes:
        one_port, other_port: their ids. The port of a hub stands for its next free arm.
        links: the links between them, in order from `one_port`; none = patched to each other.
        switches: the switches that it goes through; at a site without one of them it is patched through.
    """

    one_port: str
    other_port: str
    links: tuple[str, ...] = ()
    switches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HubPlan:
    """An MDI hub: its port has arms, one for each sender. More than two senders take turns, a pair a tick.

    Attributes:
        port_id: a port of the plan.
        arms: how many.
        parity_octets: length of `BellOutcome.parity`.
    """

    port_id: str
    arms: int = 2
    parity_octets: int = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantPlan:
    """A whole plant.

    Attributes:
        seed: of drift and tampering: same seed, same figures. No secret.
        ambient_c: temperature of all sites, degrees Celsius.

    Raises:
        ValueError: says what contradicts what.
    """

    spans: tuple[Span, ...] = ()
    ports: tuple[PortPlan, ...] = ()
    switches: tuple[SwitchPlan, ...] = ()
    paths: tuple[Path, ...] = ()
    hubs: tuple[HubPlan, ...] = ()
    ambient_c: float = 22.0
    seed: int = 0

    def __post_init__(self) -> None:
        _unique("link", (span.link_id for span in self.spans))
        _unique("switch", (switch.switch_id for switch in self.switches))
        _unique("hub", (hub.port_id for hub in self.hubs))
        # One name space: a cross-connection names any of them.
        _unique("port", (*(p.port_id for p in self.ports), *self._switch_ports()))
        for span in self.spans:
            _check_span(span)
        ports = {port.port_id for port in self.ports}
        for hub in self.hubs:
            _check_hub(hub, ports)
        for port in self.ports:
            self._check_port(port)

    def _switch_ports(self) -> Iterable[str]:
        for hub in self.hubs:
            yield from (arm_port(hub.port_id, number) for number in range(1, hub.arms + 1))
        for switch in self.switches:
            yield from (port.port_id for port in switch.classical)
            for span in self.spans:
                if switch.site in (span.one_site, span.other_site):
                    yield from (line_port(switch.switch_id, span.link_id, n) for n in range(1, switch.lines + 1))

    def _check_port(self, port: PortPlan) -> None:
        switches = {switch.switch_id: switch for switch in self.switches}
        spans = {span.link_id: span for span in self.spans}
        if port.switch and port.link:
            raise ValueError(
                f"port {port.port_id} hangs on switch {port.switch} or is patched to {port.link}, not both"
            )
        if port.switch and (port.switch not in switches or switches[port.switch].site != port.site):
            raise ValueError(f"port {port.port_id}: there is no switch {port.switch} at {port.site}")
        span = spans.get(port.link)
        if port.link and (span is None or port.site not in (span.one_site, span.other_site)):
            raise ValueError(f"port {port.port_id}: there is no link {port.link} at {port.site}")


def line_port(switch_id: str, link_id: str, number: int) -> str:
    """Name of a switch's port towards a link, `number` from 1."""
    return f"{switch_id}/{link_id}/{number}"


def arm_port(hub_port: str, number: int) -> str:
    """Name of an arm of a hub, `number` from 1."""
    return f"{hub_port}/arm-{number}"


def _unique(what: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if not name or count > 1:
            raise ValueError(f"{what} {name!r} is empty or given {count} times; each needs a name of its own")


def _check_span(span: Span) -> None:
    figures = (span.length_km, span.loss_c_db, span.loss_o_db)
    if not all(math.isfinite(one) and one >= 0 for one in figures) or not math.isfinite(span.classical_dbm):
        raise ValueError(f"link {span.link_id}: length and losses are finite and not below zero")
    if span.fibre_pairs < 1 or (span.co_propagating or 0) < 0:
        raise ValueError(f"link {span.link_id} needs at least one fibre pair, and no fewer than 0 channels beside it")
    if span.one_site == span.other_site:
        raise ValueError(f"link {span.link_id} leads from {span.one_site} back to it")


def _check_hub(hub: HubPlan, ports: set[str]) -> None:
    if hub.port_id not in ports:
        raise ValueError(f"hub {hub.port_id} is no port of the plan")
    if hub.arms < 2:
        raise ValueError(f"hub {hub.port_id} needs two arms or more, not {hub.arms}")
    if not 1 <= hub.parity_octets <= MOST_PARITY_OCTETS:
        raise ValueError(f"hub {hub.port_id}: parity_octets is 1 to {MOST_PARITY_OCTETS}, not {hub.parity_octets}")
