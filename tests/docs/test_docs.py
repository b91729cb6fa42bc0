"""Every command in the documentation is run, on files that the documentation itself shows."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.hosting import LaunchSpec
from harness.testbed.blocking import blocking_bed
from harness.testbed.reached import Reached

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
_FENCE = re.compile(r"^( *)```(\S+)(?: file=(\S+))?\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")


def _blocks(page: Path) -> Iterator[tuple[str, str | None, str]]:
    for indent, language, name, body in _FENCE.findall(page.read_text(encoding="utf-8")):
        yield language, name or None, "\n".join(line.removeprefix(indent) for line in body.splitlines())


def _commands(page: Path) -> list[str]:
    return [
        line.removeprefix("$ ")
        for language, _, body in _blocks(page)
        if language == "console"
        for line in body.splitlines()
        if line.startswith("$ ")
    ]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with certificates as the pages assume them, and two KMEs that are up."""
    folder = tmp_path_factory.mktemp("docs")
    spec = LaunchSpec(("{python}", "-m", "vendors.reference"), name="reference")
    with blocking_bed(spec) as bed:
        target = bed.reached.write_target(folder)
        for page in DOCS:
            for language, name, body in _blocks(page):
                if name is not None and language == "toml":
                    (folder / name).write_text(_at(body, bed.reached) + "\n", encoding="utf-8")
        run = _run(f"qkd-harness certify {target.name} --out .", folder)
        assert run.returncode == 0, run.stdout + run.stderr
        yield folder


def _at(body: str, reached: Reached) -> str:
    """A target file as a page shows it, with the addresses of the KMEs that are up."""
    for kme in reached.kmes:
        body = re.sub(rf'(id = "{kme.id}", url = )"[^"]+"', rf'\1"{kme.url}"', body)
    return body


def _run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(command)
    assert program == "qkd-harness"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [str(Path(sys.executable).with_name("qkd-harness")), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("page", "command"),
    [pytest.param(page, command, id=f"{page.stem}: {command}") for page in DOCS for command in _commands(page)],
)
def test_a_documented_command_does_what_the_page_says(workplace: Path, page: Path, command: str) -> None:
    run = _run(command, workplace)
    assert run.returncode == 0, f"{page.name}: {command}\n{run.stdout}\n{run.stderr}"


def test_a_documented_baseline_that_is_not_needed_is_told(workplace: Path) -> None:
    run = _run("qkd-harness certify acme.toml --baseline known.toml --json --select '014.fetch.*'", workplace)
    assert run.returncode == 1, run.stderr
    assert "014.fetch.once" in str(json.loads(run.stdout)["baseline"])


@pytest.mark.parametrize("page", [*DOCS, ROOT / "README.md"], ids=lambda page: page.name)
def test_what_a_page_shows_and_points_to_exists(page: Path) -> None:
    for language, _, body in _blocks(page):
        if language == "toml":
            tomllib.loads(body)
        if language == "python":
            compile(body, page.name, "exec")
    missing = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert not missing
