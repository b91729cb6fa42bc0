"""JUnit XML for CI systems, in the dialect of the schema that Jenkins checks against (junit-10).

The dialect knows passed, failed, in error and skipped, and CI systems treat a skipped case as harmless: a build with
nothing but passed and skipped cases is green. Hence what the file says, case by case:

===================================  =========================================================
record                               JUnit
===================================  =========================================================
verdict pass                         nothing (warnings and observations in ``system-out``)
verdict fail                         ``failure``, type = id of the first broken requirement
verdict inconclusive                 ``error``, type ``inconclusive``: not shown is not green
verdict error                        ``error``, type ``harness-error``
not reached (or no verdict at all)   ``error``, type ``not-reached``: it was meant to run
not applicable, disabled             ``skipped``, type says which: decided beforehand, with a reason
===================================  =========================================================

Where a record is not conformant although no case is red (nothing ran, the harness failed outside of a case), a suite
``campaign`` with the one case ``outcome`` is added that is in error. So a build turns red exactly when the command line
does not exit with 0.

junitparser writes the file because it is maintained, knows this dialect and depends on nothing; junit-xml has had no
release since 2020. It passes on characters that XML cannot hold, therefore all text goes through
`harness.record.visible`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from junitparser.junitparser import FinalResult

from harness.record import views, words
from harness.record.transcript import transcript
from harness.record.visible import one_line, visible
from qkd.run.v1 import run_record_pb2 as pb

_HARNESS_ERROR, _INCONCLUSIVE, _NOT_REACHED = "harness-error", "inconclusive", "not-reached"


class JUnit:
    """Writes ``junit.xml``."""

    name = "junit"
    file_name = "junit.xml"

    def write(self, record: pb.RunRecord, folder: Path) -> Path:
        """See `reports.writer.Writer`."""
        path = folder / self.file_name
        _document(record).write(str(path), pretty=True)
        return path


def _document(record: pb.RunRecord) -> JUnitXml:
    by_case: dict[tuple[str, str], list[views.Deviation]] = {}
    for deviation in (*views.failures(record), *views.warnings(record), *views.observations(record)):
        by_case.setdefault((deviation.case.suite, deviation.case.id), []).append(deviation)
    suites: dict[str, list[TestCase]] = {name: [] for name in record.suites}
    for case in record.cases:
        suites.setdefault(case.suite, []).append(_case(case, by_case.get((case.suite, case.id), [])))
    red = any(case.is_failure or case.is_error for cases in suites.values() for case in cases)
    if not red and views.exit_code(record) != views.CONFORMANT:
        suites["campaign"] = [*suites.get("campaign", []), _outcome(record)]
    document = JUnitXml(f"qkd-harness {visible(record.target.name)}".rstrip())
    made = [_suite(record, name, cases) for name, cases in suites.items()]
    for suite in made:
        document.add_testsuite(suite)
    # not update_statistics(): the schema has no `skipped` at this level
    document.tests = sum(suite.tests for suite in made)
    document.failures = sum(suite.failures for suite in made)
    document.errors = sum(suite.errors for suite in made)
    document.time = round(sum(suite.time for suite in made), 3)
    return document


def _suite(record: pb.RunRecord, name: str, cases: list[TestCase]) -> TestSuite:
    suite = TestSuite(visible(name))
    if record.HasField("started"):
        # without an offset, as Ant's schema and its readers want it; UTC
        suite.timestamp = record.started.ToDatetime().isoformat(timespec="seconds")
    for key, value in _properties(record):
        suite.add_property(key, visible(value))
    suite.add_testcases(cases)
    return suite


def _properties(record: pb.RunRecord) -> Iterable[tuple[str, str]]:
    target, harness = record.target, record.harness
    yield "outcome", words.outcome(record.summary.outcome)
    yield "headline", record.summary.headline
    yield "profile", record.profile
    for name in ("name", "vendor", "version", "role", "hosting", "variant", "target_file_digest", "launch_digest"):
        if getattr(target, name):
            yield f"target.{name}", getattr(target, name)
    for name in ("version", "python", "platform", "suite_digest"):
        if getattr(harness, name):
            yield f"harness.{name}", getattr(harness, name)
    for library, version in sorted(harness.libraries.items()):
        yield f"library.{library}", version
    yield "keys.drawn", str(record.budget.drawn)
    yield "run_id", record.run_id
    yield "replay", record.replay


def _case(case: pb.Case, deviations: list[views.Deviation]) -> TestCase:
    made = TestCase(visible(case.id), _class_name(case), round(max(case.duration_s, 0.0), 3))
    result = _result(case, deviations)
    if result is not None:
        made.result = result
    told = _told(case, deviations)
    if told:
        made.system_out = told
    return made


def _class_name(case: pb.Case) -> str:
    """``etsi014.https.fetch``: suite, binding, and the middle of an id such as ``014.fetch.foreign-sae``."""
    middle = case.id.split("@", maxsplit=1)[0].split(".")[1:-1]
    return visible(".".join(part for part in (case.suite, case.binding, *middle) if part))


def _result(case: pb.Case, deviations: list[views.Deviation]) -> FinalResult | None:
    message = one_line(views.sentence(case), 1000)
    if case.verdict == pb.VERDICT_PASS:
        return None
    result: FinalResult
    if case.verdict == pb.VERDICT_FAIL:
        broken = [entry for entry in deviations if entry.finding.grade == pb.GRADE_FAIL]
        first = next((entry.finding.requirement_id for entry in broken if entry.finding.requirement_id), "fail")
        result = Failure(one_line(case.verdict_reason, 1000) or message, visible(first))
        result.text = "\n\n".join([*map(_explained, broken), *_again(case)])
    elif not views.ran(case) and case.selection in {pb.SELECTION_NOT_APPLICABLE, pb.SELECTION_DISABLED}:
        result = Skipped(message, words.selection(case.selection).replace(" ", "-"))
    else:
        kind = _HARNESS_ERROR
        if case.verdict == pb.VERDICT_INCONCLUSIVE:
            kind = _INCONCLUSIVE
        elif not views.ran(case):
            kind = _NOT_REACHED
        result = Error(message, kind)
        result.text = "\n\n".join([visible(views.sentence(case)), *_again(case)])
    return result


def _explained(deviation: views.Deviation) -> str:
    requirement, finding = deviation.requirement, deviation.finding
    where = f"clause {requirement.clause} ({requirement.strictness}, {requirement.standing})"
    lines = [f"{finding.requirement_id}  {where}" if requirement.clause else finding.requirement_id]
    lines += [text for text in (requirement.text,) if text]
    if finding.expected:
        lines.append(f"expected: {finding.expected}")
    lines.append(f"got:      {finding.got}")
    text = visible("\n".join(lines).strip())
    return f"{text}\n{transcript(deviation.exchange)}" if deviation.exchange is not None else text


def _again(case: pb.Case) -> list[str]:
    return [f"again: {visible(case.replay)}"] if case.replay else []


def _told(case: pb.Case, deviations: list[views.Deviation]) -> str:
    """What a passed case has to say all the same, and what a failed one says besides."""
    lesser = [entry for entry in deviations if entry.finding.grade != pb.GRADE_FAIL]
    lines = [
        f"{words.grade(entry.finding.grade)}: {entry.finding.requirement_id}: "
        f"expected {entry.finding.expected}; got {entry.finding.got}"
        for entry in lesser
    ]
    return visible("\n".join([*lines, *(f"observed: {text}" for text in case.observations)]))


def _outcome(record: pb.RunRecord) -> TestCase:
    made = TestCase("outcome", "campaign", 0.0)
    failed = views.exit_code(record) == views.HARNESS_ERROR
    result = Error(one_line(record.summary.headline or views.meaning(record), 1000))
    result.type = _HARNESS_ERROR if failed else _INCONCLUSIVE
    result.text = visible("\n".join([views.meaning(record), *record.notes]))
    made.result = result
    return made


WRITER = JUnit()
