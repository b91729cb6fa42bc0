"""Which look a fact of the record has on the page. A look is a class of the style sheet; the word says it as well.

``pass``, ``fail``, ``warn`` and ``note`` (a deviation that is a warning or an observation), ``open`` (not shown either
way), ``fault`` (the harness's own) and ``idle`` (decided beforehand not to run). Whatever is unknown looks open, never
like a pass.
"""

from __future__ import annotations

from harness.record import views, words
from qkd.run.v1 import run_record_pb2 as pb

_OUTCOME = {
    pb.OUTCOME_CONFORMANT: "pass",
    pb.OUTCOME_NOT_CONFORMANT: "fail",
    pb.OUTCOME_INCONCLUSIVE: "open",
    pb.OUTCOME_HARNESS_ERROR: "fault",
}
_VERDICT = {pb.VERDICT_PASS: "pass", pb.VERDICT_FAIL: "fail", pb.VERDICT_ERROR: "fault"}
_REQUIREMENT = {
    pb.REQUIREMENT_OUTCOME_MET: "pass",
    pb.REQUIREMENT_OUTCOME_BROKEN: "fail",
    pb.REQUIREMENT_OUTCOME_DEVIATES: "warn",
    pb.REQUIREMENT_OUTCOME_NOT_RUN: "idle",
    pb.REQUIREMENT_OUTCOME_NOT_APPLICABLE: "idle",
    pb.REQUIREMENT_OUTCOME_NOT_TESTABLE: "idle",
}
_GRADE = {pb.GRADE_FAIL: "fail", pb.GRADE_OBSERVATION: "note"}
_DECIDED = {pb.SELECTION_NOT_APPLICABLE, pb.SELECTION_DISABLED}


def outcome(value: pb.Outcome.ValueType) -> str:
    """The look of the whole run."""
    return _OUTCOME.get(value, "open")


def verdict(value: pb.Verdict.ValueType) -> str:
    """The look of a verdict; none at all is idle."""
    return "idle" if value == pb.VERDICT_UNSPECIFIED else _VERDICT.get(value, "open")


def selection(value: pb.Selection.ValueType) -> str:
    """The look of a selection."""
    if value == pb.SELECTION_SELECTED:
        return "plain"
    return "idle" if value in _DECIDED else "open"


def requirement(entry: pb.Requirement) -> str:
    """The look of what became of a requirement."""
    if entry.outcome == pb.REQUIREMENT_OUTCOME_DEVIATES and entry.grade == pb.GRADE_OBSERVATION:
        return "note"
    return _REQUIREMENT.get(entry.outcome, "open")


def grade(value: pb.Grade.ValueType) -> str:
    """The look of a deviation of this grade."""
    return _GRADE.get(value, "warn")


def state(entry: pb.Case) -> str:
    """One word for a case where there is room for one only: the verdict, or why there is none."""
    if views.ran(entry):
        return words.verdict(entry.verdict)
    return words.selection(entry.selection if entry.selection in _DECIDED else pb.SELECTION_NOT_REACHED)


def case(entry: pb.Case) -> str:
    """The look of `state`."""
    if views.ran(entry):
        return verdict(entry.verdict)
    return "idle" if entry.selection in _DECIDED else "open"
