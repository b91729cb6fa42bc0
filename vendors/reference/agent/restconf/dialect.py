"""How strictly requests are read and in which form answers go out: RFC 8040 to the letter."""

from __future__ import annotations

from typing import Any

from harness.sdk.yang import SchemaNode, Step
from vendors.reference.agent.refusals import RefusedError

from .bodies import DATA_TYPE, only_member


class Dialect:
    """RFC 8040 and RFC 7951 to the letter.

    Attributes:
        media_types: of request bodies, and what Accept may name.
    """

    media_types: tuple[str, ...] = (DATA_TYPE,)

    def path(self, text: str) -> str:
        """The path below /restconf/data as it is to be read."""
        return text

    def value_for(self, steps: tuple[Step, ...], body: Any) -> Any:
        """The value for a target that the request names itself (PUT, PATCH).

        Raises:
            RefusedError: the body does not hold the target.
        """
        name, value = only_member(body)
        if not steps:
            if name != "ietf-restconf:data" or not isinstance(value, dict):
                raise _wrong(f"the body for the datastore is an object in ietf-restconf:data, not {name!r}")
            return value
        last = steps[-1].node
        if name != qualified(last):
            raise _wrong(f"the body holds {name!r}, the path leads to {qualified(last)}")
        return self.unpacked(last, value)

    def child_for(self, parent: tuple[Step, ...], schema: dict[str, SchemaNode], body: Any) -> tuple[Step, Any]:
        """The step to the child that a POST makes, and its value.

        Args:
            parent: the target.
            schema: the children of the target.
            body: what was sent.

        Raises:
            RefusedError: the body is no child of the target, or has no key.
        """
        name, value = only_member(body)
        node = next((one for one in schema.values() if qualified(one) == name), None)
        if node is None:
            raise RefusedError("unknown-element", f"{name!r} is no child of the target; names begin with a module")
        value = self.unpacked(node, value)
        return Step(node, keys_of(node, value)), value

    def unpacked(self, node: SchemaNode, value: Any) -> Any:
        """The one instance in a value: lists come as arrays of one.

        Raises:
            RefusedError: malformed.
        """
        if not node.many:
            return value
        if not isinstance(value, list) or len(value) != 1:
            raise _wrong(f"{node.name} is an array with exactly one entry")
        return value[0]

    def out(self, node: SchemaNode | None, data: dict[str, Any]) -> dict[str, Any]:
        """The body of an answer: `data` has one qualified member."""
        return data


def qualified(node: SchemaNode) -> str:
    """Module and name, as the outermost member of a body has it (RFC 7951, 4)."""
    return f"{node.module}:{node.name}"


def keys_of(node: SchemaNode, value: Any) -> tuple[object, ...]:
    """The keys of an entry in a body.

    Raises:
        RefusedError: one is missing, or is no plain value.
    """
    if node.kind == "leaf-list":
        return (node.canonical(value),)
    if node.kind != "list":
        return ()
    if not isinstance(value, dict):
        raise _wrong(f"an entry of {node.name} is an object")
    found = []
    for name in node.keys:
        key = value.get(name, value.get(f"{node.module}:{name}"))
        if key is None or isinstance(key, dict | list):
            raise RefusedError("missing-element", f"{node.name}: the key {name} is missing")
        found.append(node.children[name].canonical(key))
    return tuple(found)


def _wrong(text: str) -> RefusedError:
    return RefusedError("malformed-message", text)
