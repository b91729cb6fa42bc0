"""``qkd-harness demo``: the main job, with nothing but what is bundled."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.certify import PROFILES

NETWORK = "madqci"


@click.command()
@click.option("--profile", type=click.Choice(PROFILES), default="published", show_default=True)
@click.option("--select", multiple=True, metavar="PATTERN", help="As in certify; leaves the network out.")
@click.option("--network", "scenario", default=NETWORK, show_default=True, help="Scenario that is raised and broken.")
@click.option("--no-network", is_flag=True, help="The reference KMEs alone, which takes seconds.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="As in certify.  [default: out/demo]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout; everything else on stderr.")
def demo(
    *, profile: str, select: tuple[str, ...], scenario: str, no_network: bool, out: Path | None, as_json: bool
) -> int:
    """Certify the bundled reference KMEs, raise a network, break it, and report on both.

    First two KMEs of a process each, every suite, over every binding. Then a whole network: every two sites exchange
    keys, and again and again something breaks. The exit code is 0 when both hold.
    """
    from harness.cli.conduct import Order, certify_reference

    order = Order(profile=profile, select=select, out=out, as_json=as_json)
    return certify_reference(order, scenario=None if no_network or select else scenario)
