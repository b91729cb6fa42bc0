"""The schema tree, as plain objects: what servers and clients need to know of a node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from yangson.exceptions import YangsonException  # type: ignore[import-untyped]
from yangson.schemanode import (  # type: ignore[import-untyped]
    ContainerNode,
    DataNode,
    InternalNode,
    LeafListNode,
    LeafNode,
    ListNode,
)


@dataclass(frozen=True, slots=True)
class SchemaNode:
    """A data node of the schema. Choices and cases, which have no instances, are left out.

    Attributes:
        module: name of its module.
        name: its name.
        kind: "container", "list", "leaf", "leaf-list"; "other" = anydata.
        config: whether it can be configured.
        presence: a container that says something by being there.
        keys: names of the keys of a list, in order.
        default: RFC 7951 value that a leaf has when it is absent; None = none.
        children: by member name as in JSON below this node: qualified where the module changes.
        parent: None at the top.
    """

    module: str
    name: str
    kind: str
    config: bool
    presence: bool
    keys: tuple[str, ...]
    default: object
    parent: SchemaNode | None = field(repr=False, compare=False)
    children: dict[str, SchemaNode] = field(repr=False, compare=False)
    _type: Any = field(repr=False, compare=False)

    @property
    def member(self) -> str:
        """The member name in JSON: qualified at the top and where the module changes (RFC 7951, 4)."""
        if self.parent is None or self.parent.module != self.module:
            return f"{self.module}:{self.name}"
        return self.name

    @property
    def many(self) -> bool:
        """Whether it can have several instances, which have to be named."""
        return self.kind in ("list", "leaf-list")

    @property
    def type_name(self) -> str:
        """The built-in type that a leaf's or leaf-list's type comes from, for instance "uint32"; "" = it has none."""
        return "" if self._type is None else str(self._type.yang_type())

    def child(self, name: str) -> SchemaNode | None:
        """The child of that name, qualified or not (RFC 8040, 3.5.3); None = there is none."""
        if name in self.children:
            return self.children[name]
        module, colon, bare = name.partition(":")
        if colon and module == self.module and bare in self.children:
            return self.children[bare]
        return None

    def value_of(self, text: str) -> object:
        """The RFC 7951 value, canonical, that a text in a URI stands for (a leaf or leaf-list).

        Raises:
            ValueError: it is no value of this type.
        """
        try:
            value = self._type.parse_value(text)
            if value is None or value not in self._type:
                raise ValueError(f"{text!r} is not a value of {self.name}")
            return self.canonical(self._type.to_raw(value))
        except (YangsonException, ArithmeticError, LookupError, TypeError) as error:
            raise ValueError(f"{text!r} is not a value of {self.name}") from error

    def canonical(self, value: object) -> object:
        """The value in canonical form; what is not of the type comes back as it is.

        yang:uuid compares without regard to case, its canonical form is lower case (RFC 6991, 3).
        """
        if self._type is not None and self._type.name == "uuid" and isinstance(value, str):
            return value.lower()
        return value

    def walk(self) -> Iterator[SchemaNode]:
        """This node and all below it."""
        yield self
        for child in self.children.values():
            yield from child.walk()


def schema_of(root: InternalNode) -> dict[str, SchemaNode]:
    """The top-level data nodes of a yangson schema (or of a notification in it), by member name."""
    return _children(root, None)


def _children(node: InternalNode, parent: SchemaNode | None) -> dict[str, SchemaNode]:
    return {made.member: made for made in (_made(child, parent) for child in node.data_children())}


def _made(node: DataNode, parent: SchemaNode | None) -> SchemaNode:
    kinds = {ListNode: "list", LeafListNode: "leaf-list", LeafNode: "leaf", ContainerNode: "container"}
    kind = next((text for cls, text in kinds.items() if isinstance(node, cls)), "other")
    own_type: Any = getattr(node, "type", None)
    default = None
    if kind == "leaf" and node.default is not None:
        default = own_type.to_raw(node.default)
    made = SchemaNode(
        module=node.ns,
        name=node.name,
        kind=kind,
        config=node.config,
        presence=bool(getattr(node, "presence", False)),
        keys=tuple(name for name, _module in node.keys) if kind == "list" else (),
        default=default,
        parent=parent,
        children={},
        _type=own_type,
    )
    if isinstance(node, InternalNode):
        made.children.update(_children(node, made))
    return made
