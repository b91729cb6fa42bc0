"""The config of an edit-config as edits of the datastore (RFC 6241, 7.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.sdk.yang import Model, SchemaNode, Step, instance_identifier
from vendors.reference.agent.tree import Edit, Operation

from .datatree import leaf_value, namespaces
from .errors import RpcError
from .markup import Element, name_of, space_of, text_of
from .names import BASE

_OPERATION = f"{{{BASE}}}operation"
_GONE = (Operation.DELETE, Operation.REMOVE)
Steps = tuple[Step, ...]


class ConfigReader:
    """Reads one config element.

    Args:
        model: what it is of.

    Attributes:
        edits: what it asks for, what stands above before what stands below.
        required: entries that are named on the way to edits, and have to be there already.
    """

    def __init__(self, model: Model) -> None:
        self.edits: list[Edit] = []
        self.required: list[Steps] = []
        self._schema = model.schema
        self._modules = {space: name for name, space in namespaces(model).items()}

    def read(self, config: Element, operation: Operation | None) -> None:
        """Reads.

        Args:
            config: its children are top-level nodes.
            operation: of what says none itself; None = nothing is done with it.

        Raises:
            RpcError: names, values or attributes are wrong, a key is missing.
        """
        self._place(config, self._schema, (), operation)

    def _place(self, element: Element, below: Mapping[str, SchemaNode], at: Steps, operation: Operation | None) -> None:
        """Makes an edit of what bears one operation, and further ones of what below it bears others."""
        index = len(self.edits)
        value = self._value(element, below, at, operation)
        if operation is not None and (at or value or operation is Operation.REPLACE):
            self.edits.insert(index, Edit(operation, at, value))

    def _value(self, element: Element, below: Mapping[str, SchemaNode], at: Steps, operation: Operation | None) -> Any:
        node = at[-1].node if at else None
        if node is not None and not node.children:
            return self._leaf(element, node, at)
        if text_of(element).strip() or any((child.tail or "").strip() for child in element):
            raise _blamed("bad-element", element, "there is text where elements should be", at)
        made: dict[str, Any] = {}
        for child in element:
            inner = self._node(child, below, at)
            place = (*at, self._step(child, inner, at))
            own = _operation(child, operation, place)
            if own is not operation:
                if own in _GONE:
                    self.edits.append(Edit(own, place))
                else:
                    self._place(child, inner.children, place, own)
                continue
            if own is None and inner.kind == "list":
                self.required.append(place)
            value = self._value(child, inner.children, place, operation)
            if inner.many:
                made.setdefault(inner.member, []).append(value)
            elif inner.member in made:
                raise _blamed("bad-element", child, f"{inner.name} is there twice", place)
            else:
                made[inner.member] = value
        return made

    def _leaf(self, element: Element, node: SchemaNode, at: Steps) -> object:
        for child in element:
            raise _blamed("unknown-element", child, f"{node.name} has a value, no elements", at)
        try:
            return leaf_value(node, element, self._modules)
        except ValueError as error:
            path = instance_identifier(at)
            raise RpcError("invalid-value", str(error), kind="application", path=path) from None

    def _node(self, element: Element, below: Mapping[str, SchemaNode], at: Steps) -> SchemaNode:
        module = self._modules.get(space_of(element))
        if module is None:
            text = f"no module of this agent has the namespace {space_of(element)!r}; its hello names those that it has"
            error = _blamed("unknown-namespace", element, text, at)
            error.info["bad-namespace"] = space_of(element)
            raise error
        found = (one for one in below.values() if one.name == name_of(element) and one.module == module)
        node = next(found, None)
        if node is None:
            raise _blamed("unknown-element", element, f"the model has no {name_of(element)} here", at)
        return node

    def _step(self, element: Element, node: SchemaNode, above: Steps) -> Step:
        if node.kind == "leaf-list":
            return Step(node, (self._leaf(element, node, (*above, Step(node))),))
        if node.kind != "list":
            return Step(node)
        keys = []
        for name in node.keys:
            found = element.find(f"{{{space_of(element)}}}{name}")
            if found is None:
                text = f"an entry of {node.name} is told by its {name}"
                error = _blamed("missing-element", element, text, (*above, Step(node)))
                error.info["bad-element"] = name
                raise error
            keys.append(self._leaf(found, node.children[name], (*above, Step(node), Step(node.children[name]))))
        return Step(node, tuple(keys))


def _operation(element: Element, inherited: Operation | None, at: Steps) -> Operation | None:
    own = inherited
    for name, text in element.attrib.items():
        if name != _OPERATION:
            raise _attribute("unknown-attribute", str(name), element, "there is no such attribute here", at)
        try:
            own = Operation(text)
        except ValueError:
            choices = ", ".join(one.value for one in Operation)
            raise _attribute("bad-attribute", "operation", element, f"operation is one of {choices}", at) from None
    return own


def _attribute(tag: str, name: str, element: Element, text: str, at: Steps) -> RpcError:
    error = _blamed(tag, element, text, at)
    error.info = {"bad-attribute": name.rpartition("}")[2], **error.info}
    return error


def _blamed(tag: str, element: Element, text: str, at: Steps) -> RpcError:
    path = instance_identifier(at) if at else ""
    return RpcError(tag, text, kind="application", path=path, info={"bad-element": name_of(element)})
