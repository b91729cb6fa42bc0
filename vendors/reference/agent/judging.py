"""What of an edit the model has to judge: its value, and what the configuration becomes by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from harness.sdk.yang import NODE, Model, instance_identifier

from .refusals import RefusedError
from .tree import Edit, wrapped

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
