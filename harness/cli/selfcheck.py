"""``qkd-harness selfcheck``: can the harness be trusted: does it catch faults, does it blame what is correct."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.campaign.cell import Cell
    from harness.campaign.pool import Done
    from harness.campaign.suite import Suite
    from harness.cli.catalogue import Specimen
    from harness.cli.judging import Judgement, Score
    from harness.hosting import LaunchSpec
    from qkd.vendor.v1.vendor_pb2 import DescribeResponse

    Runner = Callable[[Sequence[Cell], int], Iterator[Done]]


_LAUNCHED = 4  # implementations that are asked at the same time what they are
_EVERY = 10  # implementations between two lines of progress


@click.command()
@click.option("--suite", "suite_name", metavar="NAME", help="Only this suite.")
@click.option(
    "--only", multiple=True, metavar="NAME", help="Only these faults and variants (globs). May be given again."
)
@click.option("--jobs", type=click.IntRange(min=1), help="Campaigns at the same time.  [default: one a core]")
@click.option(
    "--all-cases/--own-cases",
    help="Run every case on a fault, to see what else it breaks, or only those of the requirements that have to "
    "catch it (default). Correct implementations always meet every case.",
)
@click.option(
    "--vendor-command",
    "commands",
    multiple=True,
    metavar="COMMAND",
    help="Instead of what is installed, a collection of your own: python my_faulty.py. May be given again.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout; everything else on stderr.")
def selfcheck(
    *,
    suite_name: str | None,
    only: tuple[str, ...],
    jobs: int | None,
    all_cases: bool,
    commands: tuple[str, ...],
    as_json: bool,
) -> int:
    """Run each suite on faulty implementations, which it must catch, and on correct ones, which it must not blame.

    A fault counts as caught only when a requirement that its collection names is found broken. A correct variant
    counts as blamed when its verdict is anything but conformant: a failure, inconclusive, an error, not reached.

    What is run: every installed implementation that plays the suite's role (DescribeResponse.roles): those with a
    catalogue (ics.selfcheck) by what stands there, the others as one correct implementation. Exit code 1 when a fault
    was missed or a correct variant blamed, 3 when the harness itself failed on one of them.
    """
    from harness.campaign.pool import run_cells
    from harness.cli.console import print_json
    from harness.cli.exits import ExitCode
    from harness.cli.suites import suites_named

    scores: dict[str, Score] = {}
    for name, suite in suites_named(suite_name).items():
        specimens = _chosen(gather(suite, commands), only)
        scores[name] = check(
            suite, specimens, jobs or os.cpu_count() or 1, run_cells, all_cases=all_cases, as_json=as_json
        )
    if as_json:
        print_json({name: score.document() for name, score in scores.items()})
    if any(score.missed or score.blamed for score in scores.values()):
        return ExitCode.NONCONFORMITY
    return ExitCode.HARNESS if any(score.spoilt for score in scores.values()) else ExitCode.CONFORMANT


def gather(suite: Suite, commands: Sequence[str] = ()) -> list[Specimen]:
    """Everything there is to run ``suite`` on.

    Raises:
        UserError: a collection cannot be started, or what it says of itself does not fit.
    """
    from concurrent.futures import ThreadPoolExecutor

    from harness.cli.catalogue import specimens_of, unique

    found: list[Specimen] = []
    requirements = list(suite.register())
    specs = _commanded(commands) if commands else _installed()
    with ThreadPoolExecutor(max_workers=_LAUNCHED) as launches:
        described = list(launches.map(_described, specs))
    for spec, said in zip(specs, described, strict=True):
        if commands or set(suite.role.split("+")) <= set(said.roles):
            found += specimens_of(spec, said, suite.name, requirements)
    return unique(found)


def _described(spec: LaunchSpec) -> DescribeResponse:
    """What an implementation says of itself; raises `UserError` when it cannot be started."""
    from harness.cli.exits import UserError
    from harness.hosting import HostingError
    from harness.testbed.blocking import blocking_host

    try:
        with blocking_host(spec) as host:
            return host.host.description
    except HostingError as wrong:
        raise UserError(f"{spec.name} cannot be checked: {wrong}") from None


def _installed() -> list[LaunchSpec]:
    """Whatever is installed; only those whose role is the suite's are used."""
    from harness.cli.vendors import vendor_entry, vendor_names
    from harness.hosting import LaunchSpec

    return [LaunchSpec(vendor_entry(name).argv(), name=name) for name in vendor_names()]


