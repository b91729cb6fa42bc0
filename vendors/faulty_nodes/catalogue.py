"""Where variants of the reference node are written down: by name, each one difference.

@fault("no-mac-check", "NODE-TAMPER-1")
class NoMacCheck(Relay):
    \"\"\"What comes off the wire is opened whatever its tag.\"\"\"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from vendors.reference import kme
from vendors.reference.forwarding import forwarder

_T = TypeVar("_T", bound=type)
KME: Mapping[str, type] = {
    name: part
    for name in ("delivery", "settlement", "link", "intakes", "store")
    if isinstance(part := getattr(kme.Parts(), name), type)
}
FORWARDER: Mapping[str, type] = {"relay": forwarder.Parts().relay, "service": forwarder.Parts().service}


@dataclass(frozen=True, slots=True)
class Recipe:
    """One variant of the reference node.

    Attributes:
        name: of the variant.
        about: one line: what the maker did wrong, or otherwise.
        caught_by: requirements of which one has to be found broken; empty = it breaks none.
        kme, forwarder: what takes the place of parts of the one or the other.
        kme_settings, forwarder_settings: over those that it was given.
    """

    name: str
    about: str
    caught_by: tuple[str, ...] = ()
    kme: Mapping[str, type] = field(default_factory=dict)
    forwarder: Mapping[str, type] = field(default_factory=dict)
    kme_settings: Mapping[str, str] = field(default_factory=dict)
    forwarder_settings: Mapping[str, str] = field(default_factory=dict)


class CatalogueError(Exception):
    """A recipe is written down wrongly."""


_recipes: dict[str, Recipe] = {}


def fault(name: str, *caught_by: str) -> Callable[[_T], _T]:
    """Enters a fault: a subclass of one part, with one thing wrong."""

    def enter(part: _T) -> _T:
        there = {place: part for place, base in KME.items() if issubclass(part, base)}
        here = {place: part for place, base in FORWARDER.items() if issubclass(part, base)}
        if len(there) + len(here) != 1 or not caught_by:
            raise CatalogueError(f"{name}: is no part of a node, or breaks no requirement")
        _add(Recipe(name, " ".join((part.__doc__ or "").split()), caught_by, there, here))
        return part

    return enter


def relay_part(**parts: Any) -> type:
    """A `Relay` of which the origin, destination or neighbour is another: ``origin_type=…``."""
    return type("Relay", (FORWARDER["relay"],), parts)


def part_fault(name: str, *caught_by: str) -> Callable[[_T], _T]:
    """As `fault`, for a subclass of what a relay is made of: an origin, a destination, a neighbour."""

    def enter(part: _T) -> _T:
        base: Any = FORWARDER["relay"]
        places = ("origin_type", "destination_type", "neighbour_type")
        place = next(one for one in places if issubclass(part, getattr(base, one)))
        about = " ".join((part.__doc__ or "").split())
        _add(Recipe(name, about, caught_by, forwarder={"relay": relay_part(**{place: part})}))
        return part

    return enter


def variant(
    name: str, about: str, *, kme: Mapping[str, str] | None = None, forwarder: Mapping[str, str] | None = None
) -> None:
    """Enters a lawful variant by its settings."""
    _add(Recipe(name, about, kme_settings=kme or {}, forwarder_settings=forwarder or {}))


def _add(recipe: Recipe) -> None:
    if recipe.name in _recipes or not recipe.about:
        raise CatalogueError(f"{recipe.name}: stands twice, or does not say what the maker did")
    _recipes[recipe.name] = recipe


def recipes() -> Mapping[str, Recipe]:
    """All that have been entered, by name."""
    return _recipes
