"""A baseline excuses exactly what it names, and nothing that it does not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from harness.campaign.baseline import apply_baseline, as_expected, known_failures, load_baseline
from harness.campaign.recorder import summarise
from harness.target import FileError
from qkd.run.v1 import run_record_pb2 as pb

TODAY = date(2026, 6, 1)
GOOD = """\
[[expected]]
case = "014.fetch.once"
requirements = ["R-1"]
reason = "ACME-1"
expires = 2026-12-31
"""


def record(once: str = "fail", broken: tuple[str, ...] = ("R-1",), other: str = "pass") -> pb.RunRecord:
    made = pb.RunRecord(schema="qkd.run.v1")
    for name, verdict in (("014.fetch.once", once), ("014.status.shape", other)):
        case = made.cases.add(id=name, suite="etsi014", requirement_ids=["R-1", "R-2"])
        case.selection = pb.SELECTION_SELECTED if verdict else pb.SELECTION_DISABLED
        case.verdict = pb.Verdict.Value(f"VERDICT_{verdict.upper()}" if verdict else "VERDICT_UNSPECIFIED")
        if verdict == "fail":
            for requirement in broken if name == "014.fetch.once" else ("R-2",):
                case.findings.add(requirement_id=requirement, held=False, grade=pb.GRADE_FAIL)
    summarise(made, trouble=False)
    return made


def applied(tmp_path: Path, text: str, made: pb.RunRecord) -> pb.RunRecord:
    path = tmp_path / "known.toml"
    path.write_text(text)
    apply_baseline(load_baseline(path), made, TODAY)
    return made


def test_a_known_failure_is_expected_and_stays_a_failure(tmp_path: Path) -> None:
    made = applied(tmp_path, GOOD, record())
    assert made.cases[0].disposition == pb.DISPOSITION_EXPECTED
    assert made.summary.outcome == pb.OUTCOME_NOT_CONFORMANT
    assert made.summary.headline == "NOT CONFORMANT (1 known failure)"
    assert as_expected(made)
    assert known_failures(made) == 1
    assert "known.toml: 1 entries" in made.notes[0]


def test_a_failure_that_is_not_named_is_unexpected(tmp_path: Path) -> None:
    made = applied(tmp_path, GOOD, record(other="fail"))
    assert made.cases[1].disposition == pb.DISPOSITION_UNEXPECTED
    assert made.summary.headline == "NOT CONFORMANT (1 known failure, 1 new)"
    assert not as_expected(made)


@pytest.mark.parametrize(
    ("text", "made", "disposition", "words"),
    [
        (GOOD, record(once="pass"), pb.DISPOSITION_STALE, "the case passes now; remove the entry"),
        (GOOD, record(broken=("R-1", "R-2")), pb.DISPOSITION_UNEXPECTED, "fails differently: it breaks R-2 too"),
        (GOOD, record(broken=("R-2",)), pb.DISPOSITION_UNEXPECTED, "fails differently"),
        (
            GOOD.replace('["R-1"]', '["R-1", "R-2"]'),
            record(),
            pb.DISPOSITION_STALE,
            "does not break R-2 any more",
        ),
        (GOOD, record(once="inconclusive"), pb.DISPOSITION_UNEXPECTED, "ended as inconclusive"),
        (GOOD, record(once="error"), pb.DISPOSITION_UNEXPECTED, "ended as error"),
        (GOOD.replace("2026-12-31", "2026-05-31"), record(), pb.DISPOSITION_UNEXPECTED, "expired on 2026-05-31"),
        (GOOD.replace("R-1", "R-9"), record(), pb.DISPOSITION_UNEXPECTED, "the case does not verify 'R-9'"),
        (GOOD.replace("once", "onec"), record(), pb.DISPOSITION_STALE, "did you mean '014.fetch.once'?"),
    ],
)  # fmt: skip
def test_what_does_not_fit_makes_the_run_fail(
    tmp_path: Path, text: str, made: pb.RunRecord, disposition: pb.Disposition.ValueType, words: str
) -> None:
    copy = pb.RunRecord()
    copy.CopyFrom(made)
    applied(tmp_path, text, copy)
    [finding] = copy.baseline_findings
    assert finding.disposition == disposition
    assert words in finding.text
    assert f"{tmp_path}/known.toml:2:8: " in finding.text
    assert copy.summary.headline.endswith("the baseline does not hold")
    assert not as_expected(copy)


@pytest.mark.parametrize("verdict", ["pass", "fail"])
def test_a_flaky_case_may_pass_or_fail_as_said(tmp_path: Path, verdict: str) -> None:
    made = applied(tmp_path, GOOD + "flaky = true\n", record(once=verdict))
    assert made.cases[0].disposition == pb.DISPOSITION_FLAKY
    assert as_expected(made)


def test_a_flaky_case_may_not_fail_otherwise(tmp_path: Path) -> None:
    made = applied(tmp_path, GOOD + "flaky = true\n", record(broken=("R-2",)))
    assert not as_expected(made)


def test_of_a_case_that_did_not_run_nothing_is_said(tmp_path: Path) -> None:
    made = applied(tmp_path, GOOD, record(once=""))
    assert not made.baseline_findings
    assert as_expected(made)


def test_what_was_not_decided_is_no_success(tmp_path: Path) -> None:
    assert not as_expected(applied(tmp_path, GOOD, record(other="inconclusive")))


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('reason = "ACME-1"\n', "", 1, "'reason' is missing in entry 1 of expected"),
        ('"ACME-1"', '""', 4, "'reason' is empty"),
        ("2026-12-31", '"2026-12-31"', 5, "'expires' is text, a date such as"),
        ('["R-1"]', "[]", 3, "'requirements' is empty"),
        ("requirements", "requirement", 3, "did you mean 'requirements'?"),
        ("[[expected]]", "[[expcted]]", 1, "did you mean 'expected'?"),
        ('expires = 2026-12-31\n', "expires = 2026-12-31\n" + GOOD, 7, "stands twice (first on line 2)"),
    ],
)  # fmt: skip
def test_a_baseline_that_cannot_be_used(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    path = tmp_path / "known.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(FileError) as caught:
        load_baseline(path)
    [problem] = caught.value.problems
    assert problem.place.line == line
    assert words in str(problem)
