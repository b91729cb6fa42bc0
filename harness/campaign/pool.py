"""Many cells at the same time on this machine.

Every worker is a process of its own, started anew (spawn), that keeps each implementation it has launched for its
next cells. A worker that loses its parent ends by itself, and what a worker launched ends with it: nothing is left
behind, whoever is killed.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.util import Finalize

from harness.campaign.cell import Cell, CellError, raised_on, run_cell, run_raised
from harness.campaign.suite import SuiteUnreachable
from harness.hosting import HostingError, LaunchSpec
from harness.testbed.blocking import BlockingHost, blocking_host
from qkd.run.v1 import run_record_pb2 as pb


@dataclass(frozen=True)
class Done:
    """A cell that has run: its record, or the reason why there is none."""

    cell: Cell
    record: pb.RunRecord | None
    trouble: str = ""


def run_cells(cells: Sequence[Cell], jobs: int) -> Generator[Done, None, None]:
    """Run ``cells``, at most ``jobs`` at a time; gives each as it is done.

    Ending the iteration early (``close``, an exception, Ctrl-C) ends the workers and all that they launched.
    """
    context = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(max(1, min(jobs, len(cells))), context, initializer=_begin)
    finished = False
    try:
        futures = {executor.submit(run_pooled, cell): cell for cell in cells}
        for future in as_completed(futures):
            yield _done(futures[future], future)
        finished = True
    finally:
        if not finished:
            executor.shutdown(wait=False, cancel_futures=True)
            for worker in set(multiprocessing.active_children()) - before:
                worker.terminate()
        executor.shutdown(wait=True, cancel_futures=True)


def _done(cell: Cell, future: Future[bytes]) -> Done:
    try:
        record = pb.RunRecord.FromString(future.result())
    except (CellError, SuiteUnreachable) as wrong:
        return Done(cell, None, str(wrong))
    except BrokenProcessPool:
        return Done(cell, None, "a worker of the pool died")
    except Exception as wrong:  # noqa: BLE001 - whatever a cell raises is its result, and must not end the others
        return Done(cell, None, f"{type(wrong).__name__}: {wrong}")
    return Done(cell, record)


class _Kept:
    """The implementations that this worker has launched."""

    def __init__(self) -> None:
        self._hosts: dict[str, tuple[BlockingHost, ExitStack]] = {}

    def host(self, spec: LaunchSpec) -> tuple[BlockingHost, bool]:
        """The process of ``spec``, and whether it was started just now."""
        found = self._hosts.get(_identity(spec))
        if found is not None:
            return found[0], False
        stack = ExitStack()
        host = stack.enter_context(blocking_host(spec))
        self._hosts[_identity(spec)] = (host, stack)
        return host, True

    def drop(self, spec: LaunchSpec) -> None:
        """End the process of ``spec``."""
        found = self._hosts.pop(_identity(spec), None)
        if found is not None:
            found[1].close()

    def close(self) -> None:
        """End all of them."""
        while self._hosts:
            _, (_, stack) = self._hosts.popitem()
            stack.close()


def _identity(spec: LaunchSpec) -> str:
    return repr((spec.command, spec.cwd, sorted(spec.env.items()), spec.folder))


_kept = _Kept()


def run_pooled(cell: Cell) -> bytes:
    """`run_cell` on a process that this worker keeps for its next cells; one process a KME is started anew.

    Raises:
        CellError: nothing could be run.
        SuiteUnreachable: the implementation does not answer well enough to start.
    """
    if not cell.shared:
        return run_cell(cell)
    while True:
        try:
            host, new = _kept.host(cell.spec)
        except HostingError as wrong:
            raise CellError(str(wrong)) from None
        try:
            with raised_on(host, cell) as up:
                return run_raised(cell, up).SerializeToString()
        except HostingError as wrong:
            # An earlier cell may have broken the process: a fresh one decides.
            _kept.drop(cell.spec)
            if new:
                raise CellError(str(wrong)) from None


def _begin() -> None:
    # Ctrl-C reaches the whole group of processes; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)  # stdout belongs to the parent's result
    # how testbeds end is an error to gRPC, and it would tell with a traceback
    logging.getLogger("grpc").setLevel(logging.CRITICAL)
    Finalize(None, _kept.close, exitpriority=100)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
