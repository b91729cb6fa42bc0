"""Entity tags and times of change: of the datastore, and of each container and list entry (RFC 8040, 3.4.1, 3.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.sdk.yang import SchemaNode, Step, resource_id


@dataclass(frozen=True, slots=True)
class Stamp:
    """When something was changed last.

    Attributes:
        tag: opaque, without quotes; never used twice.
        changed: seconds since 1970.
    """

    tag: str
    changed: float


class Stamps:
    """Stamps by path; immutable.

    A leaf bears the stamp of what it stands in.
    """

    def __init__(self, version: int, by_path: Mapping[str, Stamp]) -> None:
        self._version = version
        self._by_path = dict(by_path)

    @classmethod
    def fresh(cls, now: float) -> Stamps:
        """Of a datastore that is new."""
        return cls(1, {"": Stamp("1", now)})

    @classmethod
    def load(cls, held: Mapping[str, Any]) -> Stamps:
        """As `dump` gave them."""
        return cls(held["version"], {path: Stamp(*stamp) for path, stamp in held["by_path"].items()})

    def dump(self) -> dict[str, Any]:
        """For JSON."""
        by_path = {path: [stamp.tag, stamp.changed] for path, stamp in self._by_path.items()}
        return {"version": self._version, "by_path": by_path}

    def of(self, steps: Sequence[Step]) -> Stamp:
        """The stamp of a resource, or of the nearest one around it that has one."""
        for length in range(len(steps), -1, -1):
            stamp = self._by_path.get(resource_id(steps[:length]))
            if stamp is not None:
                return stamp
        raise AssertionError("the datastore always has one")

    def after(
        self, schema: Mapping[str, SchemaNode], old: Mapping[str, Any], new: Mapping[str, Any], now: float
    ) -> Stamps:
        """The stamps after a change of the configuration from `old` to `new`."""
        version = self._version + 1
        stamp = Stamp(f"{version:x}", now)
        changed = dict.fromkeys(map(resource_id, _changed(schema, old, new, ())), stamp)
        if not changed:
            return self
        there = {resource_id(steps) for steps in _places(schema, new, ())}
        by_path = {path: found for path, found in (self._by_path | changed).items() if path in there}
        return Stamps(version, by_path | {"": stamp})


def _places(
    schema: Mapping[str, SchemaNode], tree: Mapping[str, Any], above: tuple[Step, ...]
) -> Iterator[tuple[Step, ...]]:
    """Paths of all containers and entries of a tree, and of containers that are there without being written."""
    for name, node in schema.items():
        if node.kind == "container":
            yield (*above, Step(node))
            yield from _places(node.children, tree.get(name, {}), (*above, Step(node)))
        elif node.kind == "list":
            for entry in tree.get(name, ()):
                path = (*above, Step(node, _keys(node, entry)))
                yield path
                yield from _places(node.children, entry, path)


def _changed(
    schema: Mapping[str, SchemaNode], old: Mapping[str, Any], new: Mapping[str, Any], above: tuple[Step, ...]
) -> Iterator[tuple[Step, ...]]:
    """Paths of containers and entries that differ; what is gone or new is one that differs."""
    if old == new:
        return
    yield above
    for name, node in schema.items():
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if node.kind == "container":
            yield from _changed(node.children, before or {}, after or {}, (*above, Step(node)))
        elif node.kind == "list":
            entries = [{_keys(node, one): one for one in entries or ()} for entries in (before, after)]
            for keys in entries[0].keys() | entries[1].keys():
                path = (*above, Step(node, keys))
                yield from _changed(node.children, entries[0].get(keys, {}), entries[1].get(keys, {}), path)


def _keys(node: SchemaNode, entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(entry[key] for key in node.keys)
