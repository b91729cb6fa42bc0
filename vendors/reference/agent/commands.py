"""What a written qkdl_status does: the model lets it be written, and does not say what it means then."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from harness.sdk.yang import SchemaNode

from .mapping import NODE_MODULE, TYPES_MODULE
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
