"""``qkd-harness up``: a whole network, raised from its topology."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from harness.hosting import LaunchSpec
    from harness.topology import Topology
    from harness.twin.check import Checked
    from harness.twin.measure import Cost
    from harness.twin.settings import TwinSettings

_T = TypeVar("_T")


@click.command()
@click.argument("scenario")
@click.option("--check", is_flag=True, help="Let every two sites exchange keys, say what came of it, and stop.")
@click.option("--keys", type=click.IntRange(1), default=1, show_default=True, help="With --check: for each pair.")
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
    default=3,
    show_default=True,
    help="How many KMEs, or forwarding modules, share a process.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Without --check: where certificates and addresses are written.  [default: out/up]",
)
@click.option("--json", "as_json", is_flag=True, help="With --check: one JSON object on stdout, the rest on stderr.")
def up(
    *,
    scenario: str,
    check: bool,
    keys: int,
    speed: float,
    wait: float,
    sites_per_process: int,
    out: Path | None,
    as_json: bool,
) -> int:
    """Raise SCENARIO (a name that ``list scenarios`` shows, or a topology file) and keep it up until Ctrl-C.

    Exit code with --check: 0 when every system makes keys and every pair of sites has equal ones, else 1.
    """
    from harness.cli.exits import ExitCode, UserError
    from harness.hosting import HostingError
    from harness.twin.settings import TwinSettings

    topology = _loaded(scenario)
    settings = TwinSettings(speed=speed, sites_per_process=sites_per_process)
    try:
        if check:
            return _checked(topology, settings, keys=keys, wait_s=wait, as_json=as_json)
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


def _checked(topology: Topology, settings: TwinSettings, *, keys: int, wait_s: float, as_json: bool) -> int:
    import time

    from harness.cli.exits import ExitCode
    from harness.twin.check import check_twin
    from harness.twin.measure import watched_cost
    from harness.twin.twin import raise_twin

    async def run() -> tuple[Checked, Cost]:
        started = time.monotonic()
        async with watched_cost() as cost, raise_twin(topology, _specs(topology), settings) as twin:
            _say(f"{topology.name}: {len(topology.active_systems)} systems, {len(twin.layout.sites)} sites")
            return await check_twin(twin, started=started, bound_s=wait_s, keys=keys, say=_say), cost

    checked, cost = _run(run)
    if as_json:
        _print_json(topology, checked, cost)
    else:
        _print_table(checked, cost)
    return ExitCode.CONFORMANT if checked.holds else ExitCode.NONCONFORMITY


def _kept_up(topology: Topology, settings: TwinSettings, *, wait_s: float, out: Path) -> None:
    import asyncio
    import time

    from harness.twin.check import check_twin
    from harness.twin.handbook import write_handbook
    from harness.twin.twin import raise_twin

    async def run() -> None:
        started = time.monotonic()
        async with raise_twin(topology, _specs(topology), settings) as twin:
            checked = await check_twin(twin, started=started, bound_s=wait_s, say=_say)
            for line in checked.missing:
                _say(f"not ready: {line}")
            page = await asyncio.to_thread(write_handbook, twin.reached, topology, out)
            _say(f"{topology.name} is up; certificates and addresses: {page}; Ctrl-C ends it")
            await asyncio.Event().wait()

    try:
        _run(run)
    except KeyboardInterrupt:
        _say("stopped")


def _specs(topology: Topology) -> dict[str, LaunchSpec]:
    """How to launch everything: makers are named as installed implementations are."""
    from harness.cli.vendors import vendor_entry
    from harness.hosting import LaunchSpec
    from harness.twin.hosts import FORWARDING, KMS, makers_of

    names = (KMS, FORWARDING, *makers_of(topology))
    return {name: LaunchSpec(vendor_entry(name).argv(), name=name) for name in names}


def _run(main: Callable[[], Coroutine[object, object, _T]]) -> _T:
    """Runs it; Ctrl-C and SIGTERM end it in good order, then raise KeyboardInterrupt."""
    import asyncio
    import signal

    import uvloop

    async def ended_by_signal() -> _T:
        work = asyncio.ensure_future(main())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
        return await work

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(ended_by_signal())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


def _say(text: str) -> None:
    from harness.cli.console import err, plain

    err().print(plain(text))


def _print_json(topology: Topology, checked: Checked, cost: Cost) -> None:
    from harness.cli.console import print_json

    print_json(
        {
            "scenario": topology.name,
            "ready_s": None if checked.ready_s is None else round(checked.ready_s, 2),
            "peak_rss_mib": round(cost.peak_rss_mib),
            "processes": cost.processes,
            "pairs": checked.pairs,
            "pairs_equal": checked.pairs_equal,
            "keys": checked.keys,
            "mismatches": checked.mismatches,
            "missing": checked.missing,
            "links": [
                {
                    "link": figure.system.id,
                    "path": list(figure.system.path),
                    "maker": figure.system.maker,
                    "state": figure.state,
                    "skr_bps": round(figure.skr_bps, 1),
                    "qber": None if figure.qber is None else round(figure.qber, 5),
                    "table1_skr_bps": figure.system.table1_skr_bps,
                    "table1_qber": figure.system.table1_qber,
                }
                for figure in checked.links
            ],
        }
    )


def _print_table(checked: Checked, cost: Cost) -> None:
    from rich.table import Table

    from harness.cli.console import out, plain

    table = Table("system", "maker", "state", "SKR kbit/s", "published", "QBER %", "published", box=None)
    for figure in checked.links:
        published = figure.system.table1_skr_bps
        table.add_row(
            plain(figure.system.id),
            plain(figure.system.maker),
            plain(figure.state.lower()),
            f"{figure.skr_bps / 1000:.2f}",
            "" if published is None else f"{published / 1000:g}",
            "" if figure.qber is None else f"{100 * figure.qber:.1f}",
            "" if figure.system.table1_qber is None else f"{100 * figure.system.table1_qber:g}",
        )
    console = out()
    console.print(table)
    for line in checked.missing:
        console.print(plain(f"MISSING  {line}"))
    ready = "not ready" if checked.ready_s is None else f"ready in {checked.ready_s:.1f} s"
    console.print(
        f"{ready}; {checked.pairs_equal} of {checked.pairs} pairs have equal keys; {checked.keys} keys compared, "
        f"{checked.mismatches} mismatches; {cost.processes} processes, {cost.peak_rss_mib:.0f} MiB"
    )
