"""`up --controlled`: what goes together, and what is said of direct links."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli.main import main
from harness.topology import load
from harness.twin.direct import DirectLink, DirectLinks
from harness.twin.settings import TwinSettings
from harness.twin.trial import Ordered, Trial, run_trial
from tests.harness.twin.trials import whole

SQUARE = str(Path(__file__).with_name("square.toml"))
MADE = DirectLink("ab/hwdu", "hwdu", ("ab",), "C-37", ("a/hwdu-tx", "b/hwdu-rx"), established=True, seconds=1.25)
NOT_MADE = DirectLink("cd/hwdu", "hwdu", ("cd",), "C-37", ("c/hwdu-tx", "d/hwdu-rx"), why="LOSS_TOO_HIGH: 25 dB")
BACK_TO_BACK = DirectLink(
    "a/hwdu-back-to-back-c37",
    "hwdu",
    (),
    "C-37",
    ("a/hwdu-tx", "a/hwdu-rx@a.2"),
    moved=("a/hwdu-rx@a.2",),
    established=True,
    seconds=0.5,
)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--direct-links",), "needs --check and --controlled"),
        (("--check", "--direct-links"), "needs --check and --controlled"),
        (("--controlled", "--direct-links"), "needs --check and --controlled"),
        (("--controlled", "--faults"), "--controlled goes with neither"),
        (("--controlled", "--check", "--hours", "1"), "--controlled goes with neither"),
    ],
)
def test_what_does_not_go_together_is_the_users_mistake(words: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(main, ["up", SQUARE, *words])
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize(
    ("ordered", "said"), [(Ordered(account=True), "not brought to rest"), (Ordered(direct_links=True), "a controller")]
)
def test_a_trial_says_so_too(ordered: Ordered, said: str) -> None:
    settings = TwinSettings(controlled=not ordered.direct_links)
    with pytest.raises(ValueError, match=said):
        asyncio.run(run_trial(load(SQUARE), {}, settings, ordered))


@pytest.mark.parametrize(
    ("direct", "holds"),
    [
        (DirectLinks([MADE, BACK_TO_BACK]), True),
        (DirectLinks([MADE, NOT_MADE]), False),
        (DirectLinks([MADE, replace(BACK_TO_BACK, established=False)]), False),
        (DirectLinks([MADE], troubles=["NODE_OFFLINE: node x does not answer"]), False),
        (None, False),
    ],
)
def test_a_trial_holds_only_with_every_direct_link(direct: DirectLinks | None, *, holds: bool) -> None:
    trial = whole(ordered=Ordered(direct_links=True))
    trial.ordered, trial.direct, trial.planned, trial.outcomes = Ordered(direct_links=True), direct, [], []
    assert trial.holds is holds


def test_json_counts_direct_links_and_says_why_others_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    result = _up(monkeypatch, "--json")
    said = json.loads(result.stdout)
    assert said["direct_links"] == 2
    made = [(one["link"], one["seconds"], one["moved"]) for one in said["direct"]]
    assert made == [(MADE.link, 1.25, []), (BACK_TO_BACK.link, 0.5, ["a/hwdu-rx@a.2"])]
    assert {one["link"]: one["why"] for one in said["direct_missing"]} == {NOT_MADE.link: NOT_MADE.why}
    assert result.exit_code == 1


def test_people_are_told_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    said = " ".join(_up(monkeypatch).stdout.split())
    assert "NOT ESTABLISHED cd/hwdu: LOSS_TOO_HIGH: 25 dB" in said
    assert "2 of 3 direct links established" in said


def _up(monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
    async def tried(*given: object) -> Trial:
        [ordered] = (one for one in given if isinstance(one, Ordered))
        [settings] = (one for one in given if isinstance(one, TwinSettings))
        assert (ordered.direct_links, settings.controlled) == (True, True)
        trial = whole(ordered=ordered)
        trial.planned, trial.outcomes = [], []
        trial.direct = DirectLinks([MADE, NOT_MADE, BACK_TO_BACK])
        return trial

    monkeypatch.setattr("harness.cli.network.run_trial", tried)
    return CliRunner().invoke(main, ["up", SQUARE, "--check", "--controlled", "--direct-links", *words])
