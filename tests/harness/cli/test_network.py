"""`demo` and `up` with a network on trial: one report, and an exit code that both halves have a say in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.hosting import HostingError
from harness.record import load, network
from harness.target import load_target
from harness.twin.trial import Ordered, Trial
from qkd.run.v1 import run_record_pb2 as pb
from tests.harness.twin.trials import SPOILS, whole

from .conftest import Run, said
from .fakes import FakeSuite

Spoil = Callable[[Trial], None]
Stage = Callable[..., list[Ordered]]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Has a network come out as it is told; gives what was ordered."""

    def put(spoil: Spoil = lambda _: None, wrong: BaseException | None = None) -> list[Ordered]:
        orders = []

        async def run_trial(*given: object) -> Trial:
            [ordered] = (one for one in given if isinstance(one, Ordered))
            orders.append(ordered)
            if wrong is not None:
                raise wrong
            trial = whole(ordered=Ordered(account=True, faults=ordered.faults))
            trial.under_load = None
            if not ordered.faults:
                trial.planned, trial.outcomes = [], []
            spoil(trial)
            return trial

        monkeypatch.setattr("harness.cli.network.run_trial", run_trial)
        return orders

    return put


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch, target: Path, install: Callable[[FakeSuite], FakeSuite]) -> None:
    """A campaign that needs no reference KMEs, and is conformant."""
    monkeypatch.setattr("harness.cli.conduct.reference_target", lambda: load_target(target))
    install(FakeSuite())


SMALL = ("--network", "mdi-madrid")


@pytest.mark.usefixtures("reference")
def test_demo_reports_on_the_campaign_and_the_network(run: Run, stage: Stage) -> None:
    ordered = stage()
    result = run("demo", *SMALL, "--json")
    assert result.exit_code == 0, result.output
    assert ordered[0].faults
    record = load(Path("out/demo/run.json"))
    assert {case.suite for case in record.cases} == {"etsi014", "network"}
    assert network.whole(record)
    assert record.summary.outcome == pb.OUTCOME_CONFORMANT
    assert record.summary.duration_s < record.network.took_s, "the campaign's time is its own"
    assert 'id="fault-table"' in Path("out/demo/report.html").read_text()
    said(result, ["now MDI-QKD in Madrid", "up and checked in a minute, then faults for two or three"])
    said(result, ["mdi-madrid: ready in 4.5 s; 3 of 3 pairs have equal keys"])
    assert json.loads(result.stdout)["exit_code"] == 0


@pytest.mark.usefixtures("reference")
@pytest.mark.parametrize("spoil", [SPOILS[0][0], SPOILS[1][0], SPOILS[7][0], SPOILS[11][0]], ids=lambda it: it.__name__)
def test_demo_fails_with_a_network_that_is_not_whole(run: Run, stage: Stage, spoil: Spoil) -> None:
    stage(spoil)
    result = run("demo", *SMALL)
    assert result.exit_code == 1, result.output
    assert "CONFORMANT   " not in result.stdout.replace("NOT CONFORMANT", "")
    record = load(Path("out/demo/run.json"))
    assert not network.whole(record)


@pytest.mark.usefixtures("target")
def test_demo_fails_with_a_campaign_that_does(
    run: Run, stage: Stage, target: Path, monkeypatch: pytest.MonkeyPatch, install: Callable[[FakeSuite], FakeSuite]
) -> None:
    monkeypatch.setattr("harness.cli.conduct.reference_target", lambda: load_target(target))
    install(FakeSuite({"014.fetch.twice": "fail"}))
    stage()
    assert run("demo", *SMALL, "--profile", "strict").exit_code == 1
    assert network.whole(load(Path("out/demo/run.json")))


@pytest.mark.usefixtures("reference")
@pytest.mark.parametrize("wrong", [HostingError("toshiba: exit status 7"), RuntimeError("a bug")], ids=repr)
def test_a_network_that_does_not_come_up_is_our_fault_and_costs_no_result(
    run: Run, stage: Stage, wrong: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stage(wrong=wrong)
    result = run("demo", *SMALL)
    assert result.exit_code == 3
    said(result, ["mdi-madrid was not put on trial", str(wrong)])
    record = load(Path("out/demo/run.json"))
    assert record.summary.passed > 0
    assert [case.verdict for case in record.cases if case.suite == "network"] == [pb.VERDICT_ERROR]


@pytest.mark.usefixtures("reference")
def test_ctrl_c_in_the_network_keeps_the_campaign(run: Run, stage: Stage) -> None:
    stage(wrong=KeyboardInterrupt())
    assert run("demo", *SMALL).exit_code == 130
    record = load(Path("out/demo/run.json"))
    assert record.summary.passed > 0
    assert record.summary.not_reached == 1
    assert Path("out/demo/report.html").exists()


@pytest.mark.usefixtures("reference")
@pytest.mark.parametrize("words", [("--no-network",), ("--select", "014.fetch.once")], ids=" ".join)
def test_the_network_can_be_left_out(run: Run, stage: Stage, words: tuple[str, ...]) -> None:
    orders = stage()
    assert run("demo", *words).exit_code == 0
    assert orders == []


@pytest.mark.usefixtures("reference")
def test_a_scenario_that_is_not_there_is_said_before_anything_runs(run: Run, stage: Stage) -> None:
    orders = stage()
    assert run("demo", "--network", "nowhere").exit_code == 2
    assert orders == []
    assert not Path("out").exists()


@pytest.mark.parametrize("words", [("--check",), ("--faults",), ("--check", "--faults")], ids=" ".join)
def test_up_writes_a_report(run: Run, stage: Stage, words: tuple[str, ...]) -> None:
    ordered = stage()
    result = run("up", "mdi-madrid", *words, "--report", "rep", "--json", "--wait", "99")
    assert result.exit_code == 0, result.output
    assert (ordered[0].account, ordered[0].faults) == (True, "--faults" in words)
    assert {path.name for path in Path("rep").iterdir()} == {"run.json", "report.html", "junit.xml"}
    record = load(Path("rep/run.json"))
    assert record.summary.outcome == pb.OUTCOME_CONFORMANT
    assert record.replay == f"qkd-harness up mdi-madrid {' '.join(words)} --wait 99.0"
    said(result, ["report: rep/report.html"])
    json.loads(result.stdout)


def test_up_prints_the_figures_for_programs(run: Run, stage: Stage) -> None:
    stage()
    found = json.loads(run("up", "mdi-madrid", "--check", "--json").stdout)
    asked = {"ready_s", "peak_rss_mib", "processes", "pairs", "pairs_equal", "mismatches", "links"}
    assert asked <= set(found)
    link = found["links"][0]
    assert {"link", "maker", "skr_bps", "qber", "table1_skr_bps"} <= set(link)
    assert {"table1_qber", "average_skr_bps", "average_qber", "intervals", "deviation"} <= set(link)


@pytest.mark.parametrize("words", [("--check",), ("--check", "--json")], ids=" ".join)
def test_up_fails_with_a_network_that_is_not_whole(run: Run, stage: Stage, words: tuple[str, ...]) -> None:
    stage(SPOILS[1][0])
    assert run("up", "mdi-madrid", *words, "--report", "rep").exit_code == 1
    assert load(Path("rep/run.json")).summary.outcome == pb.OUTCOME_NOT_CONFORMANT


def test_a_report_without_anything_to_report_is_refused(run: Run, stage: Stage) -> None:
    orders = stage()
    result = run("up", "mdi-madrid", "--report", "rep")
    assert (result.exit_code, orders) == (2, [])
    said(result, ["--report needs --check or --faults"])
