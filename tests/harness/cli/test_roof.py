"""The roof: exit codes, no tracebacks, quick help, and the small commands."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from harness.cli.doctor import findings
from harness.cli.exits import UserError, scrubbed
from harness.cli.main import main
from harness.record import save
from qkd.run.v1 import run_record_pb2 as pb

from .conftest import Run, said
from .fakes import FakeSuite

Install = Callable[[FakeSuite], FakeSuite]


def test_help_loads_nothing_that_takes_time() -> None:
    code = "import sys, harness.cli.main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"grpc", "pydantic", "rich", "numpy", "pytest", "cryptography", "tree_sitter"} & set(loaded)


def test_help_names_the_exit_codes(run: Run) -> None:
    result = run("--help")
    assert result.exit_code == 0
    said(result, ["certify", "selfcheck", "Exit codes: 0 conformant", "130 interrupted"])


@pytest.fixture
def broken(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[BaseException], None]:
    """Adds a command that raises; tracebacks go to the test's own folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def add(wrong: BaseException) -> None:
        @main.command("broken")
        @click.option("--json", is_flag=True)
        def command(**_: object) -> None:
            raise wrong

        request.addfinalizer(lambda: main.commands.pop("broken"))

    return add


SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ1Njc4OTA="


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        (UserError("acme.toml:1:1: is empty"), 2, "acme.toml:1:1: is empty"),
        (KeyError("x"), 3, "qkd-harness itself failed: KeyError: 'x' (test_roof.py:"),
        (RuntimeError(f"key {SECRET}"), 3, "qkd-harness itself failed: RuntimeError: key ("),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.UsageError("no such thing"), 2, "no such thing"),
    ],
)
def test_every_exception_becomes_an_exit_code_and_a_sentence(
    *, run: Run, broken: Callable[[BaseException], None], wrong: BaseException, code: int, words: str
) -> None:
    broken(wrong)
    result = run("broken")
    assert result.exit_code == code
    assert words in result.stderr
    assert "Traceback (most" not in result.output
    assert SECRET not in result.output
    document = json.loads(run("broken", "--json").stdout)
    assert document["exit_code"] == code
    assert document["error"]


def test_the_traceback_of_a_fault_is_kept_without_secrets(run: Run, broken: Callable[[BaseException], None]) -> None:
    broken(RuntimeError(f"key {SECRET}"))
    told = run("broken").stderr
    path = Path(told.rpartition("Traceback: ")[2].strip())
    text = path.read_text()
    assert "Traceback (most recent call last)" in text
    assert "test_roof.py" in text
    assert SECRET not in text


