"""Where variants of the reference agent are written down: by name, each one difference.

@fault("always-active", "ETSI015-LINK-3")
class AlwaysActive(Behind):
    \"\"\"Every link is shown as ACTIVE.\"\"\"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from vendors.reference.agent.datastore import Datastore
from vendors.reference.agent.restconf.server import RestconfServer
from vendors.reference.agent.restconf.streams import EventStream

from .behind import Behind

_T = TypeVar("_T", bound=type)
PARTS: Mapping[str, type] = {"node": Behind, "store": Datastore, "server": RestconfServer, "stream": EventStream}
"""What a fault can take the place of."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One variant of the reference agent.

    Attributes:
        name: of the variant.
        about: one line: what the maker did wrong, or otherwise.
        caught_by: requirements of which one has to be found broken; empty = it breaks none.
        parts: what takes the place of which part.
        settings: over those that it was given.
        restconf, grpc: whether it offers them.
    """

    name: str
    about: str
    caught_by: tuple[str, ...] = ()
    parts: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    grpc: bool = True


class CatalogueError(Exception):
    """A recipe is written down wrongly."""


_recipes: dict[str, Recipe] = {}


def fault(name: str, *caught_by: str) -> Callable[[_T], _T]:
    """Enters a fault: a subclass of one part, with one thing wrong."""

    def enter(part: _T) -> _T:
        there = {place: part for place, base in PARTS.items() if issubclass(part, base)}
        if len(there) != 1 or not caught_by:
            raise CatalogueError(f"{name}: is no part of an agent, or breaks no requirement")
        _add(Recipe(name, " ".join((part.__doc__ or "").split()), caught_by, there))
        return part

    return enter


def variant(
    name: str, about: str, *, parts: Mapping[str, Any] | None = None, grpc: bool = True, **settings: str
) -> None:
    """Enters a lawful variant, by its settings or by what takes the place of a part."""
    _add(Recipe(name, about, parts=parts or {}, settings=settings, grpc=grpc))


def _add(recipe: Recipe) -> None:
    if recipe.name in _recipes or not recipe.about:
        raise CatalogueError(f"{recipe.name}: stands twice, or does not say what the maker did")
    _recipes[recipe.name] = recipe


def recipes() -> Mapping[str, Recipe]:
    """All that have been entered, by name."""
    return _recipes
