"""A campaign cell: one hosted implementation × some suites, described by values alone, run by one function.

Cells know nothing of each other, so that a loop, the local pool (`harness.campaign.pool`) and a distributed engine
run the same `run_cell`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import uvloop
from anyio.from_thread import start_blocking_portal
from google.protobuf.json_format import MessageToDict

from harness.campaign.campaign import Options
from harness.campaign.events import Listener
from harness.campaign.ics import IcsValue
from harness.campaign.run import Subject, run_campaign
from harness.campaign.suite import Suite, find_suites
from harness.hosting import HostingError, LaunchSpec, ProgramDigest
from harness.testbed.blocking import BlockingHost, blocking_host
from harness.testbed.pair import raise_pair
from qkd.run.v1 import run_record_pb2 as pb
from qkd.vendor.v1.vendor_pb2 import DescribeResponse

_BINDINGS = ("https", "grpc")


class CellError(Exception):
    """The implementation of a cell did not come up, or a suite of it is not installed; the text says why."""


@dataclass(frozen=True)
class Cell:
    """What to raise and what to run on it; picklable.

    Attributes:
        name: what to call it.
        spec: the process to launch.
        suites: names of suites, which share a bench.
        subject: what the record says of it, and what is allowed; what the implementation says of itself fills gaps.
        options: how the campaign is run; its bindings are cut down to those that are offered.
        variant: what to raise of the implementation; empty = the product itself.
        settings: in its own words.
        shared: whether one process holds all KMEs.
    """

    name: str
    spec: LaunchSpec
    suites: tuple[str, ...]
    subject: Subject
    options: Options = field(default_factory=lambda: Options(bindings=_BINDINGS))
    variant: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    shared: bool = True


@dataclass(frozen=True)
class Raised:
    """A cell's implementation that is up, what it said of itself, and what was run."""

    reached: Any
    description: DescribeResponse
    digests: tuple[ProgramDigest, ...]


@contextmanager
def raised(cell: Cell) -> Iterator[Raised]:
    """Launch the implementation of ``cell`` in processes of its own; end them afterwards.

    Raises:
        CellError: a suite is not installed.
        HostingError: it does not come up.
    """
    if cell.shared:
        with blocking_host(cell.spec) as one, raised_on(one, cell) as up:
            yield up
        return
    made = raise_pair(cell.spec, variant=cell.variant, settings=cell.settings, separate_processes=True)
    with (
        start_blocking_portal("asyncio", {"loop_factory": uvloop.new_event_loop}) as portal,
        portal.wrap_async_context_manager(made) as bed,
    ):
        host = next(iter(bed.hosts.values()))
        yield Raised(bed.reached, host.description, host.digests)


@contextmanager
def raised_on(host: BlockingHost, cell: Cell) -> Iterator[Raised]:
    """Raise ``cell`` on a process that is up already; its instances alone are ended afterwards.

    Raises:
        CellError: a suite is not installed.
        HostingError: it does not come up.
    """
    first = _suites(cell.suites)[0]  # the suites of a cell share their bench
    with first.bench(host, variant=cell.variant, settings=cell.settings) as reached:
        yield Raised(reached, host.host.description, host.digests)


def run_cell(cell: Cell) -> bytes:
    """Raise ``cell``, run it, end it; gives the run record, serialised.

    Raises:
        CellError: nothing could be run.
    """
    try:
        with raised(cell) as up:
            return run_raised(cell, up).SerializeToString()
    except HostingError as wrong:
        raise CellError(str(wrong)) from None


def run_raised(cell: Cell, up: Raised, listeners: Sequence[Listener] = ()) -> pb.RunRecord:
    """Run the suites of ``cell`` on what is up.

    Raises:
        CellError: a suite is not installed.
        SuiteUnreachable: the implementation does not answer well enough to start.
    """
    subject = introduced(cell.subject, up, cell.variant)
    suites = _suites(cell.suites)
    there = suites[0].bindings(up.reached)
    options = replace(cell.options, bindings=tuple(one for one in cell.options.bindings if one in there))
    return run_campaign(subject, up.reached, suites, options, listeners)


def introduced(subject: Subject, up: Raised, variant: str) -> Subject:
    """``subject`` with what the implementation said of itself where nothing was said before."""
    target = pb.Target()
    target.CopyFrom(subject.target)
    said = up.description
    target.name = target.name or said.name
    target.vendor = target.vendor or said.vendor
    target.version = target.version or said.version
    target.role = target.role or "kme"
    target.hosting = "process"
    target.variant = variant
    if up.digests:
        target.launch_digest = up.digests[0].sha256
    claims = {suite: dict(values) for suite, values in said_claims(said).items()}
    for suite, values in subject.claims.items():
        claims.setdefault(suite, {}).update(values)
    return replace(subject, target=target, claims=claims)


def said_claims(said: DescribeResponse) -> dict[str, dict[str, IcsValue]]:
    """The claims in a description, by suite; whole numbers as such, since a Struct knows only floating point."""
    claims: dict[str, dict[str, IcsValue]] = {}
    for suite, values in MessageToDict(said.ics).items():
        if isinstance(values, dict) and suite != SELFCHECK:
            told = {name: _value(value) for name, value in values.items()}
            claims[suite] = {name: value for name, value in told.items() if value is not None}
    return claims


SELFCHECK = "selfcheck"
"""Member of a description's ICS that is no suite: the catalogue of a collection of faulty implementations."""


def _value(value: Any) -> IcsValue | None:
    match value:
        case bool() | str():
            return value
        case float() if value.is_integer():
            return int(value)
        case list() if all(isinstance(entry, str) for entry in value):
            return tuple(value)
        case _:
            return None


def _suites(names: Sequence[str]) -> list[Suite]:
    installed = find_suites()
    missing = [name for name in names if name not in installed]
    if missing:
        raise CellError(f"no suite named {missing[0]!r} is installed; installed: {', '.join(sorted(installed))}")
    return [installed[name] for name in names]
