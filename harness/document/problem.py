"""What is wrong with a file that a user wrote: where, what, what was probably meant, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rapidfuzz import fuzz, process

# Below this similarity (0-100) a suggestion would be a guess.
_ALIKE = 60.0


class Weight(StrEnum):
    """What a problem means: an ``ERROR`` stops the campaign, a ``WARNING`` and a ``NOTE`` are told and go on."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, order=True)
class Place:
    """A position in a file; ``line`` and ``column`` count characters from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. ``suggestion`` is what was probably meant, ``todo`` what to do; both may be empty."""

    file: str
    place: Place
    wrong: str
    suggestion: str = ""
    todo: str = ""
    weight: Weight = Weight.ERROR

    def __str__(self) -> str:
        parts = [self.wrong]
        if self.suggestion:
            parts.append(f"did you mean {self.suggestion!r}?")
        if self.todo:
            parts.append(self.todo)
        kind = "" if self.weight is Weight.ERROR else f"{self.weight}: "
        return f"{self.file}:{self.place.line}:{self.place.column}: {kind}{'; '.join(parts)}"


class FileError(ValueError):
    """A file that a user wrote cannot be used; ``problems`` holds everything that is wrong with it, in its order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = in_order(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """``problems`` as they stand in the file, none twice."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: problem.place))


def closest(word: str, known: Iterable[str]) -> str:
    """The one of ``known`` that ``word`` was probably meant to be; empty when none is near."""
    options = list(known)
    folded = [option.casefold() for option in options]
    found = process.extractOne(word.casefold(), folded, scorer=fuzz.ratio, score_cutoff=_ALIKE)
    return options[found[2]] if found else ""


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
