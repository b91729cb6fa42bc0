"""Data trees by their schema: canonical form, where a JSON pointer leads, defaults."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from harness.yang.resource import Step, instance_identifier
from harness.yang.schema import SchemaNode

DEFAULT_TAG = "ietf-netconf-with-defaults:default"


class DoubledMemberError(ValueError):
    """An object that holds a member twice, with and without its module's name."""

    def __init__(self, node: SchemaNode) -> None:
        super().__init__(node.member)
        steps = [Step(node)]
        while (above := steps[0].node.parent) is not None:
            steps.insert(0, Step(above))
        self.path = instance_identifier(steps)


def canonical(schema: Mapping[str, SchemaNode], raw: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a data tree with member names as short as may be, and values in canonical form, without metadata.

    Raises:
        DoubledMemberError: a member is there twice, with and without its module's name.
    """
    made: dict[str, Any] = {}
    for name, value in raw.items():
        if name.startswith("@"):
            continue
        node = child_of(schema, name)
        if node is None:
            made[name] = copy.deepcopy(value)
        elif node.member in made:
            raise DoubledMemberError(node)
        elif node.kind in ("container", "list"):
            made[node.member] = _each(node, value, canonical)
        elif node.kind == "leaf-list":
            made[node.member] = [node.canonical(one) for one in value]
        else:
            made[node.member] = node.canonical(copy.deepcopy(value))
    return made


def with_defaults(schema: Mapping[str, SchemaNode], raw: Mapping[str, Any], *, tagged: bool = False) -> dict[str, Any]:
    """A copy of a data tree in which leaves that are absent have their defaults (RFC 6243, report-all).

    Args:
        schema: the nodes of this level.
        raw: the tree, canonical.
        tagged: mark each default that was added, and each value that equals the default (report-all-tagged).
    """

    def deeper(below: Mapping[str, SchemaNode], value: Mapping[str, Any]) -> dict[str, Any]:
        return with_defaults(below, value, tagged=tagged)

    made: dict[str, Any] = {}
    for name, node in schema.items():
        if name in raw and node.kind in ("container", "list"):
            made[name] = _each(node, raw[name], deeper)
        elif name in raw:
            made[name] = copy.deepcopy(raw[name])
        elif node.kind == "container" and not node.presence and (inner := deeper(node.children, {})):
            made[name] = inner
        elif node.kind == "leaf" and node.default is not None:
            made[name] = node.default
        if tagged and node.kind == "leaf" and node.default is not None and made.get(name) == node.default:
            made[f"@{name}"] = {DEFAULT_TAG: True}
    return made


def trimmed(schema: Mapping[str, SchemaNode], raw: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a data tree without leaves that have their default (RFC 6243, trim)."""
    made: dict[str, Any] = {}
    for name, value in raw.items():
        node = child_of(schema, name)
        if node is not None and node.kind in ("container", "list"):
            made[name] = _each(node, value, trimmed)
        elif node is None or node.kind != "leaf" or node.default is None or value != node.default:
            made[name] = copy.deepcopy(value)
    return made


def child_of(schema: Mapping[str, SchemaNode], name: str) -> SchemaNode | None:
    """The node of a member name, qualified or not; None = there is none."""
    if name in schema:
        return schema[name]
    module, _colon, bare = name.partition(":")
    node = schema.get(bare)
    return node if node is not None and node.module == module else None


def place_of(pointer: str, raw: object, schema: Mapping[str, SchemaNode]) -> str:
    """The instance identifier of what yangson's pointer into `raw` leads to; as far as it can be followed.

    Its segments are member names, indices of entries ("list/0") or keys ("list=KEY").
    """
    steps: list[Step] = []
    level: Mapping[str, SchemaNode] = schema
    value = raw
    for segment in pointer.strip("/").split("/"):
        if steps and steps[-1].whole and segment.isdecimal():
            value = _entry(value, int(segment))
            steps[-1] = Step(steps[-1].node, _keys(steps[-1].node, value))
            continue
        name, equals, key = segment.partition("=")
        node = child_of(level, name)
        if node is None:
            return f"{instance_identifier(steps).rstrip('/')}/{segment}" if segment else instance_identifier(steps)
        steps.append(Step(node, (key,) if equals and len(node.keys) == 1 else ()))
        value = value.get(name) if isinstance(value, dict) else None
        if equals and isinstance(value, list) and node.keys:
            value = next((one for one in value if isinstance(one, dict) and str(one.get(node.keys[0])) == key), None)
        level = node.children
    return instance_identifier(steps)


def _each(node: SchemaNode, value: Any, make: Any) -> Any:
    if node.kind == "list":
        return [make(node.children, entry) for entry in value]
    return make(node.children, value)


def _entry(value: object, index: int) -> object:
    return value[index] if isinstance(value, list) and index < len(value) else None


def _keys(node: SchemaNode, entry: object) -> tuple[object, ...]:
    if node.kind == "leaf-list":
        return (entry,)
    return tuple(entry.get(key, "") for key in node.keys) if isinstance(entry, dict) else ("",) * len(node.keys)
