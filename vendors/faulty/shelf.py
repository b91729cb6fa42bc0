"""The whole catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from .catalogue import Recipe, recipes

_FAULTS = (
    "transport", "identity", "bodies", "errors", "methods", "status", "sizes", "containers", "extensions",
    "multicast", "ownership", "lookup", "one_time", "material", "waiting", "races", "exhaustion", "malformed",
    "quality", "binding",
)  # fmt: skip
_LAWFUL = ("limits", "identifiers", "texts", "answers", "connections", "stocks")


def _entered() -> Mapping[str, Recipe]:
    for module in (*_FAULTS, *(f"lawful.{name}" for name in _LAWFUL)):
        import_module(f".{module}", __package__)  # enters its recipes
    return recipes()


RECIPES: Final[Mapping[str, Recipe]] = _entered()
"""By name: faults, then lawful variants, in the order of the modules."""
