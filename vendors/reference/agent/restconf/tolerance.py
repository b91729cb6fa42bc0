"""The dialect of TeraFlowSDN's driver and of the FreeConf server that it was written against.

What it takes beside RFC 8040: names without module, a slash at the end of a path, the target's own container around
the entry of a POST, numbers and booleans as text, decimals as numbers, identities without module (and DIRECT for PHYS),
null for what is absent, application/json. What it answers: names and identities without module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.sdk.yang import SchemaNode, Step, child_of
from vendors.reference.agent.mapping import TYPES_MODULE

from .bodies import DATA_TYPE
from .dialect import Dialect, qualified

_OTHER_NAMES = {"DIRECT": "PHYS", "VIRTUAL": "VIRT"}
_WHOLE = frozenset({"int8", "int16", "int32", "uint8", "uint16", "uint32"})


class TolerantDialect(Dialect):
    """See the module."""

    media_types = (DATA_TYPE, "application/json")

    def path(self, text: str) -> str:
        """See `Dialect`."""
        text = text.rstrip("/")
        first, slash, rest = text.removeprefix("/").partition("/")
        return f"/etsi-qkd-sdn-node:qkd_node{slash}{rest}" if first == "qkd_node" else text

    def value_for(self, steps: tuple[Step, ...], body: Any) -> Any:
        """See `Dialect`."""
        if not steps or not isinstance(body, dict):
            return super().value_for(steps, body)
        node = steps[-1].node
        # without the target's name around it, the body is the target itself
        found = next((body[name] for name in (qualified(node), node.name) if len(body) == 1 and name in body), body)
        value = relaxed(node, found)
        return super().unpacked(node, value) if node.many and isinstance(value, list) else value

    def child_for(self, parent: tuple[Step, ...], schema: dict[str, SchemaNode], body: Any) -> tuple[Step, Any]:
        """See `Dialect`."""
        if parent and isinstance(body, dict) and len(body) == 1:
            (name,) = body
            if name in (parent[-1].node.name, qualified(parent[-1].node)) and child_of(schema, name) is None:
                body = body[name]
        if isinstance(body, dict) and len(body) == 1:
            ((name, value),) = body.items()
            node = child_of(schema, name)
            if node is not None:
                body = {qualified(node): relaxed(node, value)}
        return super().child_for(parent, schema, body)

    def out(self, node: SchemaNode | None, data: dict[str, Any]) -> dict[str, Any]:
        """See `Dialect`."""
        return {name.rpartition(":")[2]: _bare(value) for name, value in data.items()}


def relaxed(node: SchemaNode, value: Any) -> Any:
    """A value as RFC 7951 has it; what cannot be understood stays as it is, for the model to refuse."""
    if node.kind == "list" or (node.kind == "leaf-list" and isinstance(value, list)):
        if not isinstance(value, list):
            return value
        return [_inside(node, one) if node.kind == "list" else _leaf(node, one) for one in value if one is not None]
    return _inside(node, value) if node.kind == "container" else _leaf(node, value)


def _inside(node: SchemaNode, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    made = {}
    for name, inner in value.items():
        child = child_of(node.children, name)
        if inner is not None:
            made[name] = inner if child is None else relaxed(child, inner)
    return made


def _leaf(node: SchemaNode, value: Any) -> Any:
    kind = node.type_name
    if isinstance(value, str) and kind in _WHOLE and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, str) and kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if isinstance(value, int | float) and not isinstance(value, bool) and kind == "decimal64":
        return str(value)
    if isinstance(value, str) and kind == "identityref" and ":" not in value:
        return f"{TYPES_MODULE}:{_OTHER_NAMES.get(value, value)}"
    return value


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _bare(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_bare(one) for one in value]
    return value.removeprefix(f"{TYPES_MODULE}:") if isinstance(value, str) else value
