"""JUnit XML: the dialect that Jenkins checks, the counts of the summary, and red when the run is not conformant."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from junitparser import JUnitXml

from harness.record import views
from qkd.run.v1 import run_record_pb2 as pb
from reports.junit import WRITER
from tests.reports import records

# The rules of junit-10, the schema of Jenkins's xunit plug-in: allowed attributes, those that must be there, children.
_RESULT: tuple[set[str], set[str], set[str]] = ({"message", "type"}, set(), set())
RULES: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, set(), {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname", "id", "package", "group"},
        {"name", "tests", "failures", "errors"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, {"name", "value"}, set()),
    "testcase": (
        {"name", "time", "classname", "group"},
        {"name"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": _RESULT,
    "error": _RESULT,
    "skipped": _RESULT,
    "system-out": (set(), set(), set()),
}


def written(record: pb.RunRecord, folder: Path) -> ET.Element:
    return ET.parse(WRITER.write(record, folder)).getroot()  # noqa: S314 - we wrote it


def cases(root: ET.Element, suite: str = "etsi014") -> dict[str, ET.Element]:
    return {case.attrib["name"]: case for case in root.iterfind(f"testsuite[@name='{suite}']/testcase")}


def broken_rules(element: ET.Element) -> Iterator[str]:
    allowed, needed, children = RULES[element.tag]
    yield from (f"{element.tag}: attribute {name}" for name in set(element.attrib) - allowed)
    yield from (f"{element.tag}: no {name}" for name in needed - set(element.attrib))
    if "time" in element.attrib and not element.attrib["time"].replace(".", "", 1).isdigit():
        yield f"{element.tag}: time {element.attrib['time']}"
    for child in element:
        if child.tag in children:
            yield from broken_rules(child)
        else:
            yield f"{element.tag}: child {child.tag}"


@pytest.mark.parametrize("make", records.ALL, ids=lambda make: make.__name__)
def test_the_structure_is_what_jenkins_takes(make: records.Make, tmp_path: Path) -> None:
    assert list(broken_rules(written(make(), tmp_path))) == []


@pytest.mark.parametrize("make", records.ALL, ids=lambda make: make.__name__)
def test_the_file_is_red_exactly_when_the_command_would_not_exit_with_0(make: records.Make, tmp_path: Path) -> None:
    record = make()
    root = written(record, tmp_path)
    red = int(root.attrib["failures"]) + int(root.attrib["errors"])
    assert bool(red) == bool(views.exit_code(record))


@pytest.mark.parametrize("make", [records.realistic, records.faulty, records.conformant, records.nothing_ran])
def test_the_counts_are_those_of_the_summary(make: records.Make, tmp_path: Path) -> None:
    record = make()
    WRITER.write(record, tmp_path)
    [suite] = [suite for suite in JUnitXml.fromfile(str(tmp_path / "junit.xml")) if suite.name == "etsi014"]
    summary = record.summary
    assert suite.tests == len(suite) == len(record.cases)
    assert suite.failures == summary.failed
    assert suite.errors == summary.errors + summary.inconclusive + summary.not_reached
    assert suite.skipped == summary.not_applicable + summary.disabled
    assert sum(case.is_passed for case in suite) == summary.passed


def test_a_failure_says_what_is_needed_to_mend_it(tmp_path: Path) -> None:
    case = cases(written(records.realistic(), tmp_path))["014.fetch.foreign-sae"]
    [failure] = case.findall("failure")
    assert failure.attrib["type"] == "ETSI014-5.4-R2"
    assert failure.attrib["message"] == "ETSI014-5.4-R2: expected 401; got 200, 1 key (256 bit)"
    text = failure.text or ""
    for part in (
        "clause 5.4 (shall, confirmed)",
        "expected: 401 and no key",
        "got:      200, 1 key (256 bit)",
        "> POST https://127.0.0.1:9443/api/v1/keys/sae-1/dec_keys as sae-3",
        "< 200",
        "expected: the named slave still gets the key",
        "again: qkd-harness certify acme.toml --select 014.fetch.foreign-sae",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("name", "tag", "kind", "message"),
    [
        ("014.stock.exhaustion", "error", "inconclusive", "the pool could not be emptied"),
        ("014.quality.monobit", "error", "harness-error", "too few bits"),
        ("014.concurrency.parallel-fetch", "error", "not-reached", "12 of key_budget = 400 were left"),
        ("014.multicast.same-bytes", "skipped", "disabled", "not given in the target: third"),
        ("014.size.odd-served", "skipped", "not-applicable", "odd_sizes is False"),
    ],
)
def test_what_shows_nothing_says_why(name: str, tag: str, kind: str, message: str, tmp_path: Path) -> None:
    [result] = [child for child in cases(written(records.faulty(), tmp_path))[name] if child.tag != "system-out"]
    assert (result.tag, result.attrib["type"]) == (tag, kind)
    assert message in result.attrib["message"]


def test_only_a_pass_is_green_whatever_else_is_combined(tmp_path: Path) -> None:
    record = records.every_value()
    found = cases(written(record, tmp_path))
    for case in record.cases:
        green = not {"failure", "error", "skipped"} & {child.tag for child in found[case.id]}
        assert green == (case.verdict == pb.VERDICT_PASS)


def test_warnings_and_observations_of_a_passed_case_are_told(tmp_path: Path) -> None:
    found = cases(written(records.realistic(), tmp_path))
    assert "warning: ETSI014-5.4-R6" in (found["014.fetch.master-own-key"].findtext("system-out") or "")
    assert "observed: the Error object" in (found["014.limits.number-above-max"].findtext("system-out") or "")


@pytest.mark.parametrize(
    ("case", "name"),
    [
        (pb.Case(id="014.fetch.once", suite="etsi014", binding="https"), "etsi014.https.fetch"),
        (pb.Case(id="014.fetch.once@grpc", suite="etsi014", binding="grpc"), "etsi014.grpc.fetch"),
        (pb.Case(id="014.once", suite="etsi014", binding="https"), "etsi014.https"),
        (pb.Case(id="014.fetch.foreign.sae", suite="etsi014"), "etsi014.fetch.foreign"),
    ],
)
def test_cases_are_grouped_by_suite_binding_and_the_middle_of_their_id(
    case: pb.Case, name: str, tmp_path: Path
) -> None:
    root = written(pb.RunRecord(schema="qkd.run.v1", cases=[case]), tmp_path)
    assert root.find("testsuite/testcase[@classname]").attrib["classname"] == name  # type: ignore[union-attr]


def test_who_was_tested_and_how_stands_in_the_properties(tmp_path: Path) -> None:
    suite = written(records.realistic(), tmp_path).find("testsuite")
    assert suite is not None
    found = {entry.attrib["name"]: entry.attrib["value"] for entry in suite.iterfind("properties/property")}
    assert found["target.name"] == "acme-kme"
    assert found["profile"] == "published"
    assert found["outcome"] == "NOT CONFORMANT"
    assert found["library.urllib3"]
    assert suite.attrib["timestamp"] == "2026-11-20T14:03:22"


def test_hostile_text_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    record = records.hostile()
    record.cases[0].id = "\x1b[2J]]>&<x>\ud7ff\ufffe.a"
    root = written(record, tmp_path)
    assert "\\x1b[2J]]>&<x>\ud7ff\\ufffe.a" in {case.attrib["name"] for case in root.iter("testcase")}


def test_two_thousand_cases(tmp_path: Path) -> None:
    assert len(cases(written(records.huge(), tmp_path))) == 2000
    assert (tmp_path / "junit.xml").stat().st_size < 2_000_000
