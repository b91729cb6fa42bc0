"""What of an edit is judged before it is done: its target, its value, and what the configuration becomes by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from harness.sdk.yang import NODE, Model, instance_identifier

from .refusals import RefusedError
from .tree import Edit, Operation, wrapped

# containers of qkd_node, their lists, and the keys of these
LISTS = (("qkd_links", "qkd_link", "qkdl_id"), ("qkd_applications", "qkd_app", "app_id"))


def canonical_value(model: Model, edit: Edit) -> Any:
    """The value of an edit in canonical form, once the model has found nothing wrong with its form.

    Raises:
        RefusedError: names or JSON types are wrong, or a key is not the one in the path.
    """
    _check_keys(edit)
    tree = wrapped(edit.steps, edit.value)
    if problems := model.parse(tree):
        raise RefusedError(problems[0].tag, problems[0].text, problems[0].path)
    value: Any = model.canonical(tree)
    for step in edit.steps:
        value = value[step.node.member]
        if step.node.many and not step.whole:
            value = value[0]
    return value


def changed_part(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without the entries that are as they were: what is left is all that has to be judged anew.

    No rule of the model is about two entries, but that their keys differ: those with the same key are left in.
    """
    tree: dict[str, Any] = {**new}
    if not isinstance(new.get(NODE), dict):
        return tree
    tree[NODE] = node = {**new[NODE]}
    for container, name, key in LISTS:
        entries = node.get(container, {}).get(name, [])
        before = {one[key]: one for one in old[NODE].get(container, {}).get(name, ())}
        if entries:
            times = Counter(one.get(key) for one in entries)
            left = [one for one in entries if before.get(one.get(key)) != one or times[one.get(key)] > 1]
            node[container] = {**node[container], name: left}
    return tree


def refuse_target(edit: Edit) -> None:
    """Checks that an edit is of what can be configured.

    Raises:
        RefusedError: it is state, an interface, of another module, or what a node or an entry cannot be without.
    """
    path = instance_identifier(edit.steps)
    if any(not step.node.config for step in edit.steps):
        raise _read_only("state cannot be configured", path)
    if edit.steps and edit.steps[0].node.member != NODE:
        raise _read_only("this is not configuration of the node", path)
    names = [step.node.name for step in edit.steps]
    if names[1:2] == ["qkd_interfaces"]:
        raise _read_only("interfaces are what is installed, they cannot be configured", path)
    if edit.operation in (Operation.DELETE, Operation.REMOVE):
        if len(names) < 2 or names[1:] == ["qkdn_id"]:
            raise _read_only("a node without its qkdn_id is none: it cannot be deleted", path)
        if len(edit.steps) > 1 and names[-1] in edit.steps[-2].node.keys:
            raise RefusedError("invalid-value", "a key cannot be deleted; delete its entry", path)


def _check_keys(edit: Edit) -> None:
    last = edit.steps[-1] if edit.steps else None
    if last is None:
        return
    given: list[tuple[str, Any, Any]] = []
    if last.node.kind == "list" and isinstance(edit.value, dict):
        given = [
            (name, key, last.node.children[name].canonical(edit.value.get(name, key)))
            for name, key in zip(last.node.keys, last.keys, strict=True)
        ]
    elif last.node.kind == "leaf" and len(edit.steps) > 1 and last.node.name in edit.steps[-2].node.keys:
        above = edit.steps[-2]
        key = above.keys[above.node.keys.index(last.node.name)]
        given = [(last.node.name, key, last.node.canonical(edit.value))]
    for name, key, value in given:
        if key != value:
            path = instance_identifier(edit.steps)
            raise RefusedError("invalid-value", f"{name} is {key!r} in the path: a key cannot be changed", path)


def _read_only(text: str, path: str) -> RefusedError:
    return RefusedError("operation-not-supported", text, path, allow="GET, HEAD, OPTIONS")
