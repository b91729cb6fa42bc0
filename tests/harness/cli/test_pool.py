"""Cells and the local pool, on the bundled reference."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from harness.campaign.campaign import Options
from harness.campaign.cell import Cell, CellError, run_cell
from harness.campaign.plan import Allowance
from harness.campaign.pool import run_cells
from harness.campaign.run import Subject
from harness.cli.vendors import vendor_entry
from harness.hosting import LaunchSpec
from qkd.run.v1 import run_record_pb2 as pb

CELL = Cell(
    "reference",
    LaunchSpec(vendor_entry("reference").argv(), name="reference", env={"ACME_TOKEN": "hush"}),
    ("etsi014",),
    Subject(pb.Target(), allowance=Allowance(draining=True, disturbing=True)),
    Options(select=("014.status.*",), bindings=("https", "grpc")),
)


def mine() -> list[psutil.Process]:
    """What this process has started, but for Python's own resource tracker, which stays until the end."""
    return [one for one in psutil.Process().children(recursive=True) if "resource_tracker" not in _words(one)]


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def test_a_cell_is_values_alone_and_shows_no_secret() -> None:
    assert pickle.loads(pickle.dumps(CELL)) == CELL  # noqa: S301 - our own
    assert "hush" not in repr(CELL)


def test_a_cell_runs_by_itself() -> None:
    record = pb.RunRecord.FromString(run_cell(replace(CELL, shared=False)))
    assert record.summary.outcome == pb.OUTCOME_CONFORMANT, record.summary
    assert record.target.name
    assert record.target.hosting == "process"
    assert {case.binding for case in record.cases} == {"https", "grpc"}


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (replace(CELL, suites=("etsi041",)), "no suite named 'etsi041' is installed"),
        (replace(CELL, spec=LaunchSpec(("./nothing-there",))), "could not be started"),
        (replace(CELL, variant="no-such-variant"), "no variant is named 'no-such-variant'"),
    ],
)
def test_a_cell_that_cannot_run_says_why(cell: Cell, words: str) -> None:
    with pytest.raises(CellError, match=words):
        run_cell(cell)


def test_the_pool_runs_cells_and_says_what_went_wrong_with_each() -> None:
    cells = [
        CELL,
        replace(CELL, name="odd", variant="no-such-variant"),
        replace(CELL, name="again"),
        replace(CELL, name="none", suites=("etsi041",)),
    ]
    done = {one.cell.name: one for one in run_cells(cells, 2)}
    assert set(done) == {"reference", "odd", "again", "none"}
    for name in ("reference", "again"):
        record = done[name].record
        assert record is not None, done[name].trouble
        assert record.summary.outcome == pb.OUTCOME_CONFORMANT
    assert "no variant is named" in done["odd"].trouble
    assert "no suite named" in done["none"].trouble
    assert not psutil.wait_procs(mine(), timeout=10)[1]


def test_leaving_early_ends_everything() -> None:
    runs = run_cells([replace(CELL, name=str(number)) for number in range(20)], 2)
    next(runs)
    assert mine()
    runs.close()
    assert not psutil.wait_procs(mine(), timeout=10)[1]


def test_a_worker_that_dies_takes_nothing_with_it() -> None:
    runs = run_cells([replace(CELL, name=str(number)) for number in range(20)], 1)
    first = next(runs)
    assert first.record is not None
    [worker] = [one for one in mine() if "spawn_main" in _words(one)]
    worker.kill()
    rest = list(runs)
    assert any("a worker of the pool died" in one.trouble for one in rest)
    assert len(rest) == 19
    assert not psutil.wait_procs(mine(), timeout=10)[1]


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "many.py"
    script.write_text(
        textwrap.dedent("""\
        from dataclasses import replace
        from harness.campaign.pool import run_cells
        from tests.harness.cli.test_pool import CELL
        if __name__ == "__main__":
            for done in run_cells([replace(CELL, name=str(n)) for n in range(20)], 2):
                print(done.cell.name, done.trouble, flush=True)
        """)
    )
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "PYTHONPATH": root}
    process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline()
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert not psutil.wait_procs(children, timeout=10)[1]
