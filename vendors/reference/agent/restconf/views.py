"""What a GET shows of a tree: `content`, `fields`, `depth` (RFC 8040, 4.8.1 to 4.8.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.sdk.yang import SchemaNode, child_of

from .query import ReadQuery


def view(node: SchemaNode | None, schema: Mapping[str, SchemaNode], value: Any, query: ReadQuery) -> Any:
    """What of the value of a resource a query asks for; None = nothing.

    Args:
        node: the resource's node; None = the datastore.
        schema: the children of the resource.
        value: a container or an entry as an object; a leaf as it is.
        query: what is asked for.
    """
    if not isinstance(value, dict):
        shown = node is None or query.content == "all" or node.config == (query.content == "config")
        return value if shown else None
    if query.content != "all":
        value = _by_content(schema, value, query.content)
        if node is not None and not node.config and query.content == "config":
            return None
    if query.fields is not None:
        value = _by_fields(schema, value, query.fields)
    if query.depth:
        value = _by_depth(schema, value, query.depth - 1, query.fields)
    return value


def _by_content(schema: Mapping[str, SchemaNode], value: Mapping[str, Any], content: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, inner in value.items():
        node = _node(schema, name)
        if content == "config" and node.config:
            made[name] = _each(node, inner, content)
        elif content == "nonconfig" and not node.config:
            made[name] = inner
        elif content == "nonconfig" and node.kind in ("container", "list"):
            below = _each(node, inner, content)
            if node.kind == "list":
                below = [one for one in below if set(one) - set(node.keys)]
            if below:
                made[name] = below
        elif content == "nonconfig" and node.parent is not None and name in node.parent.keys:
            made[name] = inner  # an entry is told by its keys
    return made


def _each(node: SchemaNode, value: Any, content: str) -> Any:
    if node.kind == "list":
        return [_by_content(node.children, one, content) for one in value]
    return _by_content(node.children, value, content) if isinstance(value, dict) and node.children else value


def _by_fields(schema: Mapping[str, SchemaNode], value: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, inner in value.items():
        node = _node(schema, name)
        bare = name.removeprefix("@")
        if bare not in fields:
            if node.parent is not None and bare in node.parent.keys:
                made[name] = inner
            continue
        wanted = fields[bare]
        if wanted is None or not node.children:
            made[name] = inner
        elif node.kind == "list":
            made[name] = [_by_fields(node.children, one, wanted) for one in inner]
        else:
            made[name] = _by_fields(node.children, inner, wanted)
    return made


def _by_depth(schema: Mapping[str, SchemaNode], value: Mapping[str, Any], left: int, fields: Any) -> dict[str, Any]:
    """Cuts what is deeper than `left` levels below; nodes that `fields` names, and those above them, cost none.

    An entry that is cut keeps its keys, without which it is none.
    """
    made: dict[str, Any] = {}
    for name, inner in value.items():
        node = _node(schema, name)
        named = isinstance(fields, dict) and name.removeprefix("@") in fields
        is_key = node.parent is not None and name in node.parent.keys
        if not (named or is_key or left > 0):
            continue
        below = fields[name] if named and node.children else None
        after = left if named else left - 1
        if node.kind == "list":
            made[name] = [_by_depth(node.children, one, after, below) for one in inner]
        elif node.kind == "container":
            made[name] = _by_depth(node.children, inner, after, below)
        else:
            made[name] = inner
    return made


def _node(schema: Mapping[str, SchemaNode], name: str) -> SchemaNode:
    node = child_of(schema, name.removeprefix("@"))
    assert node is not None  # noqa: S101 - the tree is of the model
    return node
