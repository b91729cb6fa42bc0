"""``qkd-harness list``: what there is."""

from __future__ import annotations

from pathlib import Path

import click

_SUITE = click.option("--suite", "suite_name", metavar="NAME", help="Only this suite.")
_JSON = click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")


@click.group(name="list")
def list_() -> None:
    """List test cases, requirements, implementations, or scenarios."""


@list_.command()
@_SUITE
@_JSON
def tests(*, suite_name: str | None, as_json: bool) -> None:
    """Test cases: id, purpose, the requirements that they verify."""
    from harness.campaign.plan import case_id
    from harness.cli.suites import suites_named

    rows: list[dict[str, object]] = [
        {
            "id": spec.id,
            "suite": suite.name,
            "purpose": spec.purpose,
            "requirements": list(spec.verifies),
            "over": [case_id(spec, binding) for binding in spec.bindings],
            "drains": spec.drains,
            "disturbs": spec.disturbs,
            "needs": sorted(spec.needs),
        }
        for suite in suites_named(suite_name).values()
        for spec in suite.specs()
    ]
    _show(rows, ("id", "purpose"), as_json=as_json)


@list_.command()
@_SUITE
@_JSON
def requirements(*, suite_name: str | None, as_json: bool) -> None:
    """Requirements: id, clause, strictness, where their authority comes from, text."""
    from harness.cli.suites import suites_named

    rows: list[dict[str, object]] = [
        {
            "id": entry.id,
            "suite": suite.name,
            "clause": entry.clause,
            "strictness": str(entry.strictness),
            "standing": str(entry.standing),
            "role": entry.role,
            "text": entry.text,
        }
        for suite in suites_named(suite_name).values()
        for entry in suite.register().values()
    ]
    _show(rows, ("id", "clause", "strictness", "standing", "text"), as_json=as_json)


@list_.command()
@_JSON
def vendors(*, as_json: bool) -> None:
    """Implementations that are installed here, and can be named in [launch]."""
    from harness.cli.vendors import variants_of, vendor_entry, vendor_names

    rows: list[dict[str, object]] = []
    for name in vendor_names():
        entry = vendor_entry(name)
        variants = list(variants_of(name))
        rows.append(
            {
                "name": name,
                "description": entry.description,
                "command": list(entry.command),
                "variants": variants,
                "count": f"{len(variants)} variants",
            }
        )
    _show(rows, ("name", "count", "description"), as_json=as_json, hidden=("count",))


@list_.command()
@click.argument("names", metavar="[NAME | FILE]…", nargs=-1)
@click.option(
    "--maps",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Draw each of them into DIR, as SVG.",
)
@_JSON
def scenarios(*, names: tuple[str, ...], folder: Path | None, as_json: bool) -> None:
    """Networks that can be raised: all that are installed, or those that are named.

    A FILE is a topology file; it is checked, and everything that is wrong with it is told.
    """
    from harness.cli.scenarios import described, drawn, topologies

    rows = []
    for name, topology in topologies(names).items():
        row = described(name, topology)
        if folder is not None:
            row["map"] = str(drawn(name, topology, folder))
        rows.append(row)
    hidden = ("size", "domains and links", "equipment", "by")
    shown = ("name", *hidden, "map" if folder else "title")
    _show(rows, shown, as_json=as_json, hidden=hidden)


def _show(
    rows: list[dict[str, object]], columns: tuple[str, ...], *, as_json: bool, hidden: tuple[str, ...] = ()
) -> None:
    from harness.cli.console import out, plain, print_json

    if as_json:
        print_json([{name: value for name, value in row.items() if name not in hidden} for row in rows])
        return
    widths = {name: max((len(str(row[name])) for row in rows), default=0) for name in columns[:-1]}
    console = out()
    for row in rows:
        cells = [str(row[name]).ljust(widths[name]) for name in columns[:-1]]
        console.print(plain("  ".join([*cells, str(row[columns[-1]])])))