def _commanded(commands: Sequence[str]) -> list[LaunchSpec]:
    import shlex
    import sys

    from harness.cli.exits import UserError
    from harness.hosting import LaunchSpec

    made = []
    for command in commands:
        words = [word.replace("{python}", sys.executable) for word in shlex.split(command)]
        if not words:
            raise UserError("--vendor-command is empty")
        made.append(LaunchSpec(tuple(words), name=command, cwd=Path.cwd()))
    return made


def _chosen(specimens: list[Specimen], only: Sequence[str]) -> list[Specimen]:
    from fnmatch import fnmatchcase

    from harness.cli.exits import UserError
    from harness.document.problem import closest

    names = [specimen.name for specimen in specimens]
    for pattern in only:
        if not any(fnmatchcase(name, pattern) for name in names):
            near = closest(pattern, names)
            meant = f"; did you mean {near!r}?" if near else ""
            raise UserError(f"--only {pattern}: no fault and no variant bears this name{meant}")
    return [one for one in specimens if not only or any(fnmatchcase(one.name, pattern) for pattern in only)]


def check(
    suite: Suite, specimens: Sequence[Specimen], jobs: int, run: Runner, *, all_cases: bool, as_json: bool
) -> Score:
    """Run ``suite`` on ``specimens`` and tell each as it is done."""
    from harness.cli.console import err, out, plain
    from harness.cli.exits import tell
    from harness.cli.judging import Score, judge

    console = err() if as_json else out()
    by_name = {specimen.name: specimen for specimen in specimens}
    # correct ones first: they meet every case, and a long run at the end would leave other workers idle
    ordered = sorted(specimens, key=lambda specimen: specimen.faulty)
    cells = [_cell(suite.name, specimen, all_cases=all_cases) for specimen in ordered]
    score = Score()
    began = time.monotonic()
    tell(f"{suite.name}: {len(cells)} implementations, {min(jobs, len(cells))} at a time …")
    for done in run(cells, jobs):
        judgement = judge(by_name[done.cell.name], done)
        score.judgements.append(judgement)
        for line in _lines(judgement):
            console.print(plain(line), style=None if judgement.good else "bold red")
        if len(score.judgements) % _EVERY == 0:
            tell(f"{len(score.judgements)} of {len(cells)} done, {time.monotonic() - began:.0f} s")
    score.seconds = time.monotonic() - began
    faults, variants = score.of(faulty=True), score.of(faulty=False)
    caught = len(faults) - len(score.missed)
    rate = f" ({100 * caught / len(faults):.0f} %)" if faults else ""
    line = (
        f"{suite.name}: {caught} of {len(faults)} faults caught{rate}, {len(score.blamed)} of {len(variants)} correct"
    )
    console.print(plain(f"{line} implementations blamed, {score.seconds:.1f} s"))
    for what, names in (("missed", score.missed), ("blamed", score.blamed), ("spoilt by the harness", score.spoilt)):
        if names:
            console.print(plain(f"{what}: {', '.join(names)}"), style="bold red")
    return score


def _cell(suite: str, specimen: Specimen, *, all_cases: bool) -> Cell:
    from harness.campaign.campaign import Options
    from harness.campaign.cell import Cell
    from harness.campaign.plan import Allowance
    from harness.campaign.run import Subject
    from qkd.run.v1 import run_record_pb2 as pb

    allowance = Allowance(draining=True, disturbing=True)
    select = specimen.caught_by if specimen.faulty and not all_cases else ()
    options = Options(select=select, bindings=("https", "grpc"))
    return Cell(
        specimen.name, specimen.spec, (suite,), Subject(pb.Target(), allowance=allowance), options, specimen.variant
    )


def _lines(judgement: Judgement) -> Iterator[str]:
    name = judgement.specimen.name
    if judgement.specimen.faulty:
        word = "caught" if judgement.good else "MISSED"
        reason = ", ".join(judgement.specimen.caught_by) or "any requirement"
        first = judgement.by[0] if judgement.by else None
        told = f"{first.requirement} by {first.case}: {first.got}" if first else f"not by {reason}"
        more = f" (+{len(judgement.by) - 1})" if len(judgement.by) > 1 else ""
        also = f"; also broke {', '.join(judgement.also)}" if judgement.also else ""
        yield f"{word:<8}{name}  {told}{more}{also}"
    else:
        word = "correct" if judgement.good else "BLAMED"
        warned = f"  warnings: {', '.join(judgement.warnings)}" if judgement.warnings else ""
        yield f"{word:<8}{name}  {judgement.specimen.about}{warned}"
        for catch in judgement.by:
            yield f"        {catch.requirement} by {catch.case}: {catch.got}"
    for text in judgement.undecided:
        yield f"        undecided: {text}"
    for text in judgement.errors:
        yield f"        harness error: {text}"
    if judgement.trouble:
        yield f"        did not run: {judgement.trouble}"
