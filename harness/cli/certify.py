"""``qkd-harness certify``: a verdict about the implementation that a target file names."""

from __future__ import annotations

from pathlib import Path

import click

PROFILES = ("strict", "published", "lenient")


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.argument("pytest_args", nargs=-1, type=click.UNPROCESSED, metavar="[-- PYTEST ARGUMENTS]")
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default="published",
    show_default=True,
    help="How requirements that the published text leaves open are weighed.",
)
@click.option(
    "--select",
    multiple=True,
    metavar="PATTERN",
    help="Run only these cases: a case id, a requirement id, or a glob of either. May be given again.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the reports.  [default: out/NAME OF THE IUT; with --select: a folder 'selected' in it]",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Known failures (TOML). Exit code 0 when every failure is known and every entry fits.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout; everything else on stderr.")
def certify(
    *,
    target: Path,
    pytest_args: tuple[str, ...],
    profile: str,
    select: tuple[str, ...],
    out: Path | None,
    baseline: Path | None,
    as_json: bool,
) -> int:
    """Test the implementation that TARGET names, and say whether it conforms.

    TARGET is a TOML file: what is tested ([iut]), how it is reached ([ixit.etsi014]) or started ([launch]), and what
    its maker claims ([ics.etsi014]). The number of keys that will be drawn is said before the first one is.

    With --baseline, known failures stay failures: the outcome is NOT CONFORMANT (n known failures) all the same, and
    only the exit code says that nothing is new. A baseline entry that has expired, does not fit, or has become
    unnecessary makes the run fail.
    """
    from harness.cli.conduct import Order, certify_target

    order = Order(profile=profile, select=select, out=out, baseline=baseline, as_json=as_json, pytest_args=pytest_args)
    return certify_target(target, order)
