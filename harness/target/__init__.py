"""Target files: what is tested (IUT), how it is reached (IXIT), what its maker claims (ICS)."""

from harness.document.problem import FileError, Place, Problem, Weight
from harness.target.load import Target, load_target

__all__ = ["FileError", "Place", "Problem", "Target", "Weight", "load_target"]
