"""Collections of faulty and of correct-but-different implementations, as they describe themselves.

A collection is an implementation like any other whose description (``DescribeResponse.ics``) has one member more:

    { "selfcheck": { "etsi014": {
        "faults":   { VARIANT: { "caught_by": [REQUIREMENT, …], "about": TEXT }, … },
        "variants": { VARIANT: { "about": TEXT }, … } } } }

``caught_by`` holds requirement ids or globs of them; a fault counts as caught only when one of these is found broken.
Left out or empty, any broken requirement counts. An implementation without the member is one correct implementation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from google.protobuf.json_format import MessageToDict

from harness.campaign.cell import SELFCHECK
from harness.cli.exits import UserError
from harness.document.problem import closest
from harness.hosting import LaunchSpec
from qkd.vendor.v1.vendor_pb2 import DescribeResponse

_PARTS = ("faults", "variants")
_MEMBERS = {"faults": {"caught_by", "about"}, "variants": {"about"}}


@dataclass(frozen=True)
class Specimen:
    """Something to run the suite on.

    Attributes:
        name: unique in a selfcheck.
        spec: the process that raises it.
        variant: what to raise; empty = the product itself.
        about: one line.
        faulty: whether the suite has to catch it; otherwise the suite must not blame it.
        caught_by: patterns of the requirements that it breaks.
    """

    name: str
    spec: LaunchSpec
    variant: str = ""
    about: str = ""
    faulty: bool = False
    caught_by: tuple[str, ...] = ()

    def right(self, requirement: str) -> bool:
        """Whether finding ``requirement`` broken catches it for the right reason."""
        return not self.caught_by or any(fnmatchcase(requirement, pattern) for pattern in self.caught_by)


def specimens_of(spec: LaunchSpec, said: DescribeResponse, suite: str, requirements: Iterable[str]) -> list[Specimen]:
    """What an implementation offers for the selfcheck of ``suite``; ``requirements`` are the ids of its register.

    Raises:
        UserError: what it says of itself does not fit; names everything that does not.
    """
    told = MessageToDict(said.ics)
    if SELFCHECK not in told:
        return [Specimen(said.name, spec, about="the product itself")]
    catalogue: Any = told[SELFCHECK].get(suite, {}) if isinstance(told[SELFCHECK], dict) else None
    problems = _problems(catalogue, set(said.variants), list(requirements))
    if problems:
        head = f"{said.name}: its catalogue (ics.{SELFCHECK}.{suite}) cannot be used"
        raise UserError("\n  ".join([head, *problems]))
    found = [
        Specimen(name, spec, name, str(entry.get("about", "")), faulty=True, caught_by=_patterns(entry))
        for name, entry in catalogue.get("faults", {}).items()
    ]
    found += [
        Specimen(name or said.name, spec, name, str(entry.get("about", "")))
        for name, entry in catalogue.get("variants", {}).items()
    ]
    return found


def _patterns(entry: Mapping[str, Any]) -> tuple[str, ...]:
    given = entry.get("caught_by", ())
    return (given,) if isinstance(given, str) else tuple(given)


def _problems(catalogue: Any, offered: set[str], requirements: Sequence[str]) -> list[str]:
    if not isinstance(catalogue, dict):
        return ["is no table"]
    problems = [f"unknown member {name!r}; known: {', '.join(_PARTS)}" for name in catalogue if name not in _PARTS]
    for part in _PARTS:
        entries = catalogue.get(part, {})
        if not isinstance(entries, dict):
            problems.append(f"{part} is no table")
            continue
        for name, entry in entries.items():
            problems += [f"{part}.{name}: {text}" for text in _entry_problems(part, name, entry, offered, requirements)]
    return problems


def _entry_problems(part: str, name: str, entry: Any, offered: set[str], requirements: Sequence[str]) -> list[str]:
    if not isinstance(entry, dict):
        return ["is no table"]
    problems = [f"unknown member {member!r}" for member in entry if member not in _MEMBERS[part]]
    if name not in offered and not (part == "variants" and name == ""):
        problems.append("is not among the variants that it offers")
    given = entry.get("caught_by", [])
    if not isinstance(given, str) and not (isinstance(given, list) and all(isinstance(one, str) for one in given)):
        return [*problems, "caught_by is no list of requirement ids"]
    for pattern in _patterns(entry):
        if not any(fnmatchcase(requirement, pattern) for requirement in requirements):
            near = closest(pattern, requirements)
            problems.append(f"no requirement {pattern!r}" + (f"; did you mean {near!r}?" if near else ""))
    return problems


def unique(specimens: Iterable[Specimen]) -> list[Specimen]:
    """``specimens``, or what is wrong with their names.

    Raises:
        UserError: two bear the same name.
    """
    by_name: dict[str, Specimen] = {}
    for specimen in specimens:
        if specimen.name in by_name:
            one, other = by_name[specimen.name].spec.name, specimen.spec.name
            raise UserError(f"two variants are named {specimen.name!r} (of {one} and of {other}): rename one")
        by_name[specimen.name] = specimen
    return list(by_name.values())
