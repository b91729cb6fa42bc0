"""What a client asks for, checked: connectivity-service of T-API 2.1.3 as far as this emulator offers it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .layout import Layout, Port
from .refusals import RefusalError, invalid

SERVICE = "tapi-connectivity:connectivity-service"
SPEC = "tapi-photonic-media:media-channel-connectivity-service-end-point-spec"
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_FIRST_MHZ, _GRID_MHZ = 190_000_000, 100_000  # ITU-T G.694.1: channel n lies at 190.0 THz + n * 0.1 THz
_O_BAND_MHZ = range(220_000_000, 238_000_000)  # 1260 to 1360 nm
_DIRECTIONS = ("UNIDIRECTIONAL", "BIDIRECTIONAL", "UNDEFINED_OR_UNKNOWN")
_WRITABLE = {
    "uuid", "name", "service-layer", "service-type", "service-level", "requested-capacity", "connectivity-direction",
    "end-point", "administrative-state",
}  # fmt: skip
_READ_ONLY = {"operational-state", "lifecycle-state", "connection"}


@dataclass(frozen=True, slots=True)
class Order:
    """A service that is asked for.

    Attributes:
        body: as sent, to be shown again.
        start, end: where the light enters and leaves; without directions the first end point is the start.
        channel: as the plant writes it, "C-37" or "O"; empty = not said.
        both_ways: the channel is used in both directions.
    """

    uuid: str
    body: dict[str, Any]
    start: Port
    end: Port
    channel: str = ""
    both_ways: bool = True


def orders(body: object, layout: Layout) -> Order:
    """The one service of a request's body.

    Raises:
        RefusalError: 400; says which member is wrong.
    """
    if not isinstance(body, dict):
        raise RefusalError(400, "malformed-message", "the body is no JSON object", protocol=True)
    if set(body) != {SERVICE}:
        raise RefusalError(400, "unknown-element", f"the body has the one member {SERVICE!r}", protocol=True)
    services = body[SERVICE]
    if not isinstance(services, list) or len(services) != 1 or not isinstance(services[0], dict):
        raise RefusalError(400, "bad-element", f"{SERVICE} is a list of one service", protocol=True)
    return _order(services[0], layout)


def _order(service: dict[str, Any], layout: Layout) -> Order:
    for name in service:
        if name in _READ_ONLY:
            raise invalid(f"{name} is not for the client to say (config false)")
        if name not in _WRITABLE:
            raise RefusalError(400, "unknown-element", f"connectivity-service: {name} is not offered here")
    uuid = service.get("uuid")
    if not isinstance(uuid, str) or not _UUID.fullmatch(uuid):
        raise RefusalError(400, "missing-element", "connectivity-service: uuid is a UUID, chosen by the client")
    if service.get("service-layer", "PHOTONIC_MEDIA") != "PHOTONIC_MEDIA":
        raise invalid("service-layer: these switches do PHOTONIC_MEDIA")
    if service.get("connectivity-direction", "BIDIRECTIONAL") not in _DIRECTIONS:
        raise invalid(f"connectivity-direction is one of {', '.join(_DIRECTIONS)}")
    if service.get("administrative-state", "UNLOCKED") not in ("LOCKED", "UNLOCKED"):
        raise invalid("administrative-state is LOCKED or UNLOCKED")
    return _between(service, uuid.lower(), layout)


def _between(service: dict[str, Any], uuid: str, layout: Layout) -> Order:
    points = service.get("end-point")
    if not isinstance(points, list) or len(points) != 2 or not all(isinstance(one, dict) for one in points):
        raise invalid("end-point: a service through these switches has two")
    if len({one.get("local-id") for one in points}) < 2 or not all(isinstance(p.get("local-id"), str) for p in points):
        raise invalid("end-point: each has a local-id of its own")
    ports = [_port(one, layout) for one in points]
    if ports[0] == ports[1]:
        raise invalid("end-point: both are the same service interface point")
    channels = {channel for one in points if (channel := _channel(one))}
    if len(channels) > 1:
        raise invalid(f"end-point: two different channels, {' and '.join(sorted(channels))}")
    if points[1].get("direction") == "INPUT" or points[0].get("direction") == "OUTPUT":
        ports.reverse()
    both = service.get("connectivity-direction", "BIDIRECTIONAL") != "UNIDIRECTIONAL"
    return Order(uuid, service | {"uuid": uuid}, ports[0], ports[1], min(channels, default=""), both)


def _port(point: dict[str, Any], layout: Layout) -> Port:
    if point.get("layer-protocol-name", "PHOTONIC_MEDIA") != "PHOTONIC_MEDIA":
        raise invalid("end-point: layer-protocol-name is PHOTONIC_MEDIA")
    if point.get("direction", "BIDIRECTIONAL") not in ("BIDIRECTIONAL", "INPUT", "OUTPUT", "UNIDENTIFIED_OR_UNKNOWN"):
        raise invalid("end-point: direction is INPUT, OUTPUT or BIDIRECTIONAL")
    reference = point.get("service-interface-point")
    sip = reference.get("service-interface-point-uuid") if isinstance(reference, dict) else None
    port = layout.by_sip.get(sip) if isinstance(sip, str) else None
    if port is None:
        raise invalid(f"end-point: there is no service interface point {sip!r}")
    return port


def _channel(point: dict[str, Any]) -> str:
    """Of the spectrum that an end point names; empty = none."""
    spec = point.get(SPEC)
    if spec is None:
        return ""
    try:
        spectrum = spec["mc-config"]["spectrum"]
        bounds = [spectrum["lower-frequency"], spectrum["upper-frequency"]]
    except (TypeError, KeyError):
        bounds = []
    if not bounds or not all(isinstance(one, str) and one.isascii() and one.isdigit() for one in bounds):
        # RFC 7951, 6.1: uint64 is written as text
        raise invalid(f"{SPEC}: mc-config/spectrum has lower- and upper-frequency, uint64 as text, MHz")
    lower, upper = map(int, bounds)
    middle = (lower + upper) // 2
    if lower < upper and middle in _O_BAND_MHZ:
        return "O"
    number, beside = divmod(middle - _FIRST_MHZ, _GRID_MHZ)
    if lower >= upper or upper - lower > _GRID_MHZ or beside or not 0 < number < 100:
        raise invalid(f"{lower} to {upper} MHz is no channel of the 100 GHz grid (C-1 to C-99), nor in the O-band")
    return f"C-{number}"
