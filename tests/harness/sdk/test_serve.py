"""The life of a process that uses the SDK, seen from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from harness.sdk.life import Launch

_ROOT = Path(__file__).parents[3]
_MAIN = "from harness.sdk import Vendor, serve\nclass V(Vendor): name, vendor, version = 'v', 'v', '1'\nserve(V())\n"
TOKEN = "t0ken-of-this-launch"


def run(environment: dict[str, str], *, before: str = "") -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QKD_HARNESS_")}
    path = os.pathsep.join([str(_ROOT), str(_ROOT / "protos")])
    return subprocess.run(
        [sys.executable, "-c", f"{before}\n{_MAIN}"],
        env={**inherited, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_started_by_hand_it_says_who_starts_it() -> None:
    ended = run({"QKD_HARNESS_STATE": "x"})
    assert ended.returncode == 2
    assert "is launched by qkd-harness, which sets QKD_HARNESS_ADDRESS, QKD_HARNESS_TOKEN" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_nobody_at_the_address_ends_it_with_a_reason_and_without_the_token(tmp_path: Path) -> None:
    environment = {"QKD_HARNESS_ADDRESS": "127.0.0.1:1", "QKD_HARNESS_TOKEN": TOKEN, "QKD_HARNESS_STATE": str(tmp_path)}
    ended = run(environment, before="import harness.sdk.life as life; life.REGISTRATION_S = 0.5")
    assert ended.returncode == 3
    assert "the harness did not take the registration" in ended.stderr
    assert TOKEN not in ended.stderr + ended.stdout


def test_the_token_leaves_the_environment_and_shows_in_no_repr() -> None:
    environment = {"QKD_HARNESS_ADDRESS": "a", "QKD_HARNESS_TOKEN": TOKEN, "QKD_HARNESS_STATE": "s"}
    launch = Launch.take(environment)
    assert "QKD_HARNESS_TOKEN" not in environment
    assert launch.token == TOKEN
    assert TOKEN not in repr(launch)
