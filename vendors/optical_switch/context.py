"""The context of T-API 2.1.3 as JSON (RFC 7951): what the switches are, whatever is connected."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .layout import Layout, Line, Port, id_of

Json = dict[str, Any]
CONTEXT = "tapi-common:context"
TOPOLOGY = "tapi-topology:topology-context"
CONNECTIVITY = "tapi-connectivity:connectivity-context"
QUALIFIER = "tapi-photonic-media:PHOTONIC_LAYER_QUALIFIER_MC"
_COSTS = {  # the model wants one of each
    "cost-characteristic": [{"cost-name": "hops", "cost-value": "1"}],
    "latency-characteristic": [{"traffic-property-name": "light", "fixed-latency-characteristic": "0"}],
}
_LIVE = {"administrative-state": "UNLOCKED", "operational-state": "ENABLED", "lifecycle-state": "INSTALLED"}


@dataclass(slots=True)
class Shown:
    """What is connected: services and connections, and the ports at which connections end."""

    services: list[Json] = field(default_factory=list)
    connections: list[Json] = field(default_factory=list)
    ends: list[Port] = field(default_factory=list)


def end_point_of(port: Port) -> Json:
    """How a connection names the point at which it ends."""
    return {
        "topology-uuid": id_of("topology"),
        "node-uuid": id_of("node", port.switch),
        "node-edge-point-uuid": port.edge,
        "connection-end-point-uuid": id_of("cep", port.edge),
    }


def context_of(layout: Layout, shown: Shown) -> Json:
    """All of it, as the value of tapi-common:context."""
    services, connections = shown.services, shown.connections
    connectivity: Json = {}
    if services:
        connectivity["connectivity-service"] = services
    if connections:
        connectivity["connection"] = connections
    return {
        "uuid": id_of("context"),
        "name": _names(context="optical switches"),
        "service-interface-point": [_point(port) for port in layout.ports if not port.link],
        TOPOLOGY: {"topology": [_topology(layout, {port.edge for port in shown.ends})]},
        CONNECTIVITY: connectivity,
    }


def _names(**names: object) -> list[Json]:
    return [{"value-name": name, "value": str(value)} for name, value in names.items()]


def _point(port: Port) -> Json:
    return {
        "uuid": port.sip,
        "name": _names(device=port.device, port=port.number),
        "layer-protocol-name": "PHOTONIC_MEDIA",
        "supported-layer-protocol-qualifier": [QUALIFIER],
        "direction": "BIDIRECTIONAL",
        **_LIVE,
    }


def _topology(layout: Layout, lit: set[str]) -> Json:
    topology = id_of("topology")
    nodes = []
    for switch in layout.switches:
        ports = [port for port in layout.ports if port.switch == switch]
        node = {
            "uuid": id_of("node", switch),
            "name": _names(switch=switch),
            "layer-protocol-name": ["PHOTONIC_MEDIA"],
            "owned-node-edge-point": [_edge(port, lit=port.edge in lit) for port in ports],
            **_COSTS,
            **_LIVE,
        }
        nodes.append(node)
    made: Json = {
        "uuid": topology,
        "name": _names(topology="switches and lines"),
        "layer-protocol-name": ["PHOTONIC_MEDIA"],
        "node": nodes,
    }
    if layout.lines:
        made["link"] = [_link(topology, line) for line in layout.lines]
    return made


def _edge(port: Port, *, lit: bool) -> Json:
    edge: Json = {
        "uuid": port.edge,
        "name": _names(device=port.device, port=port.number),
        "layer-protocol-name": "PHOTONIC_MEDIA",
        "supported-cep-layer-protocol-qualifier": [QUALIFIER],
        "link-port-direction": "BIDIRECTIONAL",
        **_LIVE,
    }
    if not port.link:
        edge["mapped-service-interface-point"] = [{"service-interface-point-uuid": port.sip}]
    if lit:
        end = {
            "uuid": id_of("cep", port.edge),
            "layer-protocol-name": "PHOTONIC_MEDIA",
            "layer-protocol-qualifier": QUALIFIER,
            "connection-port-direction": "BIDIRECTIONAL",
            "operational-state": "ENABLED",
            "lifecycle-state": "INSTALLED",
        }
        edge["tapi-connectivity:cep-list"] = {"connection-end-point": [end]}
    return edge


def _link(topology: str, line: Line) -> Json:
    ends = [
        {"topology-uuid": topology, "node-uuid": id_of("node", port.switch), "node-edge-point-uuid": port.edge}
        for port in (line.one, line.other)
    ]
    return {
        "uuid": id_of("link", line.link, line.number),
        "name": _names(link=line.link, line=line.number),
        "layer-protocol-name": ["PHOTONIC_MEDIA"],
        "direction": "BIDIRECTIONAL",
        "node-edge-point": ends,
        "risk-characteristic": [{"risk-characteristic-name": "fibre", "risk-identifier-list": [line.link]}],
        "validation-mechanism": [{"validation-mechanism": "none"}],
        "transitioned-layer-protocol-name": ["MC", "OMS"],  # two, wants the model
        **_COSTS,
        **_LIVE,
    }


def resource(context: Json, path: list[str]) -> tuple[str, Any] | None:
    """The resource below the data resource that path segments name: its qualified name, and its value.

    An entry of a list comes as a list of one (RFC 8040, 4.3). None: there is none.
    """
    value: Any = {CONTEXT: context}
    module, name = "", ""
    for segment in path:
        step, has_key, key = segment.partition("=")
        prefix, _, own = step.rpartition(":")
        module, qualified = (prefix or module), step
        if isinstance(value, list):
            value = value[0]
        if not isinstance(value, dict):
            return None
        names = (qualified, own, f"{module}:{own}")
        name = next((one for one in names if one in value), "")
        if not name or (not prefix and not module):
            return None
        value = value[name]
        if has_key:
            leaf = {"name": "value-name", "end-point": "local-id"}.get(own, "uuid")
            value = [one for one in value if isinstance(one, dict) and one.get(leaf) == key]
            if not value:
                return None
    own = name.rpartition(":")[2]
    return (f"{module}:{own}", value) if name else None
