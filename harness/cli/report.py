"""``qkd-harness report``: look at run records again, and compare two of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from qkd.run.v1 import run_record_pb2 as pb

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def report() -> None:
    """Show a run record (run.json), or compare two."""


@report.command()
@click.argument("run", type=_FILE, metavar="RUN.json")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def show(*, run: Path, as_json: bool) -> None:
    """Tell the end of a run again, as certify did. The exit code is 0 whatever the verdict."""
    from harness.cli.console import out, plain
    from harness.cli.ending import tell_ending
    from harness.cli.troubles import exit_code

    record = _load(run)
    if not as_json:
        target = record.target
        named = " ".join(word for word in (target.vendor, target.name, target.version, target.variant) if word)
        started = f"{record.started.ToDatetime():%Y-%m-%d %H:%M} UTC"
        out().print(plain(f"{named}, {', '.join(record.suites)}, profile {record.profile}, {started}"))
    noted = any(note.startswith("baseline ") for note in record.notes)
    tell_ending(record, None, exit_code(record, with_baseline=noted), as_json=as_json)


@report.command()
@click.argument("before", type=_FILE, metavar="BEFORE.json")
@click.argument("after", type=_FILE, metavar="AFTER.json")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def diff(*, before: Path, after: Path, as_json: bool) -> int:
    """Compare two runs case by case. Exit code 1 when a verdict, a selection or a requirement's outcome differs."""
    from harness.cli.console import out, plain, print_json

    one, other = _load(before), _load(after)
    cases = differences(_cases(one), _cases(other))
    requirements = differences(_outcomes(one), _outcomes(other))
    if as_json:
        print_json({"cases": _rows(cases), "requirements": _rows(requirements)})
        return 1 if cases or requirements else 0
    for kind, rows in (("case", cases), ("requirement", requirements)):
        for name, was, now in rows:
            out().print(plain(f"{kind:<12}{name}  {was} -> {now}"))
    differ = f"{len(cases)} cases and {len(requirements)} requirements differ"
    out().print(differ if cases or requirements else "no difference")
    return 1 if cases or requirements else 0


def _rows(rows: list[tuple[str, str, str]]) -> list[dict[str, str]]:
    return [dict(zip(("id", "before", "after"), row, strict=True)) for row in rows]


def differences(before: dict[str, str], after: dict[str, str]) -> list[tuple[str, str, str]]:
    """What differs: ``(id, before, after)``; "absent" where one of the two does not know the id."""
    names = [*before, *(name for name in after if name not in before)]
    rows = [(name, before.get(name, "absent"), after.get(name, "absent")) for name in names]
    return [row for row in rows if row[1] != row[2]]


def _cases(record: pb.RunRecord) -> dict[str, str]:
    from qkd.run.v1 import run_record_pb2 as pb

    def word(case: pb.Case) -> str:
        if case.verdict == pb.VERDICT_UNSPECIFIED:
            return pb.Selection.Name(case.selection).removeprefix("SELECTION_").lower()
        return pb.Verdict.Name(case.verdict).removeprefix("VERDICT_").lower()

    return {case.id: word(case) for case in record.cases}


def _outcomes(record: pb.RunRecord) -> dict[str, str]:
    from qkd.run.v1 import run_record_pb2 as pb

    prefix = "REQUIREMENT_OUTCOME_"
    return {
        entry.id: pb.RequirementOutcome.Name(entry.outcome).removeprefix(prefix).lower()
        for entry in record.requirements
    }


def _load(path: Path) -> pb.RunRecord:
    from harness.cli.exits import UserError
    from harness.record import RecordError, load

    try:
        return load(path)
    except RecordError as wrong:
        raise UserError(str(wrong)) from None
