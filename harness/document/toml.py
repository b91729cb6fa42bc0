"""A TOML file that remembers where everything stands in it.

Values are those of `tomllib`; positions are those of tree-sitter's grammar, since `tomllib` keeps none.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

from harness.document.problem import FileError, Place, Problem, Weight

Step = str | int
Trail = tuple[Step, ...]
_KEYS = frozenset({"bare_key", "quoted_key", "dotted_key"})
_PUNCTUATION = frozenset({"[", "]", "[[", "]]", "{", "}", ",", "=", ".", "comment"})
_START = Place(1, 1)
_AT = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True)
class Document:
    """A TOML file as read.

    Attributes:
        path: the file.
        name: the file as the user named it, for messages.
        data: its values.
        digest: SHA-256 of its octets, hexadecimal.
    """

    path: Path
    name: str
    data: dict[str, Any]
    digest: str
    _keys: dict[Trail, Place]
    _values: dict[Trail, Place]

    @property
    def folder(self) -> Path:
        """The folder of the file: what relative paths in it are relative to."""
        return self.path.parent

    def key_at(self, trail: Trail) -> Place:
        """Where the member ``trail`` is named; of what does not stand in the file, where it belongs."""
        return self._place(self._keys, trail)

    def value_at(self, trail: Trail) -> Place:
        """Where the value of ``trail`` begins; of what does not stand in the file, where it belongs."""
        return self._place(self._values, trail)

    def _place(self, places: dict[Trail, Place], trail: Trail) -> Place:
        for length in range(len(trail), 0, -1):
            part = trail[:length]
            chosen = places if length == len(trail) else self._keys
            found = chosen.get(part) or self._values.get(part) or self._keys.get(part)
            if found:
                return found
        return _START

    def problem(
        self,
        trail: Trail,
        wrong: str,
        *,
        suggestion: str = "",
        todo: str = "",
        weight: Weight = Weight.ERROR,
        at_key: bool = False,
    ) -> Problem:
        """A problem with the value of ``trail``, or with its name (``at_key``)."""
        place = self.key_at(trail) if at_key else self.value_at(trail)
        return Problem(self.name, place, wrong, suggestion, todo, weight)

    def get(self, *trail: Step) -> Any:
        """The value of ``trail``, or None when some step of it is not there."""
        value: Any = self.data
        for step in trail:
            if isinstance(step, str):
                value = value.get(step) if isinstance(value, dict) else None
            else:
                value = value[step] if isinstance(value, list) and step < len(value) else None
        return value

    def tables(self, *trail: Step) -> Iterator[tuple[Trail, dict[str, Any]]]:
        """The tables in the list ``trail``, each with its own trail; nothing when it is no list of tables."""
        entries = self.get(*trail)
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict):
                yield (*trail, index), entry


def read_document(path: Path) -> Document:
    """Read a TOML file.

    Raises:
        FileError: it cannot be read, is not UTF-8, or is not TOML.
    """
    try:
        octets = path.read_bytes()
    except OSError as wrong:
        raise FileError([Problem(str(path), _START, f"cannot be read: {reason_of(wrong)}")]) from None
    return parse_document(octets, path)


def parse_document(octets: bytes, path: Path) -> Document:
    """TOML that is in memory already; ``path`` is what it is called in messages.

    Raises:
        FileError: it is not UTF-8, or not TOML.
    """
    name = str(path)
    try:
        text = octets.decode()
    except UnicodeDecodeError as wrong:
        before = octets[: wrong.start]
        place = Place(before.count(b"\n") + 1, len(before.rpartition(b"\n")[2].decode()) + 1)
        raise FileError([Problem(name, place, "is not UTF-8", "", "save the file as UTF-8")]) from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise FileError([_syntax_problem(name, text, str(wrong))]) from None
    places = _Places(octets)
    return Document(path, name, data, hashlib.sha256(octets).hexdigest(), places.keys, places.values)


def reason_of(error: OSError) -> str:
    """Why the system refused, in lower case and without the file name."""
    return (error.strerror or type(error).__name__).lower()


def _syntax_problem(name: str, text: str, message: str) -> Problem:
    found = _AT.search(message)
    bare = _AT.sub("", message)
    if found and found[1]:
        place = Place(int(found[1]), int(found[2]))
    else:
        lines = text.split("\n")
        place = Place(len(lines), len(lines[-1]) + 1)
    line = text.split("\n")[place.line - 1] if place.line <= text.count("\n") + 1 else ""
    return Problem(name, place, f"is not TOML: {bare[:1].lower()}{bare[1:]}", "", _advice(bare, line))


def _advice(message: str, line: str) -> str:
    if "{" in line and "}" not in line:
        return "an inline table { … } stands on one line"
    if "Cannot overwrite" in message or "Cannot declare" in message:
        return "the member stands twice: remove one of them"
    if message.startswith("Expected newline"):
        return "one member stands on a line"
    if message.startswith("Invalid value"):
        return 'text stands in quotation marks: name = "value"'
    return ""


class _Places:
    """Walks the syntax tree and notes where each key and each value begins."""

    def __init__(self, octets: bytes) -> None:
        self.keys: dict[Trail, Place] = {}
        self.values: dict[Trail, Place] = {}
        self._lines = octets.split(b"\n")
        self._lengths: Counter[Trail] = Counter()
        tree = Parser(Language(tree_sitter_toml.language())).parse(octets)
        for node in tree.root_node.children:
            match node.type:
                case "pair":
                    self._pair((), node)
                case "table":
                    self._table(node, many=False)
                case "table_array_element":
                    self._table(node, many=True)
                case _:
                    pass

    def _table(self, node: Node, *, many: bool) -> None:
        header = next((child for child in node.children if child.type in _KEYS), None)
        if header is None:
            return
        trail: Trail = ()
        steps = _steps(header)
        for position, (name, key) in enumerate(steps, 1):
            trail = (*trail, name)
            if position == len(steps) and not many:
                self.keys[trail], self.values[trail] = self._place(key), self._place(node)
            self.keys.setdefault(trail, self._place(key))
            self.values.setdefault(trail, self._place(node))
            if many and position == len(steps):
                trail = (*trail, self._lengths[trail])
                self._lengths[trail[:-1]] += 1
                self.keys[trail] = self._place(key)
                self.values[trail] = self._place(node)
            elif self._lengths[trail]:
                # [a.b] below [[a]] belongs to the last a
                trail = (*trail, self._lengths[trail] - 1)
        for child in node.children:
            if child.type == "pair":
                self._pair(trail, child)

    def _pair(self, parent: Trail, node: Node) -> None:
        key = next((child for child in node.children if child.type in _KEYS), None)
        value = next((c for c in reversed(node.children) if c.type not in _PUNCTUATION | _KEYS), None)
        if key is None or value is None:
            return
        trail = parent
        for name, part in _steps(key):
            trail = (*trail, name)
            self.keys.setdefault(trail, self._place(part))
            self.values.setdefault(trail, self._place(value))
        self._value(trail, value)

    def _value(self, trail: Trail, node: Node) -> None:
        self.values[trail] = self._place(node)
        if node.type == "inline_table":
            for child in node.children:
                if child.type == "pair":
                    self._pair(trail, child)
        elif node.type == "array":
            inner = [child for child in node.children if child.type not in _PUNCTUATION]
            for index, child in enumerate(inner):
                self._value((*trail, index), child)

    def _place(self, node: Node) -> Place:
        row, column = node.start_point
        # tree-sitter counts octets; people and editors count characters
        return Place(row + 1, len(self._lines[row][:column].decode(errors="replace")) + 1)


def _steps(key: Node) -> list[tuple[str, Node]]:
    if key.type == "dotted_key":
        return [step for child in key.children if child.type in _KEYS for step in _steps(child)]
    text = (key.text or b"").decode()
    name = next(iter(tomllib.loads(f"{text} = 0"))) if key.type == "quoted_key" else text
    return [(name, key)]
