"""What changed between two runs. A case that no longer runs is not fixed, and one that cannot say is not either."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from harness.record import values, words
from harness.record.views import ran
from qkd.run.v1 import run_record_pb2 as pb


class Change(StrEnum):
    """How a case or a requirement fares compared with the earlier run; the worst first."""

    NEWLY_FAILING = "newly failing"
    STILL_FAILING = "still failing"
    NEWLY_UNDECIDED = "newly undecided"
    NEWLY_NOT_RUN = "newly not run"
    GONE = "gone"
    NEWLY_DEVIATING = "newly deviating"
    FIXED = "fixed"
    NEWLY_SHOWN = "newly shown"


_LOST = frozenset({Change.NEWLY_UNDECIDED, Change.NEWLY_NOT_RUN, Change.GONE})
_SHOWN = frozenset({"pass", "met"})


@dataclass(frozen=True)
class Difference:
    """Something that makes the two runs less comparable, or a change of the target itself."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class CaseChange:
    """One case. ``before`` and ``after`` are words as reports use them; "absent" when a run does not know the case.

    ``differently``: it failed both times, but against other requirements.
    """

    suite: str
    id: str
    change: Change
    before: str
    after: str
    reason: str
    differently: bool = False


@dataclass(frozen=True)
class RequirementChange:
    """One requirement; ``before`` and ``after`` as for `CaseChange`."""

    suite: str
    id: str
    clause: str
    change: Change
    before: str
    after: str


@dataclass(frozen=True)
class Diff:
    """What changed from one run to another; changes are ordered by their kind, then as the later run has them."""

    context: tuple[Difference, ...]
    cases: tuple[CaseChange, ...]
    requirements: tuple[RequirementChange, ...]
    unchanged_cases: int
    outcome: Difference | None

    def of(self, change: Change) -> tuple[CaseChange, ...]:
        """The cases that changed in this way."""
        return tuple(entry for entry in self.cases if entry.change is change)

    @property
    def worse(self) -> bool:
        """Whether something fails that did not, or something that was shown no longer is."""
        changes: list[CaseChange | RequirementChange] = [*self.cases, *self.requirements]
        return any(
            entry.change is Change.NEWLY_FAILING or (entry.change in _LOST and entry.before in _SHOWN)
            for entry in changes
        )


def diff(before: pb.RunRecord, after: pb.RunRecord) -> Diff:
    """Compare two records case by case and requirement by requirement, by suite and id."""
    old_cases = {(case.suite, case.id): case for case in before.cases}
    new_cases = {(case.suite, case.id): case for case in after.cases}
    cases = [_case(key, old_cases.get(key), new_cases.get(key)) for key in _keys(new_cases, old_cases)]
    changed = [entry for entry in cases if entry is not None]
    old = {(entry.suite, entry.id): entry for entry in before.requirements}
    new = {(entry.suite, entry.id): entry for entry in after.requirements}
    requirements = [_requirement(key, old.get(key), new.get(key)) for key in _keys(new, old)]
    order = list(Change).index
    verdicts = Difference("outcome", words.outcome(before.summary.outcome), words.outcome(after.summary.outcome))
    return Diff(
        context=_context(before, after),
        cases=tuple(sorted(changed, key=lambda entry: order(entry.change))),
        requirements=tuple(sorted((e for e in requirements if e), key=lambda entry: order(entry.change))),
        unchanged_cases=len(cases) - len(changed),
        outcome=verdicts if verdicts.before != verdicts.after else None,
    )


