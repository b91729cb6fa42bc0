"""Data trees of RFC 7951 JSON as XML (RFC 7950, 7), by the schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree

from harness.sdk.yang import Model, SchemaNode

from .markup import Element, text_of


def namespaces(model: Model) -> dict[str, str]:
    """Namespaces by name of module."""
    return {module.name: module.namespace for module in model.modules.values()}


def elements(schema: Mapping[str, SchemaNode], tree: Mapping[str, Any], spaces: Mapping[str, str]) -> list[Element]:
    """The members of an object.

    Args:
        schema: the nodes of this level.
        tree: canonical.
        spaces: namespaces by name of module.
    """
    holder = etree.Element("holder")
    _fill(holder, schema, tree, spaces)
    made = list(holder)
    for one in made:
        holder.remove(one)
    return made


def _fill(
    parent: Element, schema: Mapping[str, SchemaNode], tree: Mapping[str, Any], spaces: Mapping[str, str]
) -> None:
    for node in _keys_first(schema):
        if node.member not in tree:
            continue
        held = tree[node.member]
        for one in held if node.many else [held]:
            if node.kind in ("container", "list"):
                _fill(_added(parent, node, {}, spaces), node.children, one, spaces)
                continue
            names = {}
            if node.type_name == "identityref":
                module = one.partition(":")[0]
                names = {module: spaces[module]}
            _added(parent, node, names, spaces).text = str(one).lower() if isinstance(one, bool) else str(one)


def _keys_first(schema: Mapping[str, SchemaNode]) -> Iterator[SchemaNode]:
    nodes = list(schema.values())
    keys = nodes[0].parent.keys if nodes and nodes[0].parent is not None else ()
    yield from (schema[name] for name in keys)
    yield from (node for node in nodes if node.parent is None or node.name not in keys)


def _added(parent: Element, node: SchemaNode, names: Mapping[str, str], spaces: Mapping[str, str]) -> Element:
    space = spaces[node.module]
    known: dict[Any, str] = dict(names)
    if parent.nsmap.get(None) != space:
        known[None] = space
    return etree.SubElement(parent, f"{{{space}}}{node.name}", nsmap=known)


def leaf_value(node: SchemaNode, element: Element, modules: Mapping[str, str]) -> object:
    """The JSON value of a leaf, or of an entry of a leaf-list.

    Args:
        node: what it is.
        element: where it stands: prefixes in it mean what they mean there.
        modules: names of modules by namespace.

    Raises:
        ValueError: it is no value of the type.
    """
    text = text_of(element)
    if node.type_name == "identityref":
        prefix, colon, name = text.strip().rpartition(":")
        module = modules.get(element.nsmap.get(prefix if colon else None, ""))
        if module is None:
            raise ValueError(f"{text.strip()!r}: the prefix stands for no module of the model")
        text = f"{module}:{name}"
    elif node.type_name != "string":
        text = text.strip()
    return node.value_of(text)
