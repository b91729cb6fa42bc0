"""Known failures of an implementation, kept by its maker, compared with what a campaign found.

A baseline is a TOML file of ``[[expected]]`` tables:

    [[expected]]
    case = "014.fetch.once"                    # as reports name it, with "@grpc" over that binding
    requirements = ["ETSI014-5.4-R4"]          # what the case finds broken: all of it, and nothing else
    reason = "ACME-1234: copies are kept for a day"
    expires = 2027-03-31                       # the last day on which the failure is expected
    flaky = true                               # optional: the case fails now and then

It is strict: an entry that names an unknown case, has expired, failed with other requirements, or did not fail at
all makes the run fail, so that a baseline never hides more than it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field

from harness.document.problem import FileError, Problem, closest, listed
from harness.document.shape import Table, shaped
from harness.document.toml import Document, Trail, read_document
from qkd.run.v1 import run_record_pb2 as pb

Text = Annotated[str, Field(min_length=1)]


class Expected(Table):
    """One known failure."""

    case: Annotated[Text, Field(description='the case: case = "014.fetch.once"')]
    requirements: Annotated[
        tuple[Text, ...],
        Field(strict=False, min_length=1, description='what it breaks: requirements = ["ETSI014-5.4-R4"]'),
    ]
    reason: Annotated[Text, Field(description='why it is known: reason = "ACME-1234"')]
    expires: Annotated[date, Field(description="the last day on which it is expected: expires = 2027-03-31")]
    flaky: Annotated[bool, Field(description="whether the case fails only now and then: flaky = true")] = False


class BaselineFile(Table):
    """A whole baseline file."""

    expected: Annotated[
        tuple[Expected, ...], Field(strict=False, description="known failures, each in an [[expected]] table")
    ] = ()


@dataclass(frozen=True)
class Baseline:
    """A baseline as read."""

    document: Document
    expected: tuple[Expected, ...]

    def place(self, index: int, member: str) -> str:
        """``file:line:column`` of a member of an entry."""
        found = self.document.value_at(("expected", index, member))
        return f"{self.document.name}:{found.line}:{found.column}"


def load_baseline(path: Path) -> Baseline:
    """Read a baseline.

    Raises:
        FileError: the file cannot be used; a missing reason is such a case, and a case that stands twice.
    """
    document = read_document(path)
    shape = shaped(document, BaselineFile)
    problems = [*shape.problems, *_twice(document)]
    if shape.model is None or problems:
        raise FileError(problems)
    return Baseline(document, shape.model.expected)


def _twice(document: Document) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for trail, entry in document.tables("expected"):
        name = entry.get("case")
        where: Trail = (*trail, "case")
        if isinstance(name, str):
            if name in seen:
                wrong = f"the case {name!r} stands twice (first on line {seen[name]})"
                yield document.problem(where, wrong, todo="join the two entries")
            seen.setdefault(name, document.value_at(where).line)


def apply_baseline(baseline: Baseline, record: pb.RunRecord, today: date) -> None:
    """Compare ``record`` with ``baseline``: dispositions, ``baseline_findings`` and the headline are filled in.

    The outcome stays what was seen: known failures are failures.
    """
    cases = {case.id: case for case in record.cases}
    expected = {entry.case for entry in baseline.expected}
    for case in record.cases:
        if case.verdict == pb.VERDICT_FAIL and case.id not in expected:
            case.disposition = pb.DISPOSITION_UNEXPECTED
    for index, entry in enumerate(baseline.expected):
        place = baseline.place(index, "case")
        if entry.case in cases:
            _compare(record, cases[entry.case], entry, place, today)
        else:
            near = closest(entry.case, cases)
            text = f"{place}: there is no case {entry.case!r}" + (f"; did you mean {near!r}?" if near else "")
            _say(record, entry.case, pb.DISPOSITION_STALE, text)
    count = len(baseline.expected)
    record.notes.append(f"baseline {baseline.document.name}: {count} entries, SHA-256 {baseline.document.digest}")
    _headline(record)


def _compare(record: pb.RunRecord, case: pb.Case, entry: Expected, place: str, today: date) -> None:
    if entry.expires < today:
        text = f"{place}: expired on {entry.expires}; mend the implementation, or decide anew"
        _dispose(record, case, pb.DISPOSITION_UNEXPECTED, text)
        return
    for name in entry.requirements:
        if name not in case.requirement_ids:
            near = closest(name, case.requirement_ids)
            text = f"{place}: the case does not verify {name!r}" + (f"; did you mean {near!r}?" if near else "")
            _dispose(record, case, pb.DISPOSITION_UNEXPECTED, text)
            return
    if case.verdict == pb.VERDICT_UNSPECIFIED:
        return  # did not run: nothing can be said, and the summary counts it
    broken = {finding.requirement_id for finding in case.findings if _breaks(finding)}
    wanted = set(entry.requirements)
    if case.verdict == pb.VERDICT_PASS:
        if entry.flaky:
            case.disposition = pb.DISPOSITION_FLAKY
        else:
            _dispose(record, case, pb.DISPOSITION_STALE, f"{place}: the case passes now; remove the entry")
    elif case.verdict != pb.VERDICT_FAIL:
        name = pb.Verdict.Name(case.verdict).removeprefix("VERDICT_").lower()
        text = f"{place}: the case was expected to fail and ended as {name}: {case.verdict_reason}"
        _dispose(record, case, pb.DISPOSITION_UNEXPECTED, text)
    elif broken - wanted:
        more = listed(sorted(broken - wanted))
        _dispose(record, case, pb.DISPOSITION_UNEXPECTED, f"{place}: the case fails differently: it breaks {more} too")
    elif wanted - broken and not entry.flaky:
        gone = listed(sorted(wanted - broken))
        _dispose(record, case, pb.DISPOSITION_STALE, f"{place}: the case does not break {gone} any more; say so")
    else:
        case.disposition = pb.DISPOSITION_FLAKY if entry.flaky else pb.DISPOSITION_EXPECTED


def _breaks(finding: pb.Finding) -> bool:
    return not finding.held and finding.grade == pb.GRADE_FAIL


def _dispose(record: pb.RunRecord, case: pb.Case, disposition: pb.Disposition.ValueType, text: str) -> None:
    case.disposition = disposition
    _say(record, case.id, disposition, text)


def _say(record: pb.RunRecord, case_id: str, disposition: pb.Disposition.ValueType, text: str) -> None:
    record.baseline_findings.add(case_id=case_id, disposition=disposition, text=text)


_KNOWN = frozenset({pb.DISPOSITION_EXPECTED, pb.DISPOSITION_FLAKY})


def known_failures(record: pb.RunRecord) -> int:
    """Cases that failed as a baseline expects."""
    return sum(case.verdict == pb.VERDICT_FAIL and case.disposition in _KNOWN for case in record.cases)


def as_expected(record: pb.RunRecord) -> bool:
    """Whether a run holds against its baseline: every failure is known, every entry fits, everything was decided."""
    summary = record.summary
    return (
        summary.outcome in {pb.OUTCOME_CONFORMANT, pb.OUTCOME_NOT_CONFORMANT}
        and not record.baseline_findings
        and known_failures(record) == summary.failed
        and not summary.inconclusive
        and not summary.not_reached
    )


def _headline(record: pb.RunRecord) -> None:
    summary = record.summary
    known = known_failures(record)
    if known:
        new = summary.failed - known
        counted = f"{known} known failure{'s' if known > 1 else ''}"
        summary.headline += f" ({counted}{f', {new} new' if new else ''})"
    if record.baseline_findings:
        summary.headline += "; the baseline does not hold"
