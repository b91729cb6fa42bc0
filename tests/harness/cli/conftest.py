"""A runner of commands, a target file with certificates, and a fake suite in place of the installed ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli.main import main
from harness.pki import Authority, write

from .fakes import FakeSuite

TARGET = """\
[iut]
name = "acme-kme"
vendor = "ACME"

[ixit.etsi014]
trust = "ca.pem"
kme = [ { id = "kme-a", url = "https://127.0.0.1:8443" }, { id = "kme-b", url = "https://127.0.0.1:9443" } ]
sae = [ { id = "sae-1", kme = "kme-a", certificate = "sae-1.pem", key = "sae-1.key" },
        { id = "sae-2", kme = "kme-b", certificate = "sae-2.pem", key = "sae-2.key" } ]
"""

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``qkd-harness`` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def command(*words: str | Path) -> Result:
        return CliRunner().invoke(main, [str(word) for word in words])

    return command


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A target file that can be used, of a system that is not there."""
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.certificate_pem)
    for name in ("sae-1", "sae-2"):
        write(authority.issue_sae(name), tmp_path, name)
    path = tmp_path / "acme.toml"
    path.write_text(TARGET)
    return path


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeSuite], FakeSuite]:
    """Puts a suite in the place of those that are installed."""

    def put(suite: FakeSuite) -> FakeSuite:
        for module in ("harness.cli.conduct", "harness.cli.suites", "harness.campaign.cell"):
            monkeypatch.setattr(f"{module}.find_suites", lambda: {suite.name: suite})
        return suite

    return put


def said(result: Result, words: Sequence[str]) -> None:
    """Insist that all of ``words`` were told, wherever."""
    missing = [word for word in words if word not in result.output]
    assert not missing, result.output
