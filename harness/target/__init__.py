"""Target files: what is tested (IUT), how it is reached (IXIT), what its maker claims (ICS)."""

from harness.target.load import Target, load_target
from harness.target.problem import FileError, Place, Problem, Weight

__all__ = ["FileError", "Place", "Problem", "Target", "Weight", "load_target"]
