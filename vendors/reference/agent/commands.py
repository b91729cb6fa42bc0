"""What a node is told of its configuration, and what a written qkdl_status does to that: the model does not say it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from harness.sdk.yang import NODE, SchemaNode
from qkd.node.v1.agent_pb2 import QkdApplication, QkdLink

from .mapping import APPLICATION, LINK, NODE_MODULE, TYPES_MODULE, from_json
from .refusals import RefusedError
from .tree import Edit, Operation

ACTIVE, OFF = f"{TYPES_MODULE}:ACTIVE", f"{TYPES_MODULE}:OFF"
_STATES = frozenset(f"{TYPES_MODULE}:{name}" for name in ("ACTIVE", "PASSIVE", "PENDING", "OFF"))


def translated(edit: Edit, meaning: str) -> Edit:
    """The edit as it is carried out; see `AgentSettings.qkdl_status`.

    A value that is no state of a link stays where it is, for the model to refuse.
    """
    if meaning == "command":
        return edit
    last = edit.steps[-1].node if edit.steps else None
    if last is None or last.name != "qkdl_status" or last.module != NODE_MODULE:
        return _inside(edit, meaning)
    if edit.operation in (Operation.DELETE, Operation.REMOVE):
        return Edit(Operation.REMOVE, edit.steps)  # there is nothing of it in the configuration
    entry = _seen({"qkdl_status": edit.value}, meaning)
    return Edit(Operation.MERGE, edit.steps[:-1], entry)


def stopped(link: Mapping[str, Any], meaning: str) -> bool:
    """Whether a link of the configuration is not to make keys."""
    return link.get("qkdl_enable") is False or (meaning == "command" and link.get("qkdl_status") == OFF)


def messages(config: Mapping[str, Any], meaning: str) -> tuple[list[QkdLink], list[QkdApplication]]:
    """A configuration as the node is told it.

    Raises:
        RefusedError: a date is none that a node can keep.
    """
    node = config[NODE]
    links = []
    for entry in node.get("qkd_links", {}).get("qkd_link", ()):
        message = from_json(entry, LINK, QkdLink())
        message.ClearField("qkdl_status")
        if stopped(entry, meaning):
            message.qkdl_enable = False
        links.append(message)
    apps = []
    for entry in node.get("qkd_applications", {}).get("qkd_app", ()):
        try:
            apps.append(from_json(entry, APPLICATION, QkdApplication()))
        except ValueError as error:
            path = f"/{NODE}/qkd_applications/qkd_app[app_id='{entry['app_id']}']/expiration_time"
            raise RefusedError("invalid-value", str(error), path, app_tag="semantics") from None
    return links, apps


def _inside(edit: Edit, meaning: str) -> Edit:
    if not isinstance(edit.value, dict):
        return edit
    value = copy.deepcopy(edit.value)
    if edit.steps:
        value = _walked(edit.steps[-1].node, value, meaning)
    else:
        links = value.get(f"{NODE_MODULE}:qkd_node", {}).get("qkd_links", {}).get("qkd_link", [])
        links[:] = [_seen(one, meaning) for one in links]
    return Edit(edit.operation, edit.steps, value)


def _walked(node: SchemaNode, value: dict[str, Any], meaning: str) -> dict[str, Any]:
    if node.name == "qkd_link" and node.module == NODE_MODULE:
        return _seen(value, meaning)
    for name, child in node.children.items():
        if name in value and child.kind == "container":
            value[name] = _walked(child, value[name], meaning)
        elif name in value and child.kind == "list":
            value[name] = [_walked(child, one, meaning) for one in value[name]]
    return value


def _seen(link: dict[str, Any], meaning: str) -> dict[str, Any]:
    status = link.get("qkdl_status")
    if status not in _STATES:
        return link
    made = {name: value for name, value in link.items() if name != "qkdl_status"}
    if meaning == "both" and status in (ACTIVE, OFF):
        made.setdefault("qkdl_enable", status == ACTIVE)
    return made
