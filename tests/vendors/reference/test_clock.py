"""A clock that is off, as much as a file says at the time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from vendors.reference.clock import Clock


def test_the_wall_jumps_when_the_file_says_so_and_patience_does_not(tmp_path: Path) -> None:
    file = tmp_path / "offset"
    clock = Clock.off_by(str(file))
    assert clock.wall() == pytest.approx(time.time(), abs=60)
    file.write_text("7200.0")
    assert clock.wall() == pytest.approx(time.time() + 7200, abs=60)
    file.write_text("not a number")
    assert clock.wall() == pytest.approx(time.time(), abs=60)
    assert clock.steady is time.monotonic
    assert Clock.off_by("") == Clock()
