"""``qkd-harness up``: a whole network, raised from its topology."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from harness.hosting import LaunchSpec
    from harness.topology import Topology
    from harness.twin.check import Checked, Wanted
    from harness.twin.measure import Cost
    from harness.twin.settings import TwinSettings

_T = TypeVar("_T")
# How long systems that share modules run before others do.
_TURN_S = 20.0


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
    speed: float,
    wait: float,
    sites_per_process: int | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Raise SCENARIO (a name that ``list scenarios`` shows, or a topology file) and keep it up until Ctrl-C.

    Exit code with --check: 0 when every system makes keys, every pair of sites has equal ones and every bit is
    accounted for, else 1. With --faults: 0 when no wrong key was delivered, all came back, and every bit is
    accounted for after each fault, else 1.
    """
    from harness.cli.exits import ExitCode, UserError
    from harness.hosting import HostingError
    from harness.twin.settings import TwinSettings

    topology = _loaded(scenario)
    settings = TwinSettings(speed=speed, sites_per_process=sites_per_process or 0)
    try:
        if faults:
            return _faults(topology, settings, wait_s=wait, as_json=as_json)
        if check:
            return _checked(
                topology, settings, wanted=_wanted(keys, keys_in_all), hours=hours, wait_s=wait, as_json=as_json
            )
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


def _checked(
    topology: Topology,
    settings: TwinSettings,
    *,
    wanted: Wanted | None,
    hours: float | None,
    wait_s: float,
    as_json: bool,
) -> int:
    import time

    from harness.cli import up_output
    from harness.cli.console import print_json
    from harness.cli.exits import ExitCode
    from harness.twin.check import check_twin
    from harness.twin.hours import for_hours, pass_hours
    from harness.twin.measure import watched_cost
    from harness.twin.twin import raise_twin

    if hours is not None:
        settings = for_hours(settings)

    async def run() -> tuple[Checked, Cost]:
        started = time.monotonic()
        async with watched_cost() as cost, raise_twin(topology, _specs(topology), settings) as twin:
            _say(f"{topology.name}: {len(topology.active_systems)} systems, {len(twin.layout.sites)} sites")
            checked = await check_twin(twin, started=started, bound_s=wait_s, wanted=wanted, say=_say)
            if hours is not None and checked.holds:
                checked.account, more = await pass_hours(twin, hours, _say)
                checked.keys += more.equal
                checked.mismatches += more.wrong + more.lost
            return checked, cost

    checked, cost = _run(run)
    if as_json:
        print_json(up_output.as_json(topology, checked, cost))
    else:
        up_output.print_checked(checked, cost)
    return ExitCode.CONFORMANT if checked.holds else ExitCode.NONCONFORMITY


def _faults(topology: Topology, settings: TwinSettings, *, wait_s: float, as_json: bool) -> int:
    import tempfile
    import time
    from dataclasses import replace
    from pathlib import Path

    from harness.cli import up_output
    from harness.cli.console import print_json
    from harness.cli.exits import ExitCode
    from harness.twin.check import check_twin
    from harness.twin.faults import KEYS_LIVE_S, Outcome, run_faults, standard_faults
    from harness.twin.twin import raise_twin

    async def run(clocks: Path) -> tuple[Checked, list[Outcome]]:
        started = time.monotonic()
        kme = {**settings.kme, "block_ttl_s": str(KEYS_LIVE_S)}
        async with raise_twin(topology, _specs(topology), replace(settings, clocks=clocks, kme=kme)) as twin:
            checked = await check_twin(twin, started=started, bound_s=wait_s, say=_say)
            if not checked.holds:
                return checked, []
            return checked, await run_faults(twin, standard_faults(twin), bound_s=wait_s, say=_say)

    with tempfile.TemporaryDirectory(prefix="qkd-harness-clocks-") as folder:
        checked, outcomes = _run(lambda: run(Path(folder)))
    if as_json:
        print_json(up_output.faults_json(topology, checked, outcomes))
    else:
        for line in checked.missing:
            _say(f"not ready: {line}")
        up_output.print_faults(outcomes)
    good = bool(outcomes) and all(one.holds for one in outcomes)
    return ExitCode.CONFORMANT if good else ExitCode.NONCONFORMITY


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
            if not twin.rounds:
                await asyncio.Event().wait()
            while True:
                await asyncio.sleep(_TURN_S)
                await twin.next_turn()

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
