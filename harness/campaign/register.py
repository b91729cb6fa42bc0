"""The requirement register of a suite: what is asked for, by which clause, how strictly, and on whose reading.

A register is a TOML file of ``[[requirement]]`` tables. It is data that is linted when it is loaded: a register
that cannot be trusted stops the campaign before it starts.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class Strictness(StrEnum):
    """The modal verb of the clause."""

    SHALL = "shall"
    SHOULD = "should"
    MAY = "may"


class Standing(StrEnum):
    """Where the authority of a requirement comes from."""

    CONFIRMED = "confirmed"
    OUR_READING = "our-reading"
    OPEN = "open"


class Profile(StrEnum):
    """How requirements that the text does not settle are weighed."""

    STRICT = "strict"
    PUBLISHED = "published"
    LENIENT = "lenient"


class Grade(StrEnum):
    """What a deviation amounts to in a profile."""

    FAIL = "fail"
    WARNING = "warning"
    OBSERVATION = "observation"


_BY_STRICTNESS = {
    Strictness.SHALL: Grade.FAIL,
    Strictness.SHOULD: Grade.WARNING,
    Strictness.MAY: Grade.OBSERVATION,
}
# A confirmed requirement weighs the same in every profile; the rest is what profiles are for.
_UNSETTLED: Mapping[Standing, Mapping[Profile, Grade]] = {
    Standing.OUR_READING: {
        Profile.STRICT: Grade.FAIL,
        Profile.PUBLISHED: Grade.WARNING,
        Profile.LENIENT: Grade.OBSERVATION,
    },
    Standing.OPEN: {
        Profile.STRICT: Grade.WARNING,
        Profile.PUBLISHED: Grade.OBSERVATION,
        Profile.LENIENT: Grade.OBSERVATION,
    },
}
_WEIGHT = {Grade.OBSERVATION: 0, Grade.WARNING: 1, Grade.FAIL: 2}


class RegisterError(ValueError):
    """The register itself is wrong (a fault of the harness, not of the user or the IUT)."""


@dataclass(frozen=True)
class Requirement:
    """One entry of a register.

    ``grades`` overrides the grade that follows from ``strictness`` and ``standing`` in the named profiles, with
    the cause in ``why``. ``reason`` says why no case verifies the requirement; empty when some case does.
    """

    id: str
    suite: str
    clause: str
    strictness: Strictness
    standing: Standing
    role: str
    text: str
    reason: str = ""
    why: str = ""
    grades: Mapping[Profile, Grade] = field(default_factory=dict)

    def grade(self, profile: Profile) -> Grade:
        """What a deviation from this requirement amounts to in ``profile``."""
        if profile in self.grades:
            return self.grades[profile]
        by_strictness = _BY_STRICTNESS[self.strictness]
        if self.standing is Standing.CONFIRMED:
            return by_strictness
        unsettled = _UNSETTLED[self.standing][profile]
        return min(by_strictness, unsettled, key=_WEIGHT.__getitem__)


class Register(Mapping[str, Requirement]):
    """Requirements by id, in the order of the file."""

    def __init__(self, suite: str, requirements: tuple[Requirement, ...]) -> None:
        self.suite = suite
        self._by_id = {entry.id: entry for entry in requirements}

    def __getitem__(self, key: str) -> Requirement:
        return self._by_id[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)

    @classmethod
    def load(cls, path: Path) -> Register:
        """Read and lint a register file.

        Raises:
            RegisterError: a member is missing, unknown or has a value outside its set, or an id stands twice.
        """
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        suite = data.get("suite")
        if not isinstance(suite, str):
            raise RegisterError(f"{path.name}: `suite` is missing")
        entries: list[Requirement] = []
        seen: set[str] = set()
        for table in data.get("requirement", ()):
            entry = _entry(path.name, suite, table)
            if entry.id in seen:
                raise RegisterError(f"{path.name}: {entry.id} stands twice")
            seen.add(entry.id)
            entries.append(entry)
        if not entries:
            raise RegisterError(f"{path.name}: no requirement")
        return cls(suite, tuple(entries))


_REQUIRED = ("id", "clause", "strictness", "standing", "role", "text")
_KNOWN = frozenset({*_REQUIRED, "reason", "why", "grades"})


def _entry(where: str, suite: str, table: Mapping[str, Any]) -> Requirement:
    name = table.get("id", "(no id)")
    missing = [member for member in _REQUIRED if not str(table.get(member, "")).strip()]
    unknown = sorted(set(table) - _KNOWN)
    if missing or unknown:
        raise RegisterError(f"{where}: {name}: missing {missing}, unknown {unknown}")
    try:
        grades = {Profile(key): Grade(value) for key, value in table.get("grades", {}).items()}
        entry = Requirement(
            id=table["id"],
            suite=suite,
            clause=table["clause"],
            strictness=Strictness(table["strictness"]),
            standing=Standing(table["standing"]),
            role=table["role"],
            text=table["text"],
            reason=table.get("reason", ""),
            why=table.get("why", ""),
            grades=grades,
        )
    except ValueError as wrong:
        raise RegisterError(f"{where}: {name}: {wrong}") from wrong
    if grades and not entry.why:
        raise RegisterError(f"{where}: {name}: `grades` needs a `why`")
    return entry
