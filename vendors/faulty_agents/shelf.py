"""All recipes: importing the modules enters them."""

from . import answers, bodies, deeds, figures, interfaces, lawful, notices, stores  # noqa: F401 - entered by being imported
from .catalogue import recipes

RECIPES = recipes()
