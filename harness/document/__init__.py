"""Files that users write: TOML with positions, brought into a shape, and what is wrong with it at its place."""

from harness.document.problem import FileError, Place, Problem, Weight, closest, in_order, listed
from harness.document.shape import Shaped, Table, shaped
from harness.document.toml import Document, Trail, parse_document, read_document

__all__ = [
    "Document",
    "FileError",
    "Place",
    "Problem",
    "Shaped",
    "Table",
    "Trail",
    "Weight",
    "closest",
    "in_order",
    "listed",
    "parse_document",
    "read_document",
    "shaped",
]
