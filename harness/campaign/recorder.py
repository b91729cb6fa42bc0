"""Turns the events of a campaign into a run record."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.struct_pb2 import Value

from harness.campaign.check import Finding, Verdict
from harness.campaign.events import CaseFinished, Event, Planned, SuiteFinished, Surveyed, Waiting
from harness.campaign.ics import Claim, Origin
from harness.campaign.plan import PlannedCase, Selection
from harness.campaign.register import Grade, Profile, Register
from qkd.run.v1 import run_record_pb2 as pb

_GRADE = {Grade.FAIL: pb.GRADE_FAIL, Grade.WARNING: pb.GRADE_WARNING, Grade.OBSERVATION: pb.GRADE_OBSERVATION}
_SELECTION = {
    Selection.SELECTED: pb.SELECTION_SELECTED,
    Selection.NOT_APPLICABLE: pb.SELECTION_NOT_APPLICABLE,
    Selection.DISABLED: pb.SELECTION_DISABLED,
    Selection.NOT_REACHED: pb.SELECTION_NOT_REACHED,
}
_VERDICT = {
    Verdict.NONE: pb.VERDICT_UNSPECIFIED,
    Verdict.PASS: pb.VERDICT_PASS,
    Verdict.INCONCLUSIVE: pb.VERDICT_INCONCLUSIVE,
    Verdict.FAIL: pb.VERDICT_FAIL,
    Verdict.ERROR: pb.VERDICT_ERROR,
}
_ORIGIN = {
    Origin.CLAIMED: pb.ICS_ORIGIN_CLAIMED,
    Origin.DISCOVERED: pb.ICS_ORIGIN_DISCOVERED,
    Origin.ASSUMED: pb.ICS_ORIGIN_ASSUMED,
}


class Recorder:
    """A listener that fills ``record``; the caller fills what it alone knows (target, replay, times)."""

    def __init__(self, record: pb.RunRecord, profile: Profile, replay: str) -> None:
        self.record = record
        self._profile = profile
        self._replay = replay
        self._registers: list[Register] = []
        self._cases: dict[tuple[str, str], pb.Case] = {}

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case Surveyed():
                self._registers.append(event.register)
                self.record.suites.append(event.suite)
                self.record.notes.extend(event.notes)
                self.record.target.ics.extend(_claim(event.suite, claim) for claim in event.ics.claims)
            case Planned():
                plan = event.plan
                self.record.budget.allowed = plan.key_budget or 0
                self.record.budget.planned += plan.draws
                self.record.budget.at_risk += plan.at_risk
                for entry in plan.cases:
                    self._cases[event.suite, entry.id] = self._planned(event.suite, entry)
            case CaseFinished():
                self._finished(event)
            case Waiting():
                self.record.notes.append(f"waited (at most {event.bound_s:.0f} s): {event.text}")
            case SuiteFinished():
                self.record.budget.drawn += event.drawn
                self.record.budget.waited_s += event.waited_s
                if event.trouble:
                    self.record.notes.append(f"harness error in {event.suite}: {event.trouble}")
            case _:
                pass

    def _planned(self, suite: str, entry: PlannedCase) -> pb.Case:
        return self.record.cases.add(
            id=entry.id,
            suite=suite,
            purpose=entry.spec.purpose,
            requirement_ids=entry.spec.verifies,
            binding=entry.binding,
            selection=_SELECTION[entry.selection],
            selection_reason=entry.reason,
            keys_planned=entry.draws,
            keys_at_risk=entry.at_risk,
            replay=f"{self._replay} --select {entry.id}" if self._replay else "",
        )

    def _finished(self, event: CaseFinished) -> None:
        case = self._cases[event.suite, event.case.id]
        case.verdict = _VERDICT[event.verdict]
        case.verdict_reason = event.reason
        if event.not_reached:
            if event.verdict is Verdict.NONE:
                case.selection = pb.SELECTION_NOT_REACHED
            case.selection_reason = event.not_reached
        case.findings.extend(_finding(finding) for finding in event.findings)
        case.observations.extend(event.observations)
        case.exchanges.extend(event.exchanges)
        case.keys_drawn = event.keys_drawn
        case.duration_s = event.duration_s

    def close(self, *, trouble: bool) -> None:
        """Work out what became of every requirement, and the summary. ``trouble``: the harness failed on the way."""
        for case in self.record.cases:
            if case.selection == pb.SELECTION_SELECTED and case.verdict == pb.VERDICT_UNSPECIFIED:
                case.selection = pb.SELECTION_NOT_REACHED
                case.selection_reason = case.selection_reason or "the campaign ended before it"
        for register in self._registers:
            self._requirements(register)
        summarise(self.record, trouble=trouble)

    def _requirements(self, register: Register) -> None:
        for entry in register.values():
            cases = [case for case in self.record.cases if entry.id in case.requirement_ids]
            self.record.requirements.add(
                id=entry.id,
                suite=entry.suite,
                clause=entry.clause,
                strictness=entry.strictness,
                standing=entry.standing,
                role=entry.role,
                text=entry.text,
                grade=_GRADE[entry.grade(self._profile)],
                outcome=requirement_outcome(entry.id, cases, testable=not entry.reason),
                case_ids=[case.id for case in cases],
                reason=entry.reason,
                why=entry.why,
            )


def _claim(suite: str, claim: Claim) -> pb.IcsClaim:
    made = pb.IcsClaim(suite=suite, name=claim.name, origin=_ORIGIN[claim.origin], evidence=claim.evidence)
    value = Value()
    if isinstance(claim.value, bool):
        value.bool_value = claim.value
    elif isinstance(claim.value, int):
        value.number_value = claim.value
    elif isinstance(claim.value, str):
        value.string_value = claim.value
    else:
        value.list_value.extend(claim.value)
    made.value.CopyFrom(value)
    return made


def _finding(finding: Finding) -> pb.Finding:
    return pb.Finding(
        requirement_id=finding.requirement_id,
        held=finding.held,
        grade=_GRADE[finding.grade],
        expected=finding.expected,
        got=finding.got,
        exchange=finding.exchange,
    )


def requirement_outcome(
    requirement_id: str, cases: Iterable[pb.Case], *, testable: bool
) -> pb.RequirementOutcome.ValueType:
    """What the cases that verify a requirement say of it."""
    cases = list(cases)
    if not cases:
        return pb.REQUIREMENT_OUTCOME_NOT_RUN if testable else pb.REQUIREMENT_OUTCOME_NOT_TESTABLE
    findings = [f for case in cases for f in case.findings if f.requirement_id == requirement_id]
    broken = [f for f in findings if not f.held]
    if any(f.grade == pb.GRADE_FAIL for f in broken):
        return pb.REQUIREMENT_OUTCOME_BROKEN
    if broken:
        return pb.REQUIREMENT_OUTCOME_DEVIATES
    ran = [case for case in cases if case.verdict != pb.VERDICT_UNSPECIFIED]
    if any(case.verdict in {pb.VERDICT_INCONCLUSIVE, pb.VERDICT_ERROR} for case in ran):
        return pb.REQUIREMENT_OUTCOME_INCONCLUSIVE
    if findings:
        return pb.REQUIREMENT_OUTCOME_MET
    if all(case.selection == pb.SELECTION_NOT_APPLICABLE for case in cases):
        return pb.REQUIREMENT_OUTCOME_NOT_APPLICABLE
    return pb.REQUIREMENT_OUTCOME_NOT_RUN


def summarise(record: pb.RunRecord, *, trouble: bool) -> None:
    """Fill ``record.summary`` from the plan, never from "no failure seen"."""
    cases = record.cases
    summary = record.summary
    ran = [case for case in cases if case.verdict != pb.VERDICT_UNSPECIFIED]
    summary.ran = len(ran)
    summary.passed = sum(case.verdict == pb.VERDICT_PASS for case in ran)
    summary.failed = sum(case.verdict == pb.VERDICT_FAIL for case in ran)
    summary.inconclusive = sum(case.verdict == pb.VERDICT_INCONCLUSIVE for case in ran)
    summary.errors = sum(case.verdict == pb.VERDICT_ERROR for case in ran)
    summary.warnings = sum(not f.held and f.grade == pb.GRADE_WARNING for c in cases for f in c.findings)
    summary.not_applicable = sum(case.selection == pb.SELECTION_NOT_APPLICABLE for case in cases)
    summary.disabled = sum(case.selection == pb.SELECTION_DISABLED for case in cases)
    summary.not_reached = sum(case.selection == pb.SELECTION_NOT_REACHED for case in cases)
    summary.planned = summary.ran + summary.not_reached
    if trouble or summary.errors:
        summary.outcome = pb.OUTCOME_HARNESS_ERROR
        summary.headline = "HARNESS ERROR: no verdict about the implementation"
        if summary.failed:
            summary.headline += f" as a whole ({summary.failed} failed all the same)"
    elif summary.failed:
        summary.outcome = pb.OUTCOME_NOT_CONFORMANT
        summary.headline = "NOT CONFORMANT"
    elif summary.inconclusive or summary.not_reached or not summary.passed:
        summary.outcome = pb.OUTCOME_INCONCLUSIVE
        summary.headline = "INCONCLUSIVE: nothing broken was seen, but not everything could be decided"
    else:
        summary.outcome = pb.OUTCOME_CONFORMANT
        summary.headline = "CONFORMANT" + (" in what was selected" if summary.disabled else "")
