"""All variants: importing this module enters every fault and every lawful variant into the catalogue."""

from __future__ import annotations

from vendors.faulty_modules import alarms, blocks, calls, figures, keys, lawful, physics, states

from .catalogue import recipes

MODULES = (alarms, blocks, calls, figures, keys, lawful, physics, states)
RECIPES = recipes()
"""By name."""