def test_a_broken_installation_is_told_without_a_traceback(
    run: Run, broken: Callable[[BaseException], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "harness.wire.redact", None)
    broken(ModuleNotFoundError("No module named 'numpy'"))
    result = run("broken")
    assert result.exit_code == 3
    assert "ModuleNotFoundError: (withheld" in result.stderr


def test_logs_are_lines_without_tracebacks() -> None:
    code = (
        "import logging; from harness.cli.logs import quiet_logs; quiet_logs()\n"
        "for name in ('grpc._cython.cygrpc', 'harness.hosting'):\n"
        "    try: raise ValueError('inner')\n"
        "    except ValueError: logging.getLogger(name).exception('two\\nlines')\n"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stderr
    assert told == "ERROR harness.hosting: two lines\n"


def test_what_looks_like_a_key_is_scrubbed() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----"
    assert "MIGH" not in scrubbed(pem)
    assert SECRET not in scrubbed(f"x {SECRET}")


@pytest.mark.parametrize("words", [["certfy"], ["certify"], ["certify", "a", "--profile", "x"], ["--nothing"]])
def test_a_command_line_that_cannot_be_used(run: Run, words: list[str]) -> None:
    assert run(*words).exit_code == 2


def test_coverage_tells_tested_reasoned_and_open(run: Run, install: Install) -> None:
    install(FakeSuite())
    result = run("coverage", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"etsi014": {"requirements": 3, "tested": 2, "reasoned": 1, "open": 0}}
    result = run("coverage")
    said(result, ["tested    R-1  014.fetch.once, 014.fetch.twice, 014.third.party", "reasoned  R-3  cannot be seen"])


def test_an_open_requirement_makes_coverage_fail(run: Run, install: Install) -> None:
    install(FakeSuite(reasons={"R-1": "unused"}))
    result = run("coverage", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["etsi014"]["open"] == 1
    said(result, ["OPEN      R-3"])


def test_a_case_that_names_nothing_makes_coverage_fail(run: Run, install: Install) -> None:
    install(FakeSuite(requirements=("R-1", "R-3")))
    result = run("coverage")
    assert result.exit_code == 1
    said(result, ["UNKNOWN   R-2  is named by 014.fetch.twice"])


def test_lists(run: Run, install: Install) -> None:
    install(FakeSuite())
    said(run("list", "tests"), ["014.fetch.once    A key is handed out once."])
    said(run("list", "requirements"), ["R-2  5.4  should  confirmed  text of R-2"])
    assert json.loads(run("list", "tests", "--json").stdout)[3]["drains"] is True
    assert json.loads(run("list", "requirements", "--json").stdout)[0]["strictness"] == "shall"
    names = [row["name"] for row in json.loads(run("list", "vendors", "--json").stdout)]
    assert "reference" in names


def test_explain_a_requirement_and_a_case(run: Run, install: Install) -> None:
    install(FakeSuite())
    told = run("explain", "R-2", "--no-faults")
    said(
        told,
        [
            "R-2   clause 5.4, should, confirmed, role kme",
            "text of R-2",
            "a deviation is: warning in strict, warning in published, warning in lenient",
            "verified by 014.fetch.twice",
        ],
    )
    said(run("explain", "R-3", "--no-faults"), ["verified by no case: cannot be seen from outside"])
    said(
        run("explain", "014.pool.empty@grpc", "--no-faults"),
        ["An empty pool is", "verifies R-2", "empties the key pool"],
    )
    wrong = run("explain", "R-22", "--no-faults")
    assert wrong.exit_code == 2
    said(wrong, ["no requirement and no case 'R-22'; did you mean R-2?"])


def record(verdict: pb.Verdict.ValueType) -> pb.RunRecord:
    made = pb.RunRecord(schema="qkd.run.v1")
    made.cases.add(id="014.fetch.once", verdict=verdict, selection=pb.SELECTION_SELECTED)
    made.requirements.add(id="R-1", outcome=pb.REQUIREMENT_OUTCOME_MET)
    return made


def test_two_records_are_compared_case_by_case(run: Run, tmp_path: Path) -> None:
    save(record(pb.VERDICT_PASS), tmp_path / "a.json")
    save(record(pb.VERDICT_FAIL), tmp_path / "b.json")
    same = run("report", "diff", "a.json", "a.json")
    assert (same.exit_code, same.stdout) == (0, "no difference\n")
    differs = run("report", "diff", "a.json", "b.json")
    assert differs.exit_code == 1
    said(differs, ["case        014.fetch.once  pass -> fail", "1 cases and 0 requirements differ"])
    document = json.loads(run("report", "diff", "a.json", "b.json", "--json").stdout)
    assert document["cases"] == [{"id": "014.fetch.once", "before": "pass", "after": "fail"}]


def test_a_record_is_shown_again(run: Run, install: Install, target: Path) -> None:
    install(FakeSuite({"014.fetch.twice": "fail"}))
    told = run("certify", target).stdout.splitlines()
    shown = run("report", "show", "out/acme-kme/run.json")
    assert shown.exit_code == 0
    assert "ACME acme-kme, etsi014, profile published" in shown.stdout
    assert next(line for line in told if "cases run" in line) in shown.stdout
    assert json.loads(run("report", "show", "out/acme-kme/run.json", "--json").stdout)["outcome"] == "not_conformant"


@pytest.mark.parametrize("text", ["{}", "[]", "nothing", '{"schema": "qkd.run.v1", "odd": 1}'])
def test_a_file_that_is_no_record(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    result = run("report", "show", "run.json")
    assert result.exit_code == 2
    assert "run.json" in result.stderr


def test_doctor_looks_at_everything(run: Run) -> None:
    names = [finding.name for finding in findings()]
    assert names[:4] == ["Python", "OpenSSL", "TLS below 1.2", "packages"]
    rows = json.loads(run("doctor", "--json").stdout)
    assert [row["name"] for row in rows] == names


def test_doctor_fails_without_what_a_campaign_needs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr("socket.create_server", refuse)
    result = run("doctor")
    assert result.exit_code == 3
    said(result, ["MISSING  loopback ports", "allow connections on 127.0.0.1"])
