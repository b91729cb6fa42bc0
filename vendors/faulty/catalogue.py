"""Where faults and lawful variants are written down: by name, each one difference from the reference KME.

    @fault("serves-foreign-sae", caught_by=["ETSI014-5.4-R3"])
    class ServesForeignSae(KeyDelivery):
        \"\"\"Whoever knows a key ID gets the key: the caller is authenticated, but not compared.\"\"\"

        def may_fetch(self, caller: str, copy: Copy) -> bool:
            return True

What is decorated is a subclass of one part of the reference KME, or a function from its settings to others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, TypeVar, cast

from vendors.reference.kme import Parts
from vendors.reference.settings import KmeSettings

from .blocks import Blocks

_NAME = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
_BASES: Mapping[str, type] = {
    **{part.name: kind for part in fields(Parts) if isinstance(kind := getattr(Parts(), part.name), type)},
    "stream": Blocks,
}
T = TypeVar("T", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Recipe:
    """One variant of the reference KME.

    Attributes:
        name: of the variant, lower case.
        about: one line: what the maker did wrong, or otherwise.
        caught_by: requirements of which at least one has to be found broken; empty = it breaks none.
        parts: what takes the place of parts of the reference KME, by member of `Parts`.
        settings: what takes the place of settings.
        grpc: whether the gRPC binding is offered.
    """

    name: str
    about: str
    caught_by: tuple[str, ...] = ()
    parts: Mapping[str, type] = field(default_factory=dict)
    settings: Callable[[KmeSettings], KmeSettings] = lambda settings: settings
    grpc: bool = True

    @property
    def lawful(self) -> bool:
        """Whether it is as good as the reference KME."""
        return not self.caught_by

    def parts_of(self) -> Parts:
        """The parts to build the KME from."""
        return replace(Parts(), **cast(Mapping[str, Any], self.parts))


class CatalogueError(Exception):
    """A recipe is written down wrongly."""


_recipes: dict[str, Recipe] = {}


def fault(
    name: str, *, caught_by: Sequence[str], also: Sequence[type] = (), settings: Mapping[str, object] | None = None
) -> Callable[[T], T]:
    """Enters a fault: what is decorated differs from the reference KME in one thing, and that is wrong.

    Args:
        name: lower case, in words joined by hyphens; unique in the catalogue.
        caught_by: ids of the requirements that it breaks; at least one of them is to be found broken.
        also: further parts that belong to the same difference.
        settings: settings under which the fault shows.
    """
    if not caught_by:
        raise CatalogueError(f"{name}: a fault breaks a requirement")
    return _entered(name, tuple(caught_by), also, settings or {}, grpc=True)


def variant(
    name: str, *, also: Sequence[type] = (), settings: Mapping[str, object] | None = None, grpc: bool = True
) -> Callable[[T], T]:
    """Enters a lawful variant: other than the reference KME, and no worse. Arguments as of `fault`."""
    return _entered(name, (), also, settings or {}, grpc=grpc)


def recipes() -> Mapping[str, Recipe]:
    """All that have been entered, by name."""
    return _recipes


def _entered(
    name: str, caught_by: tuple[str, ...], also: Sequence[type], settings: Mapping[str, object], *, grpc: bool
) -> Callable[[T], T]:
    if not _NAME.fullmatch(name):
        raise CatalogueError(f"{name!r}: lower-case words, joined by hyphens")
    if name in _recipes:
        raise CatalogueError(f"{name}: two recipes have this name")

    def enter(difference: T) -> T:
        about = " ".join((difference.__doc__ or "").split())
        if not about:
            raise CatalogueError(f"{name}: the docstring says what the maker did, and it is missing")
        changed: Callable[[KmeSettings], KmeSettings] = partial(replace, **cast(Mapping[str, Any], settings))
        parts = {_part_of(name, kind): kind for kind in also}
        if isinstance(difference, type):
            parts[_part_of(name, difference)] = difference
        else:
            changed = cast(Any, difference)
        _recipes[name] = Recipe(name, about, caught_by, parts, changed, grpc)
        return difference

    return enter


def _part_of(name: str, kind: type) -> str:
    found = [part for part, base in _BASES.items() if issubclass(kind, base)]
    if len(found) != 1:
        raise CatalogueError(f"{name}: {kind.__name__} is no part of a KME")
    return found[0]
