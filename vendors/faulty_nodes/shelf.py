"""All recipes: importing the modules enters them."""

from . import accounts, hops, lawful, paths, relays, sources  # noqa: F401 - entered by being imported
from .catalogue import recipes

RECIPES = recipes()
