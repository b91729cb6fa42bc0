"""Where faults and lawful variants are written down: by name, each one difference from the emulated module.

    @fault("any-channel-taken", caught_by=["DEV-CONF-2"])
    class AnyChannel(EmulatedModule):
        \"\"\"Configure takes whatever channel it is given.\"\"\"

What is decorated is a subclass of one part of a module (see `PARTS`), which takes the place of that part; or a function
from the models to others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from qkd.device.v1.module_pb2 import ModuleRole
from vendors.emulation.alarms import AlarmBoard
from vendors.emulation.detector import Detector
from vendors.emulation.exchange import Taker
from vendors.emulation.module import EmulatedModule
from vendors.emulation.published import PublishedRates
from vendors.emulation.spec import ModelSpec
from vendors.emulation.store import KeyBlockStore

from .models import BB84

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
Models = tuple[ModelSpec, ...]
PARTS: Final[Mapping[type, str]] = {
    EmulatedModule: "",
    KeyBlockStore: "store",
    AlarmBoard: "alarms",
    PublishedRates: "rates",
    Detector: "_detector",
    Taker: "taker",
}
"""Parts of a module and under which name it keeps them; empty = the module itself."""
T = TypeVar("T", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Recipe:
    """One variant.

    Attributes:
        name: lower case.
        about: one line: what the maker did wrong, or otherwise.
        caught_by: requirements of which at least one has to be found broken; empty = it breaks none.
        parts: what takes the place of parts of a module.
        models: what it raises.
        only: the role that differs; None = both ends (and the hub).
        guarded: whether calls need the token.
    """

    name: str
    about: str
    caught_by: tuple[str, ...]
    parts: tuple[type, ...]
    models: Models
    only: ModuleRole.ValueType | None = None
    guarded: bool = True

    @property
    def lawful(self) -> bool:
        """Whether it is as good as the module that it differs from."""
        return not self.caught_by

    def change(self, module: EmulatedModule) -> None:
        """Puts the parts in their places."""
        if self.only is not None and module.role != self.only:
            return
        for part in self.parts:
            place = next(name for kind, name in PARTS.items() if issubclass(part, kind))
            whole: Any = getattr(module, place, None) if place else module
            if whole is not None and (place or isinstance(module, part.__bases__[0])):
                whole.__class__ = type(part.__name__, (part, type(whole)), {})


class CatalogueError(Exception):
    """A recipe is written down wrongly."""


_recipes: dict[str, Recipe] = {}


def fault(
    name: str,
    *,
    caught_by: Sequence[str],
    also: Sequence[type] = (),
    models: Models = (BB84,),
    settings: Mapping[str, object] | None = None,
    only: ModuleRole.ValueType | None = None,
    guarded: bool = True,
) -> Callable[[T], T]:
    """Enters a fault: what is decorated differs from the emulated module in one thing, and that is wrong.

    Args:
        name: lower case, in words joined by hyphens; unique in the catalogue.
        caught_by: ids of the requirements that it breaks; at least one of them is to be found broken.
        also: further parts that belong to the same difference.
        models: that it differs from.
        settings: under which the fault shows.
        only: see `Recipe`.
        guarded: see `Recipe`.
    """
    if not caught_by:
        raise CatalogueError(f"{name}: a fault breaks a requirement")
    return _entered(Recipe(name, "", tuple(caught_by), tuple(also), _set(models, settings), only, guarded))


def variant(
    name: str, *, also: Sequence[type] = (), models: Models = (BB84,), settings: Mapping[str, object] | None = None
) -> Callable[[T], T]:
    """Enters a lawful variant: other than the emulated module, and no worse. Arguments as of `fault`."""
    return _entered(Recipe(name, "", (), tuple(also), _set(models, settings)))


def recipes() -> Mapping[str, Recipe]:
    """All that have been entered, by name."""
    return _recipes


def _set(models: Models, settings: Mapping[str, object] | None) -> Models:
    return tuple(replace(model, defaults={**model.defaults, **(settings or {})}) for model in models)


def _entered(recipe: Recipe) -> Callable[[T], T]:
    if not _NAME.fullmatch(recipe.name):
        raise CatalogueError(f"{recipe.name!r}: lower-case words, joined by hyphens")
    if recipe.name in _recipes:
        raise CatalogueError(f"{recipe.name}: two recipes have this name")

    def enter(difference: T) -> T:
        about = " ".join((difference.__doc__ or "").split())
        if not about:
            raise CatalogueError(f"{recipe.name}: the docstring says what the maker did, and it is missing")
        parts, models = recipe.parts, recipe.models
        if isinstance(difference, type):
            parts = (difference, *parts)
        else:
            models = difference(models)
        for part in parts:
            if not issubclass(part, tuple(PARTS)):
                raise CatalogueError(f"{recipe.name}: {part.__name__} is no part of a module")
        _recipes[recipe.name] = replace(recipe, about=about, parts=parts, models=models)
        return difference

    return enter
