"""What changed between two runs, and what must not be taken for a change to the better."""

import pytest

from harness.record.diff import Change, diff
from qkd.run.v1 import run_record_pb2 as pb
from tests.reports import records

VERDICTS = {
    "pass": pb.VERDICT_PASS,
    "fail": pb.VERDICT_FAIL,
    "inconclusive": pb.VERDICT_INCONCLUSIVE,
    "error": pb.VERDICT_ERROR,
    "not run": pb.VERDICT_UNSPECIFIED,
}


def run(state: str, broken: str = "R") -> pb.RunRecord:
    record = pb.RunRecord(schema="qkd.run.v1")
    if state != "absent":
        case = record.cases.add(id="a.b", suite="s", verdict=VERDICTS[state], selection=pb.SELECTION_DISABLED)
        if state == "fail":
            case.findings.add(requirement_id=broken, grade=pb.GRADE_FAIL)
    return record


@pytest.mark.parametrize(
    ("before", "after", "change", "worse"),
    [
        ("pass", "fail", Change.NEWLY_FAILING, True),
        ("absent", "fail", Change.NEWLY_FAILING, True),
        ("not run", "fail", Change.NEWLY_FAILING, True),
        ("fail", "fail", Change.STILL_FAILING, False),
        ("fail", "pass", Change.FIXED, False),
        ("fail", "not run", Change.NEWLY_NOT_RUN, False),
        ("fail", "inconclusive", Change.NEWLY_UNDECIDED, False),
        ("fail", "absent", Change.GONE, False),
        ("pass", "not run", Change.NEWLY_NOT_RUN, True),
        ("pass", "error", Change.NEWLY_UNDECIDED, True),
        ("pass", "absent", Change.GONE, True),
        ("not run", "pass", Change.NEWLY_SHOWN, False),
        ("inconclusive", "pass", Change.NEWLY_SHOWN, False),
        ("absent", "pass", Change.NEWLY_SHOWN, False),
        ("not run", "inconclusive", Change.NEWLY_UNDECIDED, False),
        ("absent", "not run", None, False),
        ("pass", "pass", None, False),
        ("inconclusive", "error", None, False),
    ],
)
def test_a_case_from_one_run_to_the_next(before: str, after: str, change: Change | None, *, worse: bool) -> None:
    found = diff(run(before), run(after))
    assert [entry.change for entry in found.cases] == ([] if change is None else [change])
    assert found.unchanged_cases == (change is None)
    assert found.worse == worse


def test_a_case_that_fails_against_another_requirement_fails_differently() -> None:
    [entry] = diff(run("fail", "R"), run("fail", "Q")).cases
    assert entry.differently
    [entry] = diff(run("fail"), run("fail")).cases
    assert not entry.differently


def test_a_run_does_not_differ_from_itself_but_for_what_still_fails() -> None:
    found = diff(records.realistic(), records.realistic())
    assert {entry.change for entry in found.cases} == {Change.STILL_FAILING}
    assert {entry.change for entry in found.requirements} == {Change.STILL_FAILING}
    assert found.context == ()
    assert found.outcome is None
    assert not found.worse


def test_a_mended_implementation() -> None:
    before, after = records.realistic(), records.realistic()
    case = next(case for case in after.cases if case.id == "014.fetch.foreign-sae")
    case.verdict = pb.VERDICT_PASS
    for finding in case.findings:
        finding.held = True
    records.finish(after)
    after.target.version = "1.2.4"
    found = diff(before, after)
    assert [entry.id for entry in found.of(Change.FIXED)] == ["014.fetch.foreign-sae"]
    fixed = [entry for entry in found.requirements if entry.change is Change.FIXED]
    assert [(entry.id, entry.before, entry.after) for entry in fixed] == [("ETSI014-5.4-R2", "broken", "met")]
    assert [(entry.what, entry.before, entry.after) for entry in found.context] == [("version", "1.2.3", "1.2.4")]


def test_what_makes_runs_less_comparable_is_told() -> None:
    before, after = records.realistic(), records.realistic()
    after.profile = "strict"
    after.harness.suite_digest = "00"
    after.target.ics[0].value.bool_value = False
    found = {entry.what: (entry.before, entry.after) for entry in diff(before, after).context}
    assert found["profile"] == ("published", "strict")
    assert found["tests and register"][1] == "00"
    assert found["ICS multicast"] == ("true", "false")


def test_requirements_that_deviate_are_neither_fixed_nor_failing() -> None:
    before = pb.RunRecord(requirements=[pb.Requirement(id="R", outcome=pb.REQUIREMENT_OUTCOME_BROKEN)])
    after = pb.RunRecord(requirements=[pb.Requirement(id="R", outcome=pb.REQUIREMENT_OUTCOME_DEVIATES)])
    assert [entry.change for entry in diff(before, after).requirements] == [Change.NEWLY_DEVIATING]
    assert [entry.change for entry in diff(after, pb.RunRecord()).requirements] == [Change.GONE]
    after.requirements[0].outcome = pb.REQUIREMENT_OUTCOME_MET
    assert [entry.change for entry in diff(before, after).requirements] == [Change.FIXED]


def test_an_outcome_that_changed_is_told() -> None:
    outcome = diff(records.realistic(), records.conformant()).outcome
    assert outcome is not None
    assert (outcome.before, outcome.after) == ("NOT CONFORMANT", "CONFORMANT")
