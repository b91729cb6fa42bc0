"""Query parameters (RFC 8040, 4.8)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from harness.sdk.yang import SchemaNode, child_of
from vendors.reference.agent.refusals import RefusedError

_TOKEN = re.compile(r"[^;/()]+|[;/()]")
_DEEPEST = 65535
# fields: what to keep below a node, by member name; None = all of it
Fields = dict[str, "Fields | None"]


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """What a GET asks for.

    Attributes:
        content: "all", "config" or "nonconfig".
        depth: levels, the target being the first; 0 = all.
        fields: nodes to keep; None = all.
        with_defaults: "explicit", "report-all", "report-all-tagged" or "trim".
    """

    content: str = "all"
    depth: int = 0
    fields: Any = None
    with_defaults: str = "explicit"


def read_query(text: str, below: Mapping[str, SchemaNode]) -> ReadQuery:
    """Reads the query of a GET.

    Args:
        text: percent-encoded, without "?".
        below: the children of the target, for `fields`.

    Raises:
        RefusedError: invalid-value.
    """
    values = _pairs(text)
    made: dict[str, Any] = {}
    for name, value in values.items():
        if name == "content" and value in ("all", "config", "nonconfig"):
            made["content"] = value
        elif name == "with-defaults" and value in ("explicit", "report-all", "report-all-tagged", "trim"):
            made["with_defaults"] = value
        elif name == "depth" and _is_depth(value):
            made["depth"] = 0 if value == "unbounded" else int(value)
        elif name == "fields":
            made["fields"] = parse_fields(value, below)
        else:
            raise _invalid(f"{name}={value!r}: no such query parameter here, or no such value of it")
    return ReadQuery(**made)


def no_query(text: str) -> None:
    """Refuses any query parameter: `insert` and `point` are for lists that users order, and there are none.

    Raises:
        RefusedError: invalid-value.
    """
    for name in _pairs(text):
        raise _invalid(f"{name}: no such query parameter here")


def parse_fields(text: str, below: Mapping[str, SchemaNode]) -> Fields:
    """Reads a `fields` expression, for instance ``qkd_links/qkd_link(qkdl_id;qkdl_type);qkdn_id``.

    Raises:
        RefusedError: invalid-value.
    """
    tokens = _TOKEN.findall(text)
    made, rest = _fields(tokens, below)
    if rest:
        raise _invalid(f"fields: {text!r} does not parse at {''.join(rest)!r}")
    return made


def _fields(tokens: list[str], below: Mapping[str, SchemaNode]) -> tuple[Fields, list[str]]:
    made: Fields = {}
    while True:
        if not tokens or tokens[0] in ";/()":
            raise _invalid(f"fields: a name is missing at {''.join(tokens)!r}")
        node = child_of(below, tokens[0])
        if node is None:
            raise _invalid(f"fields: there is no {tokens[0]!r} here")
        inner, tokens = _inner(tokens[1:], node)
        there = made.get(node.member, {}) if node.member in made else inner
        made[node.member] = _union(there, inner)
        if not tokens or tokens[0] != ";":
            return made, tokens
        tokens = tokens[1:]


def _inner(tokens: list[str], node: SchemaNode) -> tuple[Fields | None, list[str]]:
    if tokens and tokens[0] == "/":
        # a path goes on: the next name only, and what follows it
        if len(tokens) < 2 or tokens[1] in ";/()":
            raise _invalid(f"fields: a name is missing after {node.name}/")
        child = child_of(node.children, tokens[1])
        if child is None:
            raise _invalid(f"fields: there is no {tokens[1]!r} under {node.name}")
        inner, tokens = _inner(tokens[2:], child)
        return {child.member: inner}, tokens
    if tokens and tokens[0] == "(":
        made, tokens = _fields(tokens[1:], node.children)
        if not tokens or tokens[0] != ")":
            raise _invalid(f"fields: ) is missing after {node.name}(")
        return made, tokens[1:]
    return None, tokens


def _union(one: Fields | None, other: Fields | None) -> Fields | None:
    if one is None or other is None:
        return None
    made = dict(one)
    for name, inner in other.items():
        made[name] = _union(made[name], inner) if name in made else inner
    return made


def _pairs(text: str) -> dict[str, str]:
    try:
        # RFC 8040 has "+" stand for itself
        plain = text.replace("+", "%2B")
        pairs = parse_qsl(plain, keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=16)
    except ValueError:
        raise _invalid("the query does not parse: name=value&name=value") from None
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _invalid("a query parameter is given twice")
    return made


def _is_depth(text: str) -> bool:
    return text == "unbounded" or (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= _DEEPEST)


def _invalid(text: str) -> RefusedError:
    return RefusedError("invalid-value", text, kind="protocol")
