"""The tree of ETSI GS QKD 015 V2.1.1 in JSON (RFC 7951): read into `qkd.node.v1`, and entries written from it.

Reads what a conformant agent sends: qualified identities, decimal64 as text, the top-level member qualified. Members
that are unknown, or not of their type, are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from qkd.node.v1 import agent_pb2 as pb

MODULE = "etsi-qkd-sdn-node"
TYPES = "etsi-qkd-node-types"
NODE = f"{MODULE}:qkd_node"
Json = dict[str, Any]


class ForeignTreeError(ValueError):
    """What was read is not the tree of 015 V2.1.1; says why."""


def read_node(body: object) -> pb.SdNode:
    """The answer to GET of qkd_node.

    Raises:
        ForeignTreeError: it is none.
    """
    if not isinstance(body, dict) or not isinstance(body.get(NODE), dict):
        raise ForeignTreeError(f"the answer has no top-level member {NODE!r} (RFC 7951, 4)")
    tree = body[NODE]
    node = pb.SdNode(qkdn_id=_text(tree, "qkdn_id"))
    if not node.qkdn_id:
        raise ForeignTreeError("qkd_node has no qkdn_id, which is mandatory")
    node.qkdn_status = _identity(tree, "qkdn_status", "NODE_STATUS", pb.NodeStatus)
    node.qkdn_version = _text(tree, "qkdn_version")
    node.qkdn_location_id = _text(tree, "qkdn_location_id")
    capabilities = _inner(tree, "qkdn_capabilities")
    for leaf in ("link_stats_support", "application_stats_support", "key_relay_mode_enable"):
        if isinstance(capabilities.get(leaf), bool):
            setattr(node, leaf, capabilities[leaf])
    node.qkd_applications.extend(read_application(one) for one in _list(tree, "qkd_applications", "qkd_app"))
    node.qkd_interfaces.extend(read_interface(one) for one in _list(tree, "qkd_interfaces", "qkd_interface"))
    node.qkd_links.extend(read_link(one) for one in _list(tree, "qkd_links", "qkd_link"))
    return node


def raw_entries(body: Json) -> tuple[dict[str, Json], dict[str, Json]]:
    """Entries of qkd_link by qkdl_id and of qkd_app by app_id, as they were read."""
    links = {_text(one, "qkdl_id"): one for one in _list(body[NODE], "qkd_links", "qkd_link")}
    apps = {_text(one, "app_id"): one for one in _list(body[NODE], "qkd_applications", "qkd_app")}
    return links, apps


def read_application(tree: Json) -> pb.QkdApplication:
    """An entry of qkd_app, or what a notification tells of one."""
    app = pb.QkdApplication(
        app_id=_text(tree, "app_id"),
        app_status=_identity(tree, "app_status", "APPLICATION_STATUS", pb.ApplicationStatus),
        app_type=_identity(tree, "app_type", "APPLICATION_TYPE", pb.ApplicationType),
        server_app_id=_text(tree, "server_app_id"),
        client_app_ids=_texts(tree, "client_app_id"),
        app_priority=_number(tree, "app_priority") or 0,
        backing_qkdl_ids=_texts(tree, "backing_qkdl_id"),
        local_qkdn_id=_text(tree, "local_qkdn_id"),
        remote_qkdn_id=_text(tree, "remote_qkdn_id"),
    )
    for name, value in read_qos(tree).items():
        setattr(app.app_qos, name, value)
    return app


def read_qos(tree: Json) -> dict[str, int | bool]:
    """The leaves of app_qos that are there."""
    qos = _inner(tree, "app_qos")
    found: dict[str, int | bool] = {}
    for name in ("max_bandwidth", "min_bandwidth", "jitter", "ttl"):
        if (number := _number(qos, name)) is not None:
            found[name] = number
    for name in ("clients_shared_path_enable", "clients_shared_keys_required"):
        if isinstance(qos.get(name), bool):
            found[name] = qos[name]
    return found


def read_interface(tree: Json) -> pb.QkdInterface:
    """An entry of qkd_interface."""
    place, can = _inner(tree, "qkdi_att_point"), _inner(tree, "qkdi_capabilities")
    return pb.QkdInterface(
        qkdi_id=_number(tree, "qkdi_id") or 0,
        qkdi_model=_text(tree, "qkdi_model"),
        qkdi_type=_identity(tree, "qkdi_type", "TECHNOLOGY", pb.Technology),
        device=_text(place, "device"),
        port=_number(place, "port"),
        role_support=_identity(can, "role_support", "LINK_ROLE", pb.LinkRole),
        wavelength_range=_text(can, "wavelength_range"),
        max_absorption=_decimal(can, "max_absorption"),
        qkdi_status=_identity(tree, "qkdi_status", "INTERFACE_STATUS", pb.InterfaceStatus),
    )


def read_link(tree: Json) -> pb.QkdLink:
    """An entry of qkd_link."""
    link = pb.QkdLink(
        qkdl_id=_text(tree, "qkdl_id"),
        qkdl_status=_identity(tree, "qkdl_status", "LINK_STATUS", pb.LinkStatus),
        qkdl_type=_identity(tree, "qkdl_type", "LINK_TYPE", pb.LinkType),
        qkdl_applications=_texts(tree, "qkdl_applications"),
        virt_prev_hop=_text(tree, "virt_prev_hop"),
        virt_next_hops=_texts(tree, "virt_next_hop"),
        virt_bandwidth=_number(tree, "virt_bandwidth"),
        phys_channel_att=_decimal(tree, "phys_channel_att"),
        phys_wavelength=_text(tree, "phys_wavelength"),
        phys_qkd_role=_identity(tree, "phys_qkd_role", "LINK_ROLE", pb.LinkRole),
        qkdl_performance=read_performance(_inner(tree, "qkdl_performance")),
    )
    if isinstance(tree.get("qkdl_enable"), bool):
        link.qkdl_enable = tree["qkdl_enable"]
    for name, end in (("qkdl_local", link.qkdl_local), ("qkdl_remote", link.qkdl_remote)):
        place = _inner(tree, name)
        end.qkdn_id = _text(place, "qkdn_id")
        if (interface := _number(place, "qkdi_id")) is not None:
            end.qkdi_id = interface
    return link


def read_performance(tree: Json) -> pb.LinkPerformance:
    """`qkdl_performance`, or `performance` of a notification."""
    performance = pb.LinkPerformance(
        expected_consumption=_number(tree, "expected_consumption"),
        skr=_number(tree, "skr"),
        eskr=_number(tree, "eskr"),
    )
    for one in tree.get("phys_perf", ()) if isinstance(tree.get("phys_perf"), list) else ():
        if isinstance(one, dict) and (value := _decimal(one, "value")) is not None:
            kind = _identity(one, "perf_type", "PERFORMANCE_TYPE", pb.PerformanceType)
            performance.phys_perf.add(perf_type=kind, value=value)
    return performance


def identity(name: str) -> str:
    """How an identity of the types module is written."""
    return f"{TYPES}:{name}"


def decimal(value: float) -> str:
    """A decimal64 of three places in its canonical form: "24.5", "3.0"."""
    text = f"{value:.3f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


# -- reading ----------------------------------------------------------------------------------------------


def _inner(tree: Mapping[str, Any], name: str) -> Json:
    value = tree.get(name)
    return value if isinstance(value, dict) else {}


def _list(tree: Mapping[str, Any], container: str, name: str) -> Iterator[Json]:
    entries = _inner(tree, container).get(name)
    return (one for one in entries if isinstance(one, dict)) if isinstance(entries, list) else iter(())


def _text(tree: Mapping[str, Any], name: str) -> str:
    value = tree.get(name)
    return value if isinstance(value, str) else ""


def _texts(tree: Mapping[str, Any], name: str) -> list[str]:
    value = tree.get(name)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _number(tree: Mapping[str, Any], name: str) -> int | None:
    value = tree.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 32 else None


def _decimal(tree: Mapping[str, Any], name: str) -> float | None:
    try:
        return float(tree[name]) if isinstance(tree.get(name), str) else None
    except ValueError:
        return None


def _identity(tree: Mapping[str, Any], name: str, prefix: str, kind: Any) -> Any:
    module, _, own = _text(tree, name).partition(":")
    value = f"{prefix}_{own.upper().replace('-', '_')}"
    return kind.Value(value if module == TYPES and value in kind.keys() else f"{prefix}_UNSPECIFIED")  # noqa: SIM118 - an enum of protobuf
