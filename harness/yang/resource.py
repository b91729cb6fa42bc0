"""RESTCONF resource identifiers (RFC 8040, 3.5.3) and instance identifiers (RFC 7951, 6.11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

from harness.yang.schema import SchemaNode

_UNRESERVED = "-._~"


class ResourceError(Exception):
    """A path that names no data resource.

    Attributes:
        unknown: the model has no such node (404); otherwise the path is malformed (400).
    """

    def __init__(self, text: str, *, unknown: bool) -> None:
        super().__init__(text)
        self.unknown = unknown


@dataclass(frozen=True, slots=True)
class Step:
    """One segment of a path.

    Attributes:
        node: the data node.
        keys: of a list: the values of its keys; of a leaf-list: its value alone; () = none are named.
    """

    node: SchemaNode
    keys: tuple[object, ...] = ()

    @property
    def whole(self) -> bool:
        """It names all entries of a list or leaf-list, none in particular."""
        return self.node.many and not self.keys


def parse_resource_id(schema: Mapping[str, SchemaNode], text: str) -> tuple[Step, ...]:
    """Reads a path below the datastore resource, still percent-encoded; "" and "/" are the datastore itself.

    Raises:
        ResourceError: the model has no such node, or keys are missing, too many or of the wrong type.
    """
    steps: list[Step] = []
    inner = text.removeprefix("/")
    for segment in inner.split("/") if inner else ():
        name, equals, keys = segment.partition("=")
        steps.append(_step(schema, steps[-1] if steps else None, unquote(name), keys if equals else None))
    return tuple(steps)


def _step(schema: Mapping[str, SchemaNode], last: Step | None, name: str, keys: str | None) -> Step:
    if last is None:
        node = schema.get(name)
    else:
        if last.whole:
            raise ResourceError(f"{last.node.name}: say which entry: {last.node.name}=KEY", unknown=False)
        node = last.node.child(name)
    if node is None:
        where = f"under {last.node.name}" if last else "at the top; its name begins with its module"
        raise ResourceError(f"the model has no {name!r} {where}", unknown=True)
    if keys is None:
        return Step(node)
    if not node.many:
        raise ResourceError(f"{node.name} is no list: it has no key", unknown=False)
    texts = [unquote(key) for key in keys.split(",")] if node.kind == "list" else [unquote(keys)]
    leaves = [node.children[key] for key in node.keys] if node.kind == "list" else [node]
    if len(texts) != len(leaves):
        raise ResourceError(f"{node.name} has {len(leaves)} keys, the path gives {len(texts)}", unknown=False)
    try:
        return Step(node, tuple(leaf.value_of(one) for leaf, one in zip(leaves, texts, strict=True)))
    except ValueError as error:
        raise ResourceError(str(error), unknown=False) from None


def resource_id(steps: Sequence[Step]) -> str:
    """The path of a data resource, with "/" before each segment, percent-encoded."""
    return "".join("/" + quote(step.node.member, safe=_UNRESERVED + ":") + _in_uri(step.keys) for step in steps)


def _in_uri(keys: Sequence[object]) -> str:
    return "=" + ",".join(quote(_text(key), safe=_UNRESERVED) for key in keys) if keys else ""


def instance_identifier(steps: Sequence[Step]) -> str:
    """The path of an instance as errors name it, for instance ``/m:a/b[k='1']``."""
    if not steps:
        return "/"
    text = ""
    for step in steps:
        text += "/" + step.node.member
        if step.node.kind == "leaf-list" and step.keys:
            text += f"[.={_quoted(step.keys[0])}]"
        else:
            text += "".join(f"[{name}={_quoted(key)}]" for name, key in zip(step.node.keys, step.keys, strict=False))
    return text


def _quoted(value: object) -> str:
    text = _text(value)
    return f'"{text}"' if "'" in text else f"'{text}'"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
