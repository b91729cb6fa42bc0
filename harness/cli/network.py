"""A network on trial, from the command line: raised, told about, and put into a run record."""

from __future__ import annotations

import asyncio
import platform
import shlex
import signal
import uuid
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import uvloop

from harness.campaign.recorder import summarise
from harness.cli.console import err, plain
from harness.cli.exits import harness_fault, tell
from harness.cli.reports import write_reports
from harness.cli.vendors import vendor_entry
from harness.hosting import HostingError, LaunchSpec
from harness.record import SCHEMA
from harness.record.network import headline
from harness.record.views import NETWORK
from harness.topology import Topology
from harness.twin.hosts import FORWARDING, KMS, control_of, makers_of
from harness.twin.recorded import cases_of, network_of, not_raised
from harness.twin.settings import TwinSettings
from harness.twin.trial import Ordered, Trial, run_trial
from qkd.run.v1 import run_record_pb2 as pb

_T = TypeVar("_T")
_LIBRARIES = ("cryptography", "grpcio", "numpy", "protobuf")


def specs(topology: Topology, *, controlled: bool = False) -> dict[str, LaunchSpec]:
    """How to launch everything, with what controls it: makers are named as installed implementations are."""
    names = (KMS, FORWARDING, *makers_of(topology), *(control_of(topology) if controlled else ()))
    return {name: LaunchSpec(vendor_entry(name).argv(), name=name) for name in names}


def run(main: Callable[[], Coroutine[object, object, _T]]) -> _T:
    """Runs it; Ctrl-C and SIGTERM end it in good order, then raise KeyboardInterrupt."""

    async def ended_by_signal() -> _T:
        work = asyncio.ensure_future(main())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
        return await work

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(ended_by_signal())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


def tried(topology: Topology, settings: TwinSettings, ordered: Ordered) -> Trial:
    """A whole trial; see `run_trial`. Tells on stderr how far it is.

    Raises:
        HostingError, ValueError: see `run_trial`.
        KeyboardInterrupt: ended by the user; everything is taken down by then.
    """
    launch = specs(topology, controlled=settings.controlled)
    return run(lambda: run_trial(topology, launch, settings, ordered, _say))


def join_network(record: pb.RunRecord, topology: Topology, settings: TwinSettings, ordered: Ordered) -> None:
    """Puts a network on trial and adds what came of it to the record of a campaign, whose time stays its own.

    A network that does not come up is our own failure, and the record says so: the campaign's results stay.

    Raises:
        KeyboardInterrupt: ended by the user; the record says so.
    """
    try:
        trial = tried(topology, settings, ordered)
    except KeyboardInterrupt:
        _add_missing(record, topology, "interrupted", interrupted=True)
        raise
    except (HostingError, ValueError) as wrong:
        _add_missing(record, topology, str(wrong))
        return
    except Exception as wrong:  # noqa: BLE001 - the record of the campaign must not be lost to it
        _add_missing(record, topology, harness_fault(wrong))
        return
    record.network.CopyFrom(network_of(trial))
    again = ["qkd-harness", "up", topology.name, "--faults" if ordered.faults else "--check"]
    _add(record, cases_of(trial, shlex.join(again)))
    tell(headline(record))


def _add_missing(record: pb.RunRecord, topology: Topology, reason: str, *, interrupted: bool = False) -> None:
    tell(f"{topology.name} was not put on trial: {reason}")
    record.network.scenario, record.network.title = topology.name, topology.title
    _add(record, [not_raised(topology, reason.splitlines()[0], interrupted=interrupted)])


def report(trial: Trial, replay: str, out: Path) -> None:
    """Writes all reports of a trial into a folder that exists, and says on stderr where they are."""
    record = record_of(trial, replay)
    written = write_reports(record, out)
    if best := written.reports.get("html") or next(iter(written.reports.values()), None):
        tell(f"report: {best}")


def record_of(trial: Trial, replay: str) -> pb.RunRecord:
    """The run record of a trial without a campaign."""
    topology = trial.layout.topology
    record = pb.RunRecord(schema=SCHEMA, run_id=str(uuid.uuid4()), replay=replay)
    record.started.FromDatetime(trial.started)
    record.finished.FromDatetime(datetime.now(UTC))
    record.harness.version = version("qkd-harness")
    record.harness.python = platform.python_version()
    record.harness.platform = platform.platform()
    for name in _LIBRARIES:
        record.harness.libraries[name] = version(name)
    record.target.name, record.target.role, record.target.hosting = topology.name, "network", "process"
    record.summary.duration_s = trial.took_s
    record.network.CopyFrom(network_of(trial))
    _add(record, cases_of(trial, replay))
    return record


def _add(record: pb.RunRecord, cases: list[pb.Case]) -> None:
    trouble = record.summary.outcome == pb.OUTCOME_HARNESS_ERROR and not record.summary.errors
    record.suites.append(NETWORK)
    record.cases.extend(cases)
    summarise(record, trouble=trouble)


def _say(text: str) -> None:
    err().print(plain(text))
