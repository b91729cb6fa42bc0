"""The sessions of docs/speak-015.md are held with an agent, and say what the page shows."""

from __future__ import annotations

import asyncio
import doctest
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vendors.reference.agent.netconf.rig import KEY, netconf_bench, port_of
from tests.vendors.reference.agent.standin import AUTHORITY, CONTROLLER

PAGE = Path(__file__).parents[5] / "docs" / "speak-015.md"
_FENCE = re.compile(r"^```(\S+)(?: file=(\S+))?\n(.*?)^```", re.DOTALL | re.MULTILINE)
_TOOLS = {"curl", "ssh", "sed"}


def sessions(text: str) -> Iterator[tuple[str, str]]:
    """Commands with what they print."""
    for language, _, body in _FENCE.findall(text):
        if language == "sh":
            for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                command, _, shown = part.partition("\n")
                yield command, shown


def run(command: str, folder: Path) -> str:
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = shutil.which("sh") or ""
    done = subprocess.run(
        [shell, "-c", command], cwd=folder, env={**os.environ, "PATH": tools}, capture_output=True, text=True,
        check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.anyio
async def test_the_sessions_of_the_page(tmp_path: Path) -> None:
    if missing := [tool for tool in sorted(_TOOLS) if shutil.which(tool) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    folder, state = tmp_path / "work", tmp_path / "state"
    folder.mkdir()
    state.mkdir()
    (folder / "ca.pem").write_bytes(AUTHORITY.certificate_pem)
    (folder / "controller.pem").write_bytes(CONTROLLER.certificate_pem)
    (folder / "controller.key").write_bytes(CONTROLLER.private_key_pem)
    KEY.write_private_key(folder / "operator")
    (folder / "operator").chmod(0o600)
    async with netconf_bench(state) as b:
        port = str(port_of(b))
        text = PAGE.read_text(encoding="utf-8").replace("8830", port).replace("8443", str(b.port))
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {b.endpoints.netconf_host_key}\n")
        for _, name, body in _FENCE.findall(text):
            if name:
                (folder / name).write_text(body, encoding="utf-8")
        held = list(sessions(text))
        assert len(held) == 7
        checker, how = doctest.OutputChecker(), doctest.ELLIPSIS
        for command, shown in held:
            printed = await asyncio.to_thread(run, command, folder)
            told = printed if printed.endswith("\n") or not printed else f"{printed}\n"
            assert checker.check_output(shown, told, how), f"{command}\n{told}"
