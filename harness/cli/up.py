"""``qkd-harness up``: a whole network, raised from its topology."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.topology import Topology
    from harness.twin.check import Wanted
    from harness.twin.settings import TwinSettings
    from harness.twin.trial import Ordered

# How long systems that share modules run before others do.
_TURN_S = 20.0
_CONTROL = (("controlled", "--controlled"), ("direct_links", "--direct-links"))


@click.command()
@click.argument("scenario")
@click.option("--check", is_flag=True, help="Let every two sites exchange keys, say what came of it, and stop.")
@click.option("--keys", type=click.IntRange(1), default=1, show_default=True, help="With --check: for each pair.")
@click.option("--keys-in-all", type=click.IntRange(1), help="With --check: for all pairs, as far as their links give.")
@click.option(
    "--hours",
    type=click.FloatRange(0, min_open=True),
    help="With --check: let so much of the network's time pass, then account for every bit.",
)
@click.option(
    "--faults", is_flag=True, help="Cut, crash and tamper, one after the other, say what came of it, and stop."
)
@click.option("--controlled", is_flag=True, help="Have SDN agents and a controller make all links.")
@click.option(
    "--direct-links",
    is_flag=True,
    help="With --check and --controlled: then make every link that the switches allow, once.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0.1, 1000),
    default=10.0,
    show_default=True,
    help="Seconds of the network's time in a second.",
)
@click.option("--wait", type=click.FloatRange(1), default=120.0, show_default=True, help="Most seconds of waiting.")
@click.option(
    "--sites-per-process",
    type=click.IntRange(1),
    help="How many KMEs, or forwarding modules, share a process.  [default: 3; more in large networks]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Without --check: where certificates and addresses are written.  [default: out/up]",
)
@click.option(
    "--report",
    "report_to",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="With --check or --faults: write report.html, junit.xml and run.json there, with the account of every link.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="With --check or --faults: one JSON object on stdout, the rest on stderr."
)
def up(
    *,
    scenario: str,
    check: bool,
    keys: int,
    keys_in_all: int | None,
    hours: float | None,
    faults: bool,
    controlled: bool,
    direct_links: bool,
    speed: float,
    wait: float,
    sites_per_process: int | None,
    out: Path | None,
    report_to: Path | None,
    as_json: bool,
) -> int:
    """Raise SCENARIO (a name that ``list scenarios`` shows, or a topology file) and keep it up until Ctrl-C.

    Exit code with --check: 0 when every system makes keys, every pair of sites has equal ones and every bit is
    accounted for, else 1. With --faults: 0 when no wrong key was delivered, all came back, and every bit is
    accounted for after each fault, else 1. With --direct-links also 1 when a link that SCENARIO names gave no key.
    """
    from harness.cli.exits import ExitCode, UserError
    from harness.hosting import HostingError
    from harness.twin.averages import GLANCE, REPORTED
    from harness.twin.settings import TwinSettings
    from harness.twin.trial import Ordered

    if report_to is not None and not (check or faults):
        raise UserError("--report needs --check or --faults: a network that is kept up has no result")
    if direct_links and not (check and controlled):
        raise UserError("--direct-links needs --check and --controlled: a controller makes the links")
    if controlled and (faults or hours is not None or report_to is not None):
        raise UserError("--controlled goes with neither --faults nor --hours nor --report yet: leave them out")
    topology = _loaded(scenario)
    settings = TwinSettings(speed=speed, sites_per_process=sites_per_process or 0, controlled=controlled, links_s=wait)
    try:
        if check or faults:
            ordered = Ordered(
                wanted=None if faults else _wanted(keys, keys_in_all),
                hours=None if faults else hours,
                faults=faults,
                account=report_to is not None,
                direct_links=direct_links,
                intervals=GLANCE if report_to is None else REPORTED,
                bound_s=wait,
            )
            return _tried(topology, settings, ordered, report_to=report_to, as_json=as_json)
        _kept_up(topology, settings, wait_s=wait, out=out or Path("out/up"))
    except HostingError as wrong:
        _say(str(wrong))
        return ExitCode.HARNESS
    except ValueError as wrong:
        raise UserError(f"{scenario}: {wrong}") from None
    return ExitCode.CONFORMANT


def _loaded(scenario: str) -> Topology:
    from harness.cli.exits import UserError
    from harness.topology import FileError, ScenarioError, load

    try:
        return load(scenario)
    except (FileError, ScenarioError) as wrong:
        raise UserError(str(wrong)) from None


def _wanted(keys: int, keys_in_all: int | None) -> Wanted | None:
    from harness.twin.check import Wanted

    if keys_in_all is not None:
        return Wanted(in_all=keys_in_all)
    return Wanted(each=keys) if keys > 1 else None


def _tried(
    topology: Topology, settings: TwinSettings, ordered: Ordered, *, report_to: Path | None, as_json: bool
) -> int:
    from harness.cli import network, up_output
    from harness.cli.console import print_json
    from harness.cli.exits import ExitCode
    from harness.cli.writable import writable

    if report_to is not None:
        writable(report_to, "--report")
    trial = network.tried(topology, settings, ordered)
    if as_json:
        print_json(up_output.faults_json(trial) if ordered.faults else up_output.as_json(trial))
    elif ordered.faults:
        for line in trial.checked.missing:
            _say(f"not ready: {line}")
        up_output.print_faults(trial.outcomes)
    else:
        up_output.print_checked(trial)
    if report_to is not None:
        network.report(trial, _again(), report_to)
    return ExitCode.CONFORMANT if trial.holds else ExitCode.NONCONFORMITY


def _kept_up(topology: Topology, settings: TwinSettings, *, wait_s: float, out: Path) -> None:
    import asyncio
    import time

    from harness.cli import network
    from harness.twin.check import check_twin
    from harness.twin.handbook import write_handbook
    from harness.twin.twin import raise_twin

    async def run() -> None:
        started = time.monotonic()
        specs = network.specs(topology, controlled=settings.controlled)
        async with raise_twin(topology, specs, settings) as twin:
            checked = await check_twin(twin, started=started, bound_s=wait_s, say=_say)
            for line in checked.missing:
                _say(f"not ready: {line}")
            page = await asyncio.to_thread(write_handbook, twin.reached, topology, out)
            _say(f"{topology.name} is up; certificates and addresses: {page}; Ctrl-C ends it")
            if not twin.rounds:
                await asyncio.Event().wait()
            while True:
                await asyncio.sleep(_TURN_S)
                await twin.next_turn()

    try:
        network.run(run)
    except KeyboardInterrupt:
        _say("stopped")


def _again() -> str:
    """The command that was given, as it can be given again."""
    import shlex

    given = click.get_current_context().params
    words = ["qkd-harness", "up", given["scenario"]]
    for name, option in (("check", "--check"), ("faults", "--faults"), *_CONTROL):
        words += [option] * given[name]
    for name in ("keys", "keys_in_all", "hours", "speed", "wait", "sites_per_process"):
        if click.get_current_context().get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            words += [f"--{name.replace('_', '-')}", str(given[name])]
    return shlex.join(words)


def _say(text: str) -> None:
    from harness.cli.console import err, plain

    err().print(plain(text))