def _keys(new: Iterable[tuple[str, str]], old: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return list(dict.fromkeys([*new, *old]))


_FAIL, _PASS, _UNDECIDED, _NOT_RUN, _ABSENT, _DEVIATES = "fail", "pass", "undecided", "not run", "absent", "deviates"
_CASE_STATE = {
    pb.VERDICT_UNSPECIFIED: _NOT_RUN,
    pb.VERDICT_PASS: _PASS,
    pb.VERDICT_FAIL: _FAIL,
}
_REQUIREMENT_STATE = {
    pb.REQUIREMENT_OUTCOME_MET: _PASS,
    pb.REQUIREMENT_OUTCOME_BROKEN: _FAIL,
    pb.REQUIREMENT_OUTCOME_DEVIATES: _DEVIATES,
    pb.REQUIREMENT_OUTCOME_INCONCLUSIVE: _UNDECIDED,
}


def _change(before: str, after: str) -> Change | None:
    if after == _FAIL:
        return Change.STILL_FAILING if before == _FAIL else Change.NEWLY_FAILING
    if before == after:
        return None
    if after == _ABSENT:
        return Change.GONE
    if after == _UNDECIDED:
        return Change.NEWLY_UNDECIDED
    if after == _NOT_RUN:
        return None if before == _ABSENT else Change.NEWLY_NOT_RUN
    if after == _DEVIATES:
        return Change.NEWLY_DEVIATING
    return Change.FIXED if before in {_FAIL, _DEVIATES} else Change.NEWLY_SHOWN


def _case(key: tuple[str, str], before: pb.Case | None, after: pb.Case | None) -> CaseChange | None:
    change = _change(_case_state(before), _case_state(after))
    if change is None:
        return None
    latest = after if after is not None else before
    reason = (latest.verdict_reason or latest.selection_reason) if latest is not None and after is latest else ""
    differently = change is Change.STILL_FAILING and _broken(before) != _broken(after)
    return CaseChange(*key, change, _case_word(before), _case_word(after), reason, differently)


def _case_state(case: pb.Case | None) -> str:
    return _ABSENT if case is None else _CASE_STATE.get(case.verdict, _UNDECIDED)


def _case_word(case: pb.Case | None) -> str:
    if case is None:
        return _ABSENT
    return words.verdict(case.verdict) if ran(case) else words.selection(case.selection)


def _broken(case: pb.Case | None) -> set[str]:
    findings = case.findings if case is not None else ()
    return {finding.requirement_id for finding in findings if not finding.held and finding.grade == pb.GRADE_FAIL}


def _requirement(
    key: tuple[str, str], before: pb.Requirement | None, after: pb.Requirement | None
) -> RequirementChange | None:
    change = _change(_requirement_state(before), _requirement_state(after))
    latest = after if after is not None else before
    if change is None or latest is None:
        return None
    was, became = (
        words.requirement_outcome(entry.outcome) if entry is not None else _ABSENT for entry in (before, after)
    )
    return RequirementChange(*key, latest.clause, change, was, became)


def _requirement_state(entry: pb.Requirement | None) -> str:
    return _ABSENT if entry is None else _REQUIREMENT_STATE.get(entry.outcome, _NOT_RUN)


def _context(before: pb.RunRecord, after: pb.RunRecord) -> tuple[Difference, ...]:
    pairs = [
        ("target", before.target.name, after.target.name),
        ("maker", before.target.vendor, after.target.vendor),
        ("version", before.target.version, after.target.version),
        ("variant", before.target.variant, after.target.variant),
        ("hosting", before.target.hosting, after.target.hosting),
        ("profile", before.profile, after.profile),
        ("suites", ", ".join(before.suites), ", ".join(after.suites)),
        ("harness", before.harness.version, after.harness.version),
        ("tests and register", before.harness.suite_digest, after.harness.suite_digest),
        ("target file", before.target.target_file_digest, after.target.target_file_digest),
        ("launched file", before.target.launch_digest, after.target.launch_digest),
        *_statements(before, after),
    ]
    return tuple(Difference(*pair) for pair in pairs if pair[1] != pair[2])


def _statements(before: pb.RunRecord, after: pb.RunRecord) -> list[tuple[str, str, str]]:
    old = {(claim.suite, claim.name): values.text_of(claim.value) for claim in before.target.ics}
    new = {(claim.suite, claim.name): values.text_of(claim.value) for claim in after.target.ics}
    return [(f"ICS {key[1]}", old.get(key, _ABSENT), new.get(key, _ABSENT)) for key in {**new, **old}]
