"""The harness itself dies: nothing of what it hosted survives it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

_HERE = Path(__file__).parent
_BOUND_S = 30.0
Traces = Callable[[], list[psutil.Process]]
Eventually = Callable[[Callable[[], bool]], Awaitable[bool]]


@asynccontextmanager
async def harness(mark: str, *modes: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A harness in a process of its own, once its maker is up."""
    path = os.pathsep.join([str(_HERE.parents[2]), str(_HERE.parents[2] / "protos")])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(_HERE / "harness_that_dies.py"),
        *modes,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, "QKD_TEST_MARK": mark, **environment},
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(_BOUND_S):
            assert (await process.stdout.readline()).startswith(b"up ")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("modes", [("forks",), ("--blocking", "forks")])
async def test_kill_9_of_the_harness_leaves_no_process(
    mark: str, traces: Traces, eventually: Eventually, modes: tuple[str, ...]
) -> None:
    async with harness(mark, *modes) as process:
        assert len(traces()) >= 7  # the harness, its shim, the maker, four stubborn grandchildren
        process.send_signal(signal.SIGKILL)
        assert await eventually(lambda: not traces())


async def test_kill_9_of_the_harness_leaves_no_files(mark: str, tmp_path: Path, eventually: Eventually) -> None:
    async with harness(mark, "good", TMPDIR=str(tmp_path)) as process:
        assert _count(tmp_path) == 1
        process.send_signal(signal.SIGKILL)
        assert await eventually(lambda: _count(tmp_path) == 0)


def _count(folder: Path) -> int:
    return len(list(folder.iterdir()))


async def test_kill_9_of_the_harness_ends_a_maker_that_never_ends(
    mark: str, traces: Traces, eventually: Eventually
) -> None:
    async with harness(mark, "never-ends") as process:
        process.send_signal(signal.SIGKILL)
        assert await eventually(lambda: not traces())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_and_sigterm_leave_no_process(
    mark: str, traces: Traces, eventually: Eventually, number: signal.Signals
) -> None:
    async with harness(mark, "forks") as process:
        process.send_signal(number)
        assert await eventually(lambda: not traces())


@pytest.mark.parametrize("modes", [("good",), ("--blocking", "good")])
async def test_ctrl_c_lets_the_maker_end_by_itself(mark: str, modes: tuple[str, ...]) -> None:
    async with harness(mark, *modes) as process:
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(_BOUND_S):
            _, stderr = await process.communicate()
    assert b"KeyboardInterrupt" in stderr
    assert b"was asked to end" not in stderr
