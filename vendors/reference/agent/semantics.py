"""What the model does not check and a node can; whether the ends of a link fit is the controller's care."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .mapping import TYPES_MODULE
from .refusals import RefusedError


def check(node: Mapping[str, Any], links: Sequence[Mapping[str, Any]], apps: Sequence[Mapping[str, Any]]) -> None:
    """Checks links and applications that are new or changed.

    Args:
        node: qkd_node as it is to be: its configuration, and its interfaces.
        links: entries of qkd_link.
        apps: entries of qkd_app.

    Raises:
        RefusedError: invalid-value, app tag "semantics", at the leaf to blame.
    """
    for kind, entries, rules in (("qkd_links/qkd_link", links, _link), ("qkd_applications/qkd_app", apps, _app)):
        for entry in entries:
            for leaf, text in rules(node, entry):
                key = "qkdl_id" if "qkdl_id" in entry else "app_id"
                path = f"/etsi-qkd-sdn-node:qkd_node/{kind}[{key}='{entry[key]}']/{leaf}"
                raise RefusedError("invalid-value", text, path, app_tag="semantics")


def _link(node: Mapping[str, Any], link: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    own = node["qkdn_id"]
    local, remote = link.get("qkdl_local", {}), link.get("qkdl_remote", {})
    if local.get("qkdn_id", own) != own:
        yield "qkdl_local/qkdn_id", f"this node is {own}"
    if remote.get("qkdn_id") == own:
        yield "qkdl_remote/qkdn_id", "a link leads to another node, this is the node itself"
    kind = link.get("qkdl_type")
    if kind == f"{TYPES_MODULE}:PHYS":
        yield from _physical(node, link)
    if kind == f"{TYPES_MODULE}:VIRT":
        yield from _virtual(node, link)


def _physical(node: Mapping[str, Any], link: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    number = link.get("qkdl_local", {}).get("qkdi_id")
    if number is None:
        return
    interfaces = node.get("qkd_interfaces", {}).get("qkd_interface", ())
    interface = next((one for one in interfaces if one["qkdi_id"] == number), None)
    if interface is None:
        there = ", ".join(str(one["qkdi_id"]) for one in interfaces) or "none"
        yield "qkdl_local/qkdi_id", f"there is no interface {number}; there are: {there}"
        return
    able = interface.get("qkdi_capabilities", {})
    role, roles = link.get("phys_qkd_role"), able.get("role_support")
    if role and roles and roles not in (f"{TYPES_MODULE}:TRANSCEIVER", role):
        yield "phys_qkd_role", f"interface {number} can be {roles} only"
    channel, channels = link.get("phys_wavelength"), able.get("wavelength_range")
    if channel and channels and not _within(int(channel), channels):
        yield "phys_wavelength", f"interface {number} can use {channels}"
    loss, most = link.get("phys_channel_att"), able.get("max_absorption")
    if loss and most and float(loss) > float(most):
        yield "phys_channel_att", f"interface {number} copes with {most} dB"


def _virtual(node: Mapping[str, Any], link: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    own, before, after = node["qkdn_id"], link.get("virt_prev_hop"), link.get("virt_next_hop", [])
    if before == own:
        yield "virt_prev_hop", "this is the node itself"
    if own in after:
        yield "virt_next_hop", "this is the node itself"
    if before is None and not after:
        yield "virt_next_hop", "a virtual link has a node before this one, after it, or both"
    if before in after:
        yield "virt_next_hop", "keys do not go back to where they came from"
    if before and after and not node.get("qkdn_capabilities", {}).get("key_relay_mode_enable", True):
        yield "virt_next_hop", "this node is set not to relay (key_relay_mode_enable)"


def _app(node: Mapping[str, Any], app: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    own = node["qkdn_id"]
    if app.get("local_qkdn_id", own) != own:
        yield "local_qkdn_id", f"this node is {own}"
    if app.get("remote_qkdn_id") == own:
        yield "remote_qkdn_id", "the far end is another node, this is the node itself"
    asked = app.get("app_qos", {})
    least, most = asked.get("min_bandwidth", 0), asked.get("max_bandwidth")
    if most is not None and least > most:
        yield "app_qos/min_bandwidth", f"more than max_bandwidth ({most})"


def _within(channel: int, ranges: str) -> bool:
    for one in ranges.split(","):
        first, _dash, last = one.partition("-")
        if int(first) <= channel <= int(last or first):
            return True
    return False
