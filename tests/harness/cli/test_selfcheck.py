"""selfcheck: what counts as caught, what as blamed, and what a collection has to say of itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from harness.campaign.cell import Cell
from harness.campaign.pool import Done
from harness.campaign.recorder import summarise
from harness.campaign.run import Subject
from harness.cli.catalogue import Specimen, specimens_of, unique
from harness.cli.exits import UserError
from harness.cli.judging import judge
from harness.hosting import LaunchSpec
from qkd.run.v1 import run_record_pb2 as pb
from qkd.vendor.v1.vendor_pb2 import DescribeResponse

from .conftest import Run, said
from .fakes import FakeSuite

SPEC = LaunchSpec(("acme",), name="acme")
FAULT = Specimen("serves-foreign-sae", SPEC, "serves-foreign-sae", faulty=True, caught_by=("R-1",))
CORRECT = Specimen("small-keys", SPEC, "small-keys", about="keys of 64 bit")
CELL = Cell("x", SPEC, ("etsi014",), Subject(pb.Target()))


def ran(*findings: tuple[str, str], verdict: str = "", selection: str = "selected") -> Done:
    """A run with one case that found these ``(requirement, grade)`` not to hold."""
    record = pb.RunRecord()
    broken = any(grade == "fail" for _, grade in findings)
    case = record.cases.add(id="014.fetch.once", selection=f"SELECTION_{selection.upper()}")
    case.verdict = pb.Verdict.Value(f"VERDICT_{(verdict or ('fail' if broken else 'pass')).upper()}")
    if selection != "selected":
        case.verdict = pb.VERDICT_UNSPECIFIED
    for requirement, grade in findings:
        case.findings.add(requirement_id=requirement, grade=f"GRADE_{grade.upper()}", got="200, 1 key")
    record.cases.add(id="014.status.shape", selection=pb.SELECTION_SELECTED, verdict=pb.VERDICT_PASS)
    summarise(record, trouble=False)
    return Done(CELL, record)


def test_a_fault_is_caught_by_the_requirement_that_it_breaks() -> None:
    judgement = judge(FAULT, ran(("R-1", "fail"), ("R-1", "fail"), ("R-3", "fail")))
    assert judgement.good
    assert [(catch.case, catch.requirement) for catch in judgement.by] == [("014.fetch.once", "R-1")]
    assert judgement.also == ("R-3",)


@pytest.mark.parametrize(
    "done",
    [
        ran(),
        ran(("R-3", "fail")),  # for another reason
        ran(("R-1", "warning")),  # seen, and not held against it
        ran(verdict="inconclusive"),
        ran(verdict="error"),
        Done(CELL, None, "did not come up"),
    ],
)
def test_a_fault_is_missed_otherwise(done: Done) -> None:
    assert not judge(FAULT, done).good


def test_a_fault_without_a_stated_reason_is_caught_by_any() -> None:
    assert judge(Specimen("x", SPEC, faulty=True), ran(("R-3", "fail"))).good
    assert not judge(Specimen("x", SPEC, faulty=True), ran(("R-3", "warning"))).good


@pytest.mark.parametrize(
    "done",
    [
        ran(("R-1", "fail")),
        ran(verdict="inconclusive"),
        ran(verdict="error"),
        ran(selection="not_reached"),
        Done(CELL, None, "did not come up"),
    ],
)
def test_a_correct_variant_is_blamed_by_anything_but_conformant(done: Done) -> None:
    assert not judge(CORRECT, done).good


def test_a_warning_does_not_blame_and_is_listed() -> None:
    judgement = judge(CORRECT, ran(("R-2", "warning")))
    assert judgement.good
    assert judgement.warnings == ("R-2",)


def description(variants: Sequence[str], catalogue: Any) -> DescribeResponse:
    said = DescribeResponse(name="acme", variants=variants)
    if catalogue is not None:
        ParseDict({"selfcheck": {"etsi014": catalogue}}, said.ics)
    return said


def test_a_collection_says_what_it_offers() -> None:
    said = description(
        ["bad", "odd"],
        {
            "faults": {"bad": {"caught_by": ["R-1", "R-2*"], "about": "it is bad"}},
            "variants": {"odd": {"about": "it is odd"}, "": {}},
        },
    )
    found = specimens_of(SPEC, said, "etsi014", ["R-1", "R-2", "R-3"])
    bad, *others = found
    assert (bad.name, bad.variant, bad.faulty, bad.about) == ("bad", "bad", True, "it is bad")
    assert {(one.name, one.variant, one.faulty) for one in others} == {("odd", "odd", False), ("acme", "", False)}
    assert bad.right("R-2")
    assert not bad.right("R-3")


def test_an_implementation_without_a_catalogue_is_one_correct_one() -> None:
    [found] = specimens_of(SPEC, description(["x"], None), "etsi014", [])
    assert (found.name, found.variant, found.faulty) == ("acme", "", False)


def test_everything_that_is_wrong_with_a_catalogue_is_said() -> None:
    said = description(
        ["bad"],
        {
            "fault": {},
            "faults": {
                "bad": {"caught_by": ["R-11"], "abuot": "?"},
                "gone": {"caught_by": "R-1"},
                "odd": 7,
                "worse": {"caught_by": 7},
            },
        },
    )
    with pytest.raises(UserError) as caught:
        specimens_of(SPEC, said, "etsi014", ["R-1"])
    for words in (
        "acme: its catalogue (ics.selfcheck.etsi014) cannot be used",
        "unknown member 'fault'; known: faults, variants",
        "faults.bad: unknown member 'abuot'",
        "faults.bad: no requirement 'R-11'; did you mean 'R-1'?",
        "faults.gone: is not among the variants that it offers",
        "faults.odd: is no table",
        "faults.worse: caught_by is no list of requirement ids",
    ):
        assert words in str(caught.value)


def test_two_of_one_name_cannot_be_told_apart() -> None:
    with pytest.raises(UserError, match="two variants are named 'small-keys'"):
        unique([CORRECT, CORRECT])


Check = Callable[..., list[Cell]]
Runs = Sequence[tuple[Specimen, Done]]


@pytest.fixture
def collection(monkeypatch: pytest.MonkeyPatch) -> Check:
    """Puts specimens and their runs in the place of what is installed; gives the cells that were run."""

    def put(runs: Runs) -> list[Cell]:
        cells: list[Cell] = []
        by_name = {specimen.name: done for specimen, done in runs}

        def run_cells(wanted: Sequence[Cell], _jobs: int) -> Iterator[Done]:
            cells.extend(wanted)
            for cell in wanted:
                yield Done(cell, by_name[cell.name].record, by_name[cell.name].trouble)

        suite = FakeSuite()
        monkeypatch.setattr("harness.cli.suites.find_suites", lambda: {"etsi014": suite})
        monkeypatch.setattr("harness.cli.selfcheck.gather", lambda *_: [specimen for specimen, _ in runs])
        monkeypatch.setattr("harness.campaign.pool.run_cells", run_cells)
        return cells

    return put


def test_all_caught_and_nobody_blamed(run: Run, collection: Check) -> None:
    cells = collection([(FAULT, ran(("R-1", "fail"), ("R-3", "fail"))), (CORRECT, ran())])
    result = run("selfcheck", "--json")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)["etsi014"]
    assert {name: figures[name] for name in ("faults", "caught", "variants", "blamed", "missed")} == {
        "faults": 1,
        "caught": 1,
        "variants": 1,
        "blamed": 0,
        "missed": [],
    }
    assert figures["by_fault"]["serves-foreign-sae"]["by"] == [
        {"case": "014.fetch.once", "requirement": "R-1", "got": "200, 1 key"}
    ]
    assert figures["by_fault"]["serves-foreign-sae"]["also"] == ["R-3"]
    assert figures["by_variant"]["small-keys"]["blamed"] is False
    assert figures["seconds"] >= 0
    assert [cell.variant for cell in cells] == ["small-keys", "serves-foreign-sae"]
    assert [cell.options.select for cell in cells] == [(), ("R-1",)]
    assert all(cell.subject.allowance.draining and cell.subject.allowance.disturbing for cell in cells)


def test_all_cases_can_be_run_on_faults_too(run: Run, collection: Check) -> None:
    cells = collection([(FAULT, ran(("R-1", "fail"))), (CORRECT, ran())])
    assert run("selfcheck", "--all-cases").exit_code == 0
    assert [cell.options.select for cell in cells] == [(), ()]


@pytest.mark.parametrize(
    ("runs", "code", "words"),
    [
        ([(FAULT, ran(("R-3", "fail")))], 1, ["MISSED  serves-foreign-sae  not by R-1; also broke R-3", "missed:"]),
        ([(CORRECT, ran(("R-1", "fail")))], 1, ["BLAMED  small-keys", "R-1 by 014.fetch.once: 200, 1 key"]),
        ([(CORRECT, ran(verdict="inconclusive"))], 1, ["BLAMED  small-keys", "undecided: 014.fetch.once"]),
        ([(FAULT, Done(CELL, None, "no KME came up"))], 1, ["MISSED", "did not run: no KME came up"]),
        ([(FAULT, ran(("R-1", "fail"), verdict="error"))], 3, ["caught", "harness error: 014.fetch.once"]),
    ],
)
def test_the_exit_code_says_that_the_harness_cannot_be_trusted(
    run: Run, collection: Check, runs: Runs, code: int, words: list[str]
) -> None:
    collection(runs)
    result = run("selfcheck")
    assert result.exit_code == code, result.output
    said(result, words)


def test_only_takes_names_and_globs(run: Run, collection: Check) -> None:
    cells = collection([(FAULT, ran(("R-1", "fail"))), (CORRECT, ran())])
    assert run("selfcheck", "--only", "small-*").exit_code == 0
    assert [cell.name for cell in cells] == ["small-keys"]
    wrong = run("selfcheck", "--only", "smal-keys")
    assert wrong.exit_code == 2
    said(wrong, ["--only smal-keys: no fault and no variant bears this name; did you mean 'small-keys'?"])


def test_a_suite_that_is_not_there(run: Run, collection: Check) -> None:
    collection([])
    result = run("selfcheck", "--suite", "etsi041")
    assert result.exit_code == 2
    said(result, ["no suite named 'etsi041' is installed; did you mean 'etsi014'?"])


def test_a_collection_that_cannot_be_started(run: Run) -> None:
    result = run("selfcheck", "--vendor-command", "./nothing-there")
    assert result.exit_code == 2
    said(result, ["./nothing-there cannot be checked"])
    assert "Traceback" not in result.output
