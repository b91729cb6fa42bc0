"""What an RPC is given, read strictly: no element that is unknown, none twice, none missing."""

from __future__ import annotations

from collections.abc import Mapping

from .errors import RpcError
from .markup import Element, name_of, space_of, text_of
from .names import BASE


def parameters(operation: Element, space: str, allowed: Mapping[str, str]) -> dict[str, Element]:
    """The children of an operation by name.

    Args:
        operation: its element.
        space: namespace of the children, unless `allowed` says another.
        allowed: what there may be; the value is a namespace, "" = `space`; names that end in "!" have to be there.

    Raises:
        RpcError: unknown-element, unknown-namespace, bad-element or missing-element.
    """
    spaces = {name.removesuffix("!"): other or space for name, other in allowed.items()}
    found: dict[str, Element] = {}
    for child in operation:
        name = name_of(child)
        if name not in spaces:
            raise blamed("unknown-element", name, f"{name_of(operation)} has no {name}")
        if space_of(child) != spaces[name]:
            error = blamed("unknown-namespace", name, f"{name} is of {spaces[name]}")
            error.info["bad-namespace"] = space_of(child)
            raise error
        if name in found:
            raise blamed("bad-element", name, f"{name} is there twice")
        found[name] = child
    for name in allowed:
        if name.endswith("!") and name[:-1] not in found:
            raise blamed("missing-element", name[:-1], f"{name_of(operation)} needs {name[:-1]}")
    return found


def choice(given: Mapping[str, Element], name: str, choices: tuple[str, ...]) -> str:
    """The text of a parameter that is one of `choices`; the first if it is absent.

    Raises:
        RpcError: bad-element.
    """
    if name not in given:
        return choices[0]
    text = text_of(given[name]).strip()
    if text not in choices:
        raise blamed("bad-element", name, f"{name} is one of {', '.join(choices)}")
    return text


def require_running(datastore: Element) -> None:
    """That a source or target is the one datastore that there is.

    Raises:
        RpcError: missing-element, bad-element or operation-not-supported.
    """
    names = [(space_of(child), name_of(child)) for child in datastore]
    if not names:
        raise blamed("missing-element", "running", f"{name_of(datastore)} names a datastore: running")
    if len(names) > 1:
        raise blamed("bad-element", names[1][1], f"{name_of(datastore)} names one datastore")
    if names[0] != (BASE, "running"):
        raise RpcError("operation-not-supported", f"there is no datastore {names[0][1]} here, only running")


def subtree(given: Mapping[str, Element]) -> Element | None:
    """The filter; None = there is none.

    Raises:
        RpcError: bad-attribute: it is of another type.
    """
    chosen = given.get("filter")
    if chosen is None:
        return None
    kind = chosen.get("type", chosen.get(f"{{{BASE}}}type", "subtree"))
    if kind != "subtree":
        info = {"bad-attribute": "type", "bad-element": "filter"}
        raise RpcError("bad-attribute", f"filters of type {kind} are not offered, only subtree", info=info)
    return chosen


def blamed(tag: str, name: str, text: str) -> RpcError:
    """An error that names an element."""
    return RpcError(tag, text, info={"bad-element": name})
