"""What a campaign is going to do, decided before it does any of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from harness.campaign.case import CaseSpec, keys
from harness.campaign.ics import Ics


class Selection(StrEnum):
    """Whether a case is meant to run."""

    SELECTED = "selected"
    NOT_APPLICABLE = "not_applicable"
    DISABLED = "disabled"
    NOT_REACHED = "not_reached"


@dataclass(frozen=True)
class Allowance:
    """What the target file allows.

    Attributes:
        facilities: what is there beyond the least (``third``, ``stranger``, ``foreign``, ``grpc``, …).
        key_budget: most keys that may be drawn; None = no bound.
        draining: cases that empty the pool may run.
        disturbing: cases that could disturb other users may run.
    """

    facilities: frozenset[str] = frozenset()
    key_budget: int | None = None
    draining: bool = False
    disturbing: bool = False


@dataclass(frozen=True)
class PlannedCase:
    """A case over one binding, with what was decided about it. ``draws`` and ``at_risk`` count keys."""

    spec: CaseSpec
    binding: str
    selection: Selection
    reason: str
    draws: int
    at_risk: int

    @property
    def id(self) -> str:
        """The case id; the binding is named unless it is HTTPS."""
        return case_id(self.spec, self.binding)


@dataclass(frozen=True)
class Plan:
    """All cases of a campaign. ``shared`` counts the keys that are drawn once for all cases that share them."""

    cases: tuple[PlannedCase, ...]
    shared: int
    key_budget: int | None

    @property
    def selected(self) -> tuple[PlannedCase, ...]:
        """The cases that are meant to run."""
        return tuple(entry for entry in self.cases if entry.selection is Selection.SELECTED)

    @property
    def draws(self) -> int:
        """Keys that a conformant system will be asked for."""
        return self.shared + sum(entry.draws for entry in self.selected)

    @property
    def at_risk(self) -> int:
        """Keys that a system which wrongly answers would hand out on top."""
        return sum(entry.at_risk for entry in self.selected)


def case_id(spec: CaseSpec, binding: str) -> str:
    """Identity of a case over a binding, for instance ``014.fetch.once`` or ``014.fetch.once@grpc``."""
    return spec.id if binding == "https" else f"{spec.id}@{binding}"


def matches(pattern: str, spec: CaseSpec, binding: str) -> bool:
    """True when ``pattern`` (case id, requirement id, or a glob of either) names the case."""
    names = (case_id(spec, binding), spec.id, *spec.verifies)
    return any(fnmatchcase(name, pattern) for name in names)


def make_plan(
    specs: Sequence[CaseSpec],
    ics: Ics,
    allowance: Allowance,
    *,
    select: Sequence[str] = (),
    bindings: Sequence[str] = ("https",),
) -> Plan:
    """Decide about every case over every binding.

    ``select`` holds patterns (see `matches`); empty = all. The budget is handed out in two rounds: first what a
    conformant system is asked for, then room for the keys at risk, for each case at its turn.
    """
    entries = [_decide(spec, binding, ics, allowance, select) for spec in specs for binding in bindings
               if binding in spec.bindings]  # fmt: skip
    selected = [entry for entry in entries if entry.selection is Selection.SELECTED]
    shared = max((keys(entry.spec.shares, ics) for entry in selected), default=0)
    if allowance.key_budget is not None:
        entries = _within(entries, ics, allowance.key_budget)
        selected = [entry for entry in entries if entry.selection is Selection.SELECTED]
        shared = max((keys(entry.spec.shares, ics) for entry in selected), default=0)
    return Plan(tuple(entries), shared, allowance.key_budget)


def _decide(spec: CaseSpec, binding: str, ics: Ics, allowance: Allowance, select: Sequence[str]) -> PlannedCase:
    selection, reason = _selection(spec, binding, ics, allowance, select)
    running = selection is Selection.SELECTED
    draws = keys(spec.draws, ics) if running else 0
    at_risk = keys(spec.at_risk, ics) if running else 0
    return PlannedCase(spec, binding, selection, reason, draws, at_risk)


def _selection(
    spec: CaseSpec, binding: str, ics: Ics, allowance: Allowance, select: Sequence[str]
) -> tuple[Selection, str]:
    if select and not any(matches(pattern, spec, binding) for pattern in select):
        return Selection.DISABLED, "not named by --select"
    for name, wanted in spec.ics.items():
        if ics.get(name) != wanted:
            return Selection.NOT_APPLICABLE, f"ICS: {name} is {ics.get(name)!r}, the case is for {wanted!r}"
    if spec.applies is not None and (reason := spec.applies(ics)):
        return Selection.NOT_APPLICABLE, f"ICS: {reason}"
    missing = sorted(spec.needs - allowance.facilities)
    if missing:
        return Selection.DISABLED, "not given in the target: " + ", ".join(missing)
    if spec.drains and not allowance.draining:
        return Selection.DISABLED, "empties the key pool; the target file does not say draining = true"
    if spec.disturbs and not allowance.disturbing:
        return Selection.DISABLED, "could disturb other users; the target file does not say disturbing = true"
    return Selection.SELECTED, ""


def _within(entries: list[PlannedCase], ics: Ics, budget: int) -> list[PlannedCase]:
    """Keep the cases that the budget allows, in their order.

    A case has to find its own risk in the purse when its turn comes, no more: only a system that wrongly answers
    spends it, and then the verdict is known, and the purse still holds for the cases after it.
    """
    kept: list[PlannedCase] = []
    spent = shared = 0
    for entry in entries:
        if entry.selection is not Selection.SELECTED:
            kept.append(entry)
            continue
        more_shared = max(0, keys(entry.spec.shares, ics) - shared)
        cost = entry.draws + entry.at_risk + more_shared
        if spent + cost > budget:
            reason = f"needs {cost} keys, {budget - spent} of key_budget = {budget} are left by then"
            kept.append(PlannedCase(entry.spec, entry.binding, Selection.NOT_REACHED, reason, 0, 0))
            continue
        spent += entry.draws + more_shared
        shared += more_shared
        kept.append(entry)
    return kept
