"""The way from a target to a verdict: raise, run, compare with the baseline, write reports, tell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.campaign.baseline import Baseline, apply_baseline, load_baseline
from harness.campaign.campaign import Options
from harness.campaign.cell import Cell, Raised, introduced, raised
from harness.campaign.events import Listener
from harness.campaign.plan import Allowance, case_id, matches
from harness.campaign.register import Profile
from harness.campaign.run import Subject, run_campaign
from harness.campaign.suite import Suite, SuiteUnreachable, find_suites
from harness.cli.ending import tell_ending
from harness.cli.exits import ExitCode, UserError, tell
from harness.cli.interrupts import Interrupts
from harness.cli.progress import Progress
from harness.cli.reports import write_reports
from harness.cli.troubles import exit_code
from harness.cli.vendors import launch_of
from harness.cli.writable import writable
from harness.document.problem import closest
from harness.hosting import HostingError
from harness.target import FileError, Target, load_target
from harness.target.attach import attached, described
from harness.testbed.reached import Reached
from harness.topology import ScenarioError, Topology
from harness.topology import load as load_topology
from qkd.run.v1 import run_record_pb2 as pb

# Recovery takes half a minute at most on a quiet machine; a crowded one is no fault of the network's.
_NETWORK_BOUND_S = 300.0
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Order:
    """What the user asked for; see ``qkd-harness certify --help``."""

    profile: str = "published"
    select: tuple[str, ...] = ()
    out: Path | None = None
    baseline: Path | None = None
    as_json: bool = False
    pytest_args: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Ready:
    """An implementation that is up, and what the record says of it."""

    reached: Reached
    subject: Subject


def certify_target(path: Path, order: Order) -> int:
    """Certify what a target file names; gives the exit code.

    Raises:
        UserError: the file cannot be used, or the implementation does not answer.
    """
    try:
        target = load_target(path)
        target.check_claims("etsi014", getattr(_suite("etsi014"), "claims", {}))
        baseline = load_baseline(order.baseline) if order.baseline else None
    except FileError as wrong:
        raise UserError(str(wrong)) from None
    for remark in target.remarks:
        tell(str(remark))
    replay = ["qkd-harness", "certify", str(path)]
    return _certify(target, order, baseline, replay, Path("out") / folder_name(target.name))


def certify_reference(order: Order, *, scenario: str | None = None) -> int:
    """Certify the bundled reference KMEs, then put a network on trial, for one report; gives the exit code.

    Args:
        order: what the user asked for.
        scenario: name or file of the network; None = no network.

    Raises:
        UserError: there is no such scenario, or the report cannot be written.
    """
    topology = None
    if scenario is not None:
        try:
            topology = load_topology(scenario)
        except (ScenarioError, FileError) as wrong:
            raise UserError(str(wrong)) from None
    return _certify(reference_target(), order, None, ["qkd-harness", "demo"], Path("out/demo"), network=topology)


def reference_target() -> Target:
    """The target that stands for the bundled reference KMEs, one process each."""
    from harness.target.model import Launch, TargetFile

    return Target(Path("reference"), "", TargetFile(launch=Launch(vendor="reference")))


def folder_name(name: str) -> str:
    """``name`` as a folder can be called."""
    return _UNFIT.sub("_", name).strip("._") or "iut"


def _certify(
    target: Target,
    order: Order,
    baseline: Baseline | None,
    replay: list[str],
    usual: Path,
    *,
    network: Topology | None = None,
) -> int:
    suites = [_suite("etsi014")]
    _check_patterns(suites, order.select)
    # running a few cases again must not replace the report of the whole campaign
    out = order.out or (usual / "selected" if order.select else usual)
    writable(out, "--out")
    if order.profile != Profile.PUBLISHED:
        replay += ["--profile", order.profile]
    subject = Subject(
        described(target),
        target.claims,
        Allowance(frozenset(), target.etsi014.key_budget, target.draining, target.disturbing),
        shlex.join(replay),
    )
    options = Options(Profile(order.profile), order.select, pytest_args=order.pytest_args)
    progress = Progress(quiet=bool(order.pytest_args))
    record: pb.RunRecord | None = None
    with Interrupts() as interrupts:
        try:
            with _ready(target, subject) as ready, progress, _stdout_kept_clean():
                record = _run(ready, suites, options, (progress,))
        except (HostingError, SuiteUnreachable) as wrong:
            if record is None:
                raise UserError(f"{target.name} cannot be tested: {wrong}") from None
            record.notes.append(f"at the end: {wrong}")
    if baseline is not None:
        apply_baseline(baseline, record, datetime.now(UTC).date())
    interrupted = interrupts.seen or not _network_joined(record, network)
    code = ExitCode.INTERRUPTED if interrupted else exit_code(record, with_baseline=baseline is not None)
    tell_ending(record, write_reports(record, out), code, as_json=order.as_json)
    return code


def _network_joined(record: pb.RunRecord, topology: Topology | None) -> bool:
    """Puts the network on trial, if there is to be one; False when the user ended it."""
    if topology is None:
        return True
    from harness.cli.network import join_network
    from harness.twin.averages import REPORTED
    from harness.twin.settings import TwinSettings
    from harness.twin.trial import Ordered

    took = f"the campaign took {record.summary.duration_s:.1f} s"
    tell(f"{took}; now {topology.title}: up and checked in a minute, then faults for two or three (Ctrl-C ends it) …")
    try:
        ordered = Ordered(faults=True, account=True, intervals=REPORTED, bound_s=_NETWORK_BOUND_S)
        join_network(record, topology, TwinSettings(), ordered)
    except KeyboardInterrupt:
        return False
    return True


def _run(ready: _Ready, suites: Sequence[Suite], options: Options, listeners: Sequence[Listener]) -> pb.RunRecord:
    options = replace(options, bindings=suites[0].bindings(ready.reached))
    return run_campaign(ready.subject, ready.reached, suites, options, listeners)


@contextmanager
def _ready(target: Target, subject: Subject) -> Iterator[_Ready]:
    launch = target.file.launch
    if launch is None:
        tell(f"asking {target.name} …")
        try:
            reached = attached(target)
        except OSError as wrong:  # a file that was there a moment ago
            raise UserError(f"{target.path}: {wrong}") from None
        yield _Ready(reached, subject)
        return
    spec = launch_of(launch, target.path.parent)
    tell(f"starting {spec.name} …")
    cell = Cell(
        target.name, spec, ("etsi014",), subject, variant=launch.variant, settings=launch.settings, shared=launch.shared
    )
    with raised(cell) as up:
        yield _Ready(up.reached, _introduced(target, subject, up, launch.variant))


def _introduced(target: Target, subject: Subject, up: Raised, variant: str) -> Subject:
    if target.file.iut is None:  # it says itself who it is
        subject.target.name = ""
    return introduced(subject, up, variant)


@contextmanager
def _stdout_kept_clean() -> Iterator[None]:
    """Stdout belongs to the result; what pytest or a case prints goes to stderr."""
    import sys

    with redirect_stdout(sys.stderr):
        yield


def _suite(name: str) -> Suite:
    suites = find_suites()
    if name not in suites:
        raise UserError(f"the suite {name!r} is not installed; installed: {', '.join(sorted(suites)) or 'none'}")
    return suites[name]


def _check_patterns(suites: Sequence[Suite], patterns: Sequence[str]) -> None:
    """A pattern that names nothing is a mistake: the run would be smaller than the user thinks."""
    if not patterns:
        return
    specs = [spec for suite in suites for spec in suite.specs()]
    names = {case_id(spec, binding) for spec in specs for binding in spec.bindings}
    names |= {requirement for spec in specs for requirement in spec.verifies}
    wrong = []
    for pattern in patterns:
        if not any(matches(pattern, spec, binding) for spec in specs for binding in spec.bindings):
            near = closest(pattern, names)
            wrong.append(f"--select {pattern}: no case or requirement" + (f"; did you mean {near}?" if near else ""))
    if wrong:
        raise UserError("\n".join([*wrong, "see: qkd-harness list tests"]))
