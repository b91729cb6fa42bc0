"""``qkd-harness demo``: the main job, with nothing but what is bundled."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.certify import PROFILES


@click.command()
@click.option("--profile", type=click.Choice(PROFILES), default="published", show_default=True)
@click.option("--select", multiple=True, metavar="PATTERN", help="As in certify.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="As in certify.  [default: out/demo]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout; everything else on stderr.")
def demo(*, profile: str, select: tuple[str, ...], out: Path | None, as_json: bool) -> int:
    """Certify the bundled reference KMEs: two processes, every suite, over every binding, with a report.

    The exit code is that of certify.
    """
    from harness.cli.conduct import Order, certify_reference

    return certify_reference(Order(profile=profile, select=select, out=out, as_json=as_json))
