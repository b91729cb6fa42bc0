"""Trees of RFC 7951 JSON, and one edit of them, by the steps of a path."""

from __future__ import annotations

import copy
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.sdk.yang import SchemaNode, Step, instance_identifier

from .refusals import RefusedError, absent

MISSING: Any = object()


class Operation(enum.Enum):
    """What an edit does to its target; names as in RFC 6241, 7.2."""

    CREATE = "create"
    REPLACE = "replace"
    MERGE = "merge"
    DELETE = "delete"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit.

    Attributes:
        operation: what is done; CREATE: data-exists if it is there; DELETE: 404 if it is not, REMOVE: nothing then;
            MERGE makes what is not there.
        steps: the target; () = the datastore.
        value: an object for a container, a list entry or the datastore; a value for a leaf or leaf-list entry; None
            for DELETE and REMOVE.
    """

    operation: Operation
    steps: tuple[Step, ...]
    value: Any = None


def find(tree: Mapping[str, Any], steps: Sequence[Step]) -> Any:
    """The value at a path; MISSING = there is none. A container that means nothing by itself is always there."""
    value: Any = tree
    for step in steps:
        value = _below(value, step)
        if value is MISSING:
            return MISSING
    return value


def wrapped(steps: Sequence[Step], value: Any) -> dict[str, Any]:
    """A tree that holds nothing but `value` at a path, and the keys on the way there."""
    if not steps:
        return dict(value)
    made = value
    for step in reversed(steps):
        if step.node.many and not step.whole:
            if step.node.kind == "list" and isinstance(made, dict):
                made = {**dict(zip(step.node.keys, step.keys, strict=True)), **made}
            made = [made]
        made = {step.node.member: made}
    return dict(made)


def require_parent(tree: Mapping[str, Any], steps: Sequence[Step]) -> None:
    """Checks that what a target stands in is there.

    Raises:
        RefusedError: data-missing.
    """
    for length in range(1, len(steps)):
        if find(tree, steps[:length]) is MISSING:
            name = steps[length - 1].node.name
            raise RefusedError("data-missing", f"{name} is not there", instance_identifier(steps[:length]))


def edited(schema: Mapping[str, SchemaNode], tree: dict[str, Any], edit: Edit) -> tuple[dict[str, Any], bool]:
    """The tree after an edit, and whether its target was made by it. The tree itself stays as it is.

    Args:
        schema: the top-level nodes.
        tree: the datastore, canonical.
        edit: its value is canonical too.

    Raises:
        RefusedError: data-exists, data-missing, or 404 for DELETE.
    """
    require_parent(tree, edit.steps)
    made = copy.deepcopy(tree)
    if not edit.steps:
        if edit.operation is Operation.MERGE:
            _merge_members(schema, made, edit.value)
            return made, False
        return copy.deepcopy(edit.value or {}), False
    parent, last = _parent(made, edit.steps), edit.steps[-1]
    there = _below(parent, last)
    if last.node.kind == "container" and not last.node.presence and last.node.member not in parent:
        there = MISSING
    if edit.operation in (Operation.DELETE, Operation.REMOVE):
        if there is MISSING and edit.operation is Operation.DELETE:
            raise absent(f"{last.node.name} is not there", instance_identifier(edit.steps))
        if there is not MISSING:
            _take(parent, last)
        return made, False
    if edit.operation is Operation.CREATE and there is not MISSING:
        raise RefusedError("data-exists", f"{last.node.name} is there already", instance_identifier(edit.steps))
    value = copy.deepcopy(edit.value)
    if edit.operation is Operation.MERGE and there is not MISSING:
        value = _merged(last.node, there, value)
    _put(parent, last, value)
    return made, there is MISSING


def without_empty(schema: Mapping[str, SchemaNode], tree: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without containers that are empty and mean nothing by themselves: they are there in any case."""
    made: dict[str, Any] = {}
    for name, value in tree.items():
        node = schema.get(name)
        if node is not None and node.kind == "container":
            inner = without_empty(node.children, value)
            if inner or node.presence or node.parent is None:
                made[name] = inner
        elif node is not None and node.kind == "list":
            made[name] = [without_empty(node.children, one) for one in value]
        else:
            made[name] = value
    return made


def _merge_members(schema: Mapping[str, SchemaNode], old: dict[str, Any], new: Mapping[str, Any]) -> None:
    for name, value in new.items():
        node = schema.get(name)
        old[name] = _merged(node, old[name], value) if node is not None and name in old else value


def _merged(node: SchemaNode, old: Any, new: Any) -> Any:
    if node.kind == "container" or (node.kind == "list" and isinstance(new, dict)):
        _merge_members(node.children, old, new)
        return old
    if node.kind == "list":
        for entry in new:
            keys = tuple(entry[key] for key in node.keys)
            _put_entry(old, Step(node, keys), entry, merge=True)
        return old
    if node.kind == "leaf-list" and isinstance(new, list):
        return old + [one for one in new if one not in old]
    return new


def _below(value: Any, step: Step) -> Any:
    held = value.get(step.node.member, MISSING)
    if held is MISSING:
        return {} if step.node.kind == "container" and not step.node.presence else MISSING
    if not step.node.many or step.whole:
        return held
    return next((one for one in held if _is(step, one)), MISSING)


def _is(step: Step, one: Any) -> bool:
    if step.node.kind == "leaf-list":
        return bool(one == step.keys[0])
    return all(one.get(name) == key for name, key in zip(step.node.keys, step.keys, strict=True))


def _parent(tree: dict[str, Any], steps: Sequence[Step]) -> dict[str, Any]:
    level: Any = tree
    for step in steps[:-1]:
        if step.node.kind == "container" and step.node.member not in level:
            level[step.node.member] = {}
        level = _below(level, step)
    return level  # type: ignore[no-any-return]  # containers and entries are objects


def _put(parent: dict[str, Any], step: Step, value: Any) -> None:
    if step.node.many and not step.whole:
        _put_entry(parent.setdefault(step.node.member, []), step, value, merge=False)
    else:
        parent[step.node.member] = value


def _put_entry(entries: list[Any], step: Step, value: Any, *, merge: bool) -> None:
    for index, one in enumerate(entries):
        if _is(step, one):
            entries[index] = _merged(step.node, one, value) if merge else value
            return
    entries.append(value)


def _take(parent: dict[str, Any], step: Step) -> None:
    if step.node.many and not step.whole:
        left = [one for one in parent[step.node.member] if not _is(step, one)]
        if left:
            parent[step.node.member] = left
            return
    parent.pop(step.node.member)
