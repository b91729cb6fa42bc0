"""certify: what it tells, what it writes, and with which code it ends. The suite is a fake: no network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.record import load
from qkd.run.v1 import run_record_pb2 as pb

from .conftest import Run, said
from .fakes import FakeSuite

Install = Callable[[FakeSuite], FakeSuite]


@pytest.mark.parametrize(
    ("does", "code", "outcome"),
    [
        ({}, 0, "conformant"),
        ({"014.fetch.twice": "warn"}, 0, "conformant"),
        ({"014.fetch.once": "fail"}, 1, "not_conformant"),
        ({"014.fetch.once": "inconclusive"}, 1, "inconclusive"),
        ({"014.fetch.once": "crash"}, 3, "harness_error"),
        ({"execute": "crash"}, 3, "harness_error"),
    ],
)
def test_the_exit_code_and_the_outcome_say_the_same(
    *, run: Run, install: Install, target: Path, does: dict[str, str], code: int, outcome: str
) -> None:
    install(FakeSuite(does))
    result = run("certify", target, "--json")
    assert result.exit_code == code, result.output
    document = json.loads(result.stdout)
    assert document["outcome"] == outcome
    assert document["exit_code"] == code
    assert "Traceback" not in result.output


def test_a_failure_says_what_to_look_at_and_how_to_run_it_again(run: Run, install: Install, target: Path) -> None:
    install(FakeSuite({"014.fetch.twice": "fail", "014.status.shape": "warn"}))
    result = run("certify", target, "--profile", "strict")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("FAIL         R-1  A key is not handed out twice.")
    said(
        result,
        [
            "sent:     POST https://kme-b/dec_keys as sae-3",
            "got:      200, 1 key (256 bit) \\x1b[31m",  # what an implementation sends cannot colour a terminal
            "expected: 401",
            "clause 5.4 (shall)   case: 014.fetch.twice   evidence: out/acme-kme/evidence/014.fetch.twice.json",
            f"again: qkd-harness certify {target} --profile strict --select 014.fetch.twice",
            "WARNING      R-2",
            "NOT RUN      disabled: not given in the target: third: 014.third.party",
            "3 of 5 cases run: 2 pass, 1 fail, 2 warnings; 2 not run   NOT CONFORMANT",
            "report: out/acme-kme/report.html",
        ],
    )
    assert lines.index(next(line for line in lines if line.startswith("WARNING"))) > 0
    case = json.loads(Path("out/acme-kme/evidence/014.fetch.twice.json").read_text())
    assert case["findings"][0]["requirement_id"] == "R-1"


def test_the_plan_is_said_before_anything_runs(run: Run, install: Install, target: Path) -> None:
    target.write_text(target.read_text() + "key_budget = 400\n")
    install(FakeSuite())
    result = run("certify", target)
    said(
        result,
        [
            "3 cases; will draw 3 keys, at most 4 if it hands out keys that it should refuse (budget 400); 2 will not",
            "1 × empties the key pool; the target file does not say draining = true",
            "note: a note",
            "3 of 3 cases run, 0 keys drawn",
        ],
    )
    assert "will draw" in result.stderr


def test_json_has_everything_and_stdout_nothing_else(run: Run, install: Install, target: Path) -> None:
    install(FakeSuite({"014.fetch.twice": "fail", "014.fetch.once": "inconclusive"}))
    result = run("certify", target, "--json", "--out", "reports")
    document = json.loads(result.stdout)
    [failure] = document["failures"]
    assert (failure["requirement"], failure["clause"], failure["expected"]) == ("R-1", "5.4", "401")
    assert failure["replay"].endswith("--select 014.fetch.twice")
    assert Path(failure["evidence"]).is_file()
    assert document["undecided"][0]["got"] == "the valid twin was refused"
    assert document["summary"]["ran"] == 3
    assert document["keys"]["planned"] == 3
    assert {group["selection"] for group in document["not_run"]} == {"disabled"}
    assert all(Path(path).is_file() for path in document["reports"].values())
    assert set(document["reports"]) >= {"json", "junit", "html"}
    assert load(Path("reports/run.json")).summary.outcome == pb.OUTCOME_NOT_CONFORMANT


def test_what_is_selected_is_checked_first_and_does_not_replace_the_whole_report(
    run: Run, install: Install, target: Path
) -> None:
    suite = install(FakeSuite())
    wrong = run("certify", target, "--select", "014.fetch.onec", "--select", "R-1")
    assert wrong.exit_code == 2
    said(wrong, ["--select 014.fetch.onec: no case or requirement; did you mean 014.fetch.once?"])
    assert not suite.campaigns
    result = run("certify", target, "--select", "014.fetch.*")
    assert result.exit_code == 0
    said(result, ["2 of 5 cases run: 2 pass; 3 not run   CONFORMANT in what was selected"])
    assert Path("out/acme-kme/selected/run.json").is_file()
    assert not Path("out/acme-kme/run.json").exists()


def test_the_record_says_what_was_tested_and_how(run: Run, install: Install, target: Path) -> None:
    target.write_text(target.read_text() + "draining = true\n[ics.etsi014]\nmulticast = true\n")
    suite = install(FakeSuite())
    assert run("certify", target).exit_code == 0
    record = load(Path("out/acme-kme/run.json"))
    assert (record.target.name, record.target.vendor, record.target.hosting) == ("acme-kme", "ACME", "attach")
    assert len(record.target.target_file_digest) == 64
    assert record.target.ics[0].name == "multicast"
    assert record.replay == f"qkd-harness certify {target}"
    [campaign] = suite.campaigns
    assert (campaign.allowance.draining, campaign.allowance.disturbing) == (True, False)
    assert campaign.options.bindings == ("https",)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("trust = ", "trsut = ", "acme.toml:6:1: unknown member 'trsut' in [ixit.etsi014]; did you mean 'trust'?"),
        ("[iut]", "[ics.etsi014]\nmulticst = true\n[iut]", "acme.toml:2:1: unknown claim 'multicst'"),
        ("[iut]", "[ics.etsi014]\nmulticast = 1\n[iut]", "acme.toml:2:13: 'multicast' has to be true or false"),
        ('"sae-2.key"', '"sae-1.key"', "'sae-1.key' is not the private key of 'sae-2.pem'"),
    ],
)
def test_a_target_file_that_cannot_be_used(
    *, run: Run, install: Install, target: Path, old: str, new: str, words: str
) -> None:
    install(FakeSuite())
    target.write_text(target.read_text().replace(old, new))
    result = run("certify", target, "--json")
    assert result.exit_code == 2
    assert words in result.stderr
    assert words in json.loads(result.stdout)["error"]


def test_an_implementation_that_does_not_answer_is_the_users_matter(run: Run, install: Install, target: Path) -> None:
    install(FakeSuite({"survey": "unreachable"}))
    result = run("certify", target)
    assert result.exit_code == 2
    said(result, ["acme-kme cannot be tested: kme-a at https://127.0.0.1:8443 does not answer sae-1: refused"])


def test_a_folder_that_cannot_be_written_is_said_before_anything_runs(run: Run, install: Install, target: Path) -> None:
    suite = install(FakeSuite())
    result = run("certify", target, "--out", target)
    assert result.exit_code == 2
    result = run("certify", target, "--out", target / "below")
    assert result.exit_code == 2
    said(result, ["cannot be written: not a directory"])
    assert not suite.campaigns


def test_evidence_of_an_earlier_run_does_not_stay(run: Run, install: Install, target: Path) -> None:
    install(FakeSuite({"014.fetch.twice": "fail"}))
    run("certify", target)
    install(FakeSuite({"014.fetch.once": "fail"}))
    run("certify", target)
    assert [path.name for path in Path("out/acme-kme/evidence").iterdir()] == ["014.fetch.once.json"]


BASELINE = """\
[[expected]]
case = "014.fetch.once"
requirements = ["R-1"]
reason = "ACME-1"
expires = 2999-12-31
"""


@pytest.mark.parametrize(
    ("does", "code", "headline"),
    [
        ({"014.fetch.once": "fail"}, 0, "NOT CONFORMANT (1 known failure)"),
        ({}, 1, "CONFORMANT in what was selected; the baseline does not hold"),
        ({"014.fetch.once": "fail", "014.fetch.twice": "fail"}, 1, "NOT CONFORMANT (1 known failure, 1 new)"),
        ({"014.fetch.once": "fail", "014.fetch.twice": "crash"}, 3, "HARNESS ERROR"),
    ],
)
def test_a_baseline_decides_about_the_exit_code_and_not_about_the_verdict(
    *, run: Run, install: Install, target: Path, does: dict[str, str], code: int, headline: str
) -> None:
    Path("known.toml").write_text(BASELINE)
    install(FakeSuite(does))
    result = run("certify", target, "--baseline", "known.toml", "--json")
    assert result.exit_code == code, result.output
    assert headline in json.loads(result.stdout)["headline"]


def test_known_failures_are_told_last_and_shortly(run: Run, install: Install, target: Path) -> None:
    Path("known.toml").write_text(BASELINE)
    install(FakeSuite({"014.fetch.once": "fail", "014.fetch.twice": "fail"}))
    lines = run("certify", target, "--baseline", "known.toml").stdout.splitlines()
    heads = [line for line in lines if line.startswith("FAIL")]
    assert "not handed out twice" in heads[0]
    assert heads[1].endswith("(expected by the baseline)")


def test_a_baseline_that_cannot_be_used(run: Run, install: Install, target: Path) -> None:
    Path("known.toml").write_text(BASELINE.replace('reason = "ACME-1"\n', ""))
    suite = install(FakeSuite())
    result = run("certify", target, "--baseline", "known.toml")
    assert result.exit_code == 2
    said(result, ["known.toml:1:1: 'reason' is missing"])
    assert not suite.campaigns


def test_ctrl_c_leaves_a_record_of_what_had_run(run: Run, install: Install, target: Path) -> None:
    install(FakeSuite({"014.fetch.once": "fail", "014.fetch.twice": "interrupt"}))
    result = run("certify", target, "--json")
    assert result.exit_code == 130
    document = json.loads(result.stdout)
    assert document["outcome"] == "not_conformant"
    assert document["summary"]["ran"] == 1
    assert document["summary"]["not_reached"] == 2
    record = load(Path("out/acme-kme/run.json"))
    assert [case.selection_reason for case in record.cases if case.selection == pb.SELECTION_NOT_REACHED] == [
        "interrupted",
        "the campaign ended before it",
    ]


def test_a_report_that_cannot_be_written_does_not_cost_the_verdict(run: Run, install: Install, target: Path) -> None:
    install(FakeSuite())
    Path("out/acme-kme/report.html").mkdir(parents=True)
    result = run("certify", target, "--json")
    assert result.exit_code == 0
    assert "html" in json.loads(result.stdout)["reports_failed"]
    assert "the html report could not be written" in result.stderr
