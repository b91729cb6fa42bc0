"""Subtree filters (RFC 6241, 6)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

from lxml import etree

from harness.sdk.yang import SchemaNode

from .markup import Element, name_of, space_of, text_of

# names of key leaves by the tag of their list; an entry is shown with its keys
Keys = Mapping[str, frozenset[str]]


def keys_of(schema: Mapping[str, SchemaNode], spaces: Mapping[str, str]) -> Keys:
    """The keys of all lists of a schema."""
    found = [node for top in schema.values() for node in top.walk() if node.kind == "list"]
    return {f"{{{spaces[node.module]}}}{node.name}": frozenset(node.keys) for node in found}


def filtered(chosen: Element, data: Sequence[Element], keys: Keys) -> list[Element]:
    """What of the top-level elements a filter chooses; an empty filter chooses nothing.

    Args:
        chosen: the filter element.
        data: may become part of the answer.
        keys: of the lists in it.
    """
    return [one for one in (_shown(list(chosen), top, keys) for top in data) if one is not None]


def _shown(filters: Sequence[Element], data: Element, keys: Keys) -> Element | None:
    """What of an element any of the filters beside each other chooses."""
    live = [one for one in filters if _names(one, data) and _holds(one, data)]
    if not live:
        return None
    if any(all(_is_content(inner) for inner in one) for one in live):
        return copy.deepcopy(data)  # a selection, or content matches alone: all of it
    shell = etree.Element(data.tag, nsmap=data.nsmap)  # type: ignore[arg-type]
    contents = [inner for one in live for inner in one if _is_content(inner)]
    below = [inner for one in live for inner in one if not _is_content(inner)]
    is_key = keys.get(str(data.tag), frozenset())
    some = False
    for child in data:
        matched = any(_names(one, child) and _same(one, child) for one in contents)
        shown = copy.deepcopy(child) if matched or name_of(child) in is_key else _shown(below, child, keys)
        if shown is not None:
            shell.append(shown)
            some = some or matched or name_of(child) not in is_key or any(_names(one, child) for one in below)
    return shell if some else None


def _is_content(one: Element) -> bool:
    return len(one) == 0 and bool(text_of(one).strip())


def _names(one: Element, data: Element) -> bool:
    """Same name, same namespace (none means any), and every attribute that is asked for."""
    space = space_of(one)
    if name_of(one) != name_of(data) or (space and space != space_of(data)):
        return False
    return all(data.get(str(name)) == value for name, value in one.attrib.items())


def _holds(one: Element, data: Element) -> bool:
    """Whether all content matches directly in a filter hold, or, where it is one itself, that one."""
    if _is_content(one):
        return _same(one, data)
    wanted = [inner for inner in one if _is_content(inner)]
    return all(any(_names(inner, child) and _same(inner, child) for child in data) for inner in wanted)


def _same(one: Element, data: Element) -> bool:
    return _meant(one) == _meant(data)


def _meant(one: Element) -> tuple[str, str]:
    """A text, or a qualified name by its namespace, whatever its prefix is."""
    text = text_of(one).strip()
    prefix, colon, name = text.partition(":")
    return (one.nsmap[prefix], name) if colon and prefix in one.nsmap else ("", text)
