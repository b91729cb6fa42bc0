"""``qkd-harness list scenarios``: a table, JSON, maps, and what is wrong with a file of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from harness.cli.main import main

from .conftest import GOOD


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def listed(*words: str) -> Result:
    return CliRunner().invoke(main, ["list", "scenarios", *words])


def test_the_list_shows_every_scenario_with_its_size() -> None:
    result = listed()
    assert result.exit_code == 0, result.output
    [madqci] = [line for line in result.stdout.splitlines() if line.startswith("madqci ")]
    for words in ("9 sites", "2 domains, 9 links", "28 modules, 14 active systems", "Toshiba, AIT, Quside"):
        assert words in madqci
    rows = json.loads(listed("--json").stdout)
    assert {row["name"] for row in rows} == {line.split()[0] for line in result.stdout.splitlines()}
    assert next(row for row in rows if row["name"] == "madqci")["idle_systems"] == 25


def test_maps_are_drawn_into_a_folder() -> None:
    result = listed("madqci", "euroqci-synthetic:4,2", "--maps", "maps", "--json")
    assert result.exit_code == 0, result.output
    paths = [Path(row["map"]) for row in json.loads(result.stdout)]
    assert paths == [Path("maps/madqci.svg"), Path("maps/euroqci-synthetic-4-2.svg")]
    for path in paths:
        ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - our own


def test_a_file_of_ones_own_is_checked_and_all_that_is_wrong_is_told() -> None:
    Path("mine.toml").write_text(GOOD)
    assert listed("mine.toml").exit_code == 0
    Path("mine.toml").write_text(GOOD.replace('path = ["ab"]', 'path = ["abb"]'))
    result = listed("mine.toml", "madqic")
    assert result.exit_code == 2
    assert "mine.toml:30:29: no link 'abb'; did you mean 'ab'?" in result.stderr
    assert "did you mean 'madqci'?" in result.stderr


def test_a_folder_that_cannot_be_written_is_told() -> None:
    Path("taken").write_text("")
    result = listed("mdi-madrid", "--maps", "taken/maps")
    assert result.exit_code == 2
    assert "taken/maps/mdi-madrid.svg: cannot be written" in result.stderr
