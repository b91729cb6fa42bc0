from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from harness.hosting import Bounds, LaunchSpec

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[2]
_BOUND_S = 10.0

Maker = Callable[..., LaunchSpec]
Eventually = Callable[[Callable[[], bool]], Awaitable[bool]]
Traces = Callable[[], list[psutil.Process]]
MARK = "QKD_TEST_MARK"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def bounds() -> Bounds:
    """Long enough for a busy machine; a test that waits in vain says its own."""
    return Bounds(registration_s=30.0, provision_s=20.0, call_s=10.0, shutdown_s=10.0, terminate_s=5.0, kill_s=10.0)


@pytest.fixture
def mark() -> str:
    """In the environment of everything that a test launches, so that nothing of it can hide."""
    return os.urandom(8).hex()


@pytest.fixture
def maker(mark: str) -> Maker:
    """How to launch ``makers.py`` in one of its modes."""

    def spec(mode: str, *arguments: str) -> LaunchSpec:
        path = os.pathsep.join([str(_ROOT), str(_ROOT / "protos")])
        return LaunchSpec(
            (sys.executable, str(_HERE / "makers.py"), mode, *arguments),
            name="maker",
            env={"PYTHONPATH": path, MARK: mark},
        )

    return spec


@pytest.fixture
def shell(mark: str) -> Callable[[str], LaunchSpec]:
    """How to launch a line of shell."""
    return lambda line: LaunchSpec(("sh", "-c", line), name="maker", env={MARK: mark})


@pytest.fixture
def traces(mark: str) -> Traces:
    """What is left of whatever this test launched."""
    return lambda: find_marked(mark)


def find_marked(mark: str) -> list[psutil.Process]:
    """Processes, zombies aside, that have `mark` in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue  # ended, or somebody else's
    return found


async def vanished(traces: Traces) -> list[psutil.Process]:
    """Waits, with a bound, until nothing is left; gives what is left after all."""
    await eventually(lambda: not traces())
    return traces()


async def eventually(holds: Callable[[], bool]) -> bool:
    """Waits, with a bound, until something outside this process holds; gives whether it does."""
    deadline = asyncio.get_running_loop().time() + _BOUND_S
    while not holds():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.02)  # what is awaited lies in other processes and rings no bell here
    return True


@pytest.fixture(name="eventually")
def _eventually() -> Eventually:
    return eventually


@pytest.fixture
async def nothing_left(traces: Traces) -> AsyncIterator[None]:
    """Fails the test when something that it launched outlives it."""
    yield
    assert not await vanished(traces)
