"""What a user has to look at after a run, in the order in which they should."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.campaign.baseline import as_expected
from harness.cli.exits import ExitCode
from harness.cli.reports import Written
from qkd.run.v1 import run_record_pb2 as pb

_DISPOSITIONS = {
    pb.DISPOSITION_UNSPECIFIED: "",
    pb.DISPOSITION_EXPECTED: "expected",
    pb.DISPOSITION_UNEXPECTED: "unexpected",
    pb.DISPOSITION_STALE: "stale",
    pb.DISPOSITION_FLAKY: "flaky",
}
_ORDER = ("fail", "error", "inconclusive", "known", "warning")
_NOT_RUN = {
    pb.SELECTION_NOT_REACHED: "not_reached",
    pb.SELECTION_DISABLED: "disabled",
    pb.SELECTION_NOT_APPLICABLE: "not_applicable",
}


@dataclass(frozen=True)
class Trouble:
    """A requirement that a case found broken or deviating, or a case that could not be decided.

    Attributes:
        kind: ``fail``, ``warning``, ``inconclusive`` or ``error``.
        times: how often the case found it; the rest tells of the first time.
        sent, got, expected: redacted; empty where there is nothing to say.
        disposition: against the baseline; empty when there is none.
        evidence: file with everything that the case saw; empty when none was written.
        replay: command that runs just this case.
    """

    kind: str
    case: str
    purpose: str
    requirement: str = ""
    clause: str = ""
    strictness: str = ""
    sent: str = ""
    got: str = ""
    expected: str = ""
    times: int = 1
    disposition: str = ""
    evidence: str = ""
    replay: str = ""

    @property
    def known(self) -> bool:
        """Whether it is a failure that the baseline expects."""
        return self.kind == "fail" and self.disposition in {"expected", "flaky"}


def troubles(record: pb.RunRecord, written: Written | None = None) -> list[Trouble]:
    """Unexpected failures, then what could not be decided, then known failures, then warnings."""
    requirements = {entry.id: entry for entry in record.requirements}
    found = [trouble for case in record.cases for trouble in _of_case(case, requirements, written)]
    return sorted(found, key=lambda trouble: _ORDER.index("known" if trouble.known else trouble.kind))


def _of_case(case: pb.Case, requirements: dict[str, pb.Requirement], written: Written | None) -> Iterator[Trouble]:
    blank = Trouble(
        kind="",
        case=case.id,
        purpose=case.purpose,
        disposition=_DISPOSITIONS[case.disposition],
        evidence=str(written.evidence.get(case.id, "")) if written else "",
        replay=case.replay,
    )
    grouped: dict[tuple[str, str], Trouble] = {}
    for finding in case.findings:
        kind = {pb.GRADE_FAIL: "fail", pb.GRADE_WARNING: "warning"}.get(finding.grade)
        if finding.held or kind is None:
            continue
        name = finding.requirement_id
        if (kind, name) in grouped:
            grouped[kind, name] = replace(grouped[kind, name], times=grouped[kind, name].times + 1)
            continue
        entry = requirements.get(name, pb.Requirement())
        grouped[kind, name] = replace(
            blank,
            kind=kind,
            requirement=name,
            clause=entry.clause,
            strictness=entry.strictness,
            sent=_sent(case, finding.exchange),
            got=finding.got,
            expected=finding.expected,
        )
    yield from grouped.values()
    if case.verdict == pb.VERDICT_ERROR:
        yield replace(blank, kind="error", got=case.verdict_reason)
    if case.verdict == pb.VERDICT_INCONCLUSIVE:
        yield replace(blank, kind="inconclusive", got=case.verdict_reason)


def _sent(case: pb.Case, index: int) -> str:
    if not 0 <= index < len(case.exchanges):
        return ""
    exchange = case.exchanges[index]
    body = f" {exchange.request_body}" if exchange.request_body else ""
    return f"{exchange.request}{body} as {exchange.caller or 'nobody'}"


@dataclass(frozen=True)
class NotRun:
    """Cases that did not run for one reason; ``selection`` is a value of the record, in lower case."""

    selection: str
    reason: str
    cases: tuple[str, ...]


def not_run(record: pb.RunRecord) -> list[NotRun]:
    """Why cases did not run; what was meant to run and did not comes first."""
    groups: dict[tuple[str, str], list[str]] = {}
    for case in record.cases:
        if case.verdict == pb.VERDICT_UNSPECIFIED and case.selection in _NOT_RUN:
            groups.setdefault((_NOT_RUN[case.selection], case.selection_reason), []).append(case.id)
    ranks = list(_NOT_RUN.values())
    made = [NotRun(selection, reason, tuple(ids)) for (selection, reason), ids in groups.items()]
    return sorted(made, key=lambda group: (ranks.index(group.selection), -len(group.cases)))


def exit_code(record: pb.RunRecord, *, with_baseline: bool) -> ExitCode:
    """What the outcome of a run means for a script."""
    if record.summary.outcome == pb.OUTCOME_HARNESS_ERROR:
        return ExitCode.HARNESS
    if with_baseline:
        return ExitCode.CONFORMANT if as_expected(record) else ExitCode.NONCONFORMITY
    conformant = record.summary.outcome == pb.OUTCOME_CONFORMANT
    return ExitCode.CONFORMANT if conformant else ExitCode.NONCONFORMITY
