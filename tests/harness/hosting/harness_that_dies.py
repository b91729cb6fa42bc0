"""A harness that launches a maker and then waits for its own end; launched by test_orphans.py.

usage: harness_that_dies.py [--blocking] MODE... ; writes "up PID" to stdout once the maker is up.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from harness.hosting import LaunchSpec, launch
from harness.testbed.blocking import blocking_host


async def main(*modes: str) -> None:
    makers = str(Path(__file__).with_name("makers.py"))
    spec = LaunchSpec((sys.executable, makers, *modes), name="maker", env={"PYTHONPATH": os.environ["PYTHONPATH"]})
    async with launch(spec) as host:
        sys.stdout.write(f"up {host.pid}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main_blocking(*modes: str) -> None:
    """The same for synchronous code, where the event loop is in another thread than Ctrl-C."""
    makers = str(Path(__file__).with_name("makers.py"))
    spec = LaunchSpec((sys.executable, makers, *modes), name="maker", env={"PYTHONPATH": os.environ["PYTHONPATH"]})
    with blocking_host(spec) as host:
        sys.stdout.write(f"up {host.host.pid}\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    # Whoever runs the tests in the background may have had Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.argv[1] == "--blocking":
        main_blocking(*sys.argv[2:])
    else:
        asyncio.run(main(*sys.argv[1:]))
