"""The end of a run: what failed and what to do about it first, then the verdict in one line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from harness.cli.console import err, out, plain, print_json
from harness.cli.exits import ExitCode
from harness.cli.reports import Written
from harness.cli.troubles import NotRun, Trouble, not_run, troubles
from qkd.run.v1 import run_record_pb2 as pb

_STYLE = {"fail": "bold red", "error": "bold magenta", "inconclusive": "yellow", "warning": "yellow"}
_VERDICT_STYLE = {pb.OUTCOME_CONFORMANT: "bold green", pb.OUTCOME_INCONCLUSIVE: "bold yellow"}
_LONGEST = 400  # characters of one fact; the evidence has all of it


def tell_ending(record: pb.RunRecord, written: Written | None, code: ExitCode, *, as_json: bool) -> None:
    """Tell the end of a run to people on stdout; with ``as_json`` as JSON on stdout, and to people on stderr."""
    console = err() if as_json else out()
    for alike in _grouped(troubles(record, written)):
        head, *more = _lines(alike[0], alike[1:])
        console.print(plain(head), style=_STYLE[alike[0].kind])
        for line in more:
            console.print(plain(line))
    for finding in record.baseline_findings:
        console.print(plain(f"BASELINE  {finding.text}"), style="bold red")
    for group in not_run(record):
        if "--select" in group.reason:
            continue  # the user asked for less, and knows it
        console.print(plain(_not_run_line(group)), style="yellow" if group.selection == "not_reached" else None)
    console.print(plain(verdict_line(record)), style=_VERDICT_STYLE.get(record.summary.outcome, "bold red"))
    if written is not None and written.reports:
        best = written.reports.get("html") or next(iter(written.reports.values()))
        others = [path.name for path in written.reports.values() if path != best]
        console.print(plain(f"report: {best}" + (f"   beside it: {', '.join(others)}" if others else "")))
    if as_json:
        print_json(document(record, written, code))


def _grouped(found: list[Trouble]) -> list[list[Trouble]]:
    """Troubles of one requirement together: many cases may stumble over the same fault, and one tells enough."""
    groups: dict[tuple[object, ...], list[Trouble]] = {}
    for trouble in found:
        what = trouble.requirement or trouble.case
        groups.setdefault((trouble.kind, trouble.known, what), []).append(trouble)
    return list(groups.values())


def _lines(trouble: Trouble, others: list[Trouble]) -> Iterator[str]:
    known = f" ({trouble.disposition} by the baseline)" if trouble.known else ""
    yield f"{trouble.kind.upper():<13}{trouble.requirement or trouble.case}  {trouble.purpose}{known}"
    if not trouble.known:
        for label, fact in (("sent", trouble.sent), ("got", trouble.got), ("expected", trouble.expected)):
            if fact:
                yield f"      {label + ':':<10}{_cut(fact)}"
    clause = f"clause {trouble.clause} ({trouble.strictness})   " if trouble.clause else ""
    times = f"   {trouble.times} times" if trouble.times > 1 else ""
    evidence = f"   evidence: {trouble.evidence}" if trouble.evidence else ""
    yield f"      {clause}case: {trouble.case}{times}{evidence}"
    if others:
        names = list(dict.fromkeys(other.case for other in others))
        rest = f" and {len(names) - 6} more" if len(names) > 6 else ""
        yield f"      also in {', '.join(names[:6])}{rest}"
    if trouble.replay and not trouble.known:
        yield f"      again: {trouble.replay}"


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else f"{flat[:_LONGEST]} … ({len(flat)} characters)"


def _not_run_line(group: NotRun) -> str:
    label = group.selection.replace("_", " ")
    shown = ", ".join(group.cases[:4]) + (f", … ({len(group.cases)} cases)" if len(group.cases) > 4 else "")
    return f"{'NOT RUN':<13}{label}: {group.reason or 'no reason given'}: {shown}"


def verdict_line(record: pb.RunRecord) -> str:
    """``118 of 121 cases run: 116 pass, 1 fail, 1 warning; 3 not run   NOT CONFORMANT   14.2 s, 212 keys drawn``."""
    summary = record.summary
    left_out = len(record.cases) - summary.ran
    counts = [f"{summary.passed} pass"]
    counts += [
        f"{count} {word}"
        for count, word in (
            (summary.failed, "fail"),
            (summary.errors, "error"),
            (summary.inconclusive, "inconclusive"),
            (summary.warnings, "warning" if summary.warnings == 1 else "warnings"),
        )
        if count
    ]
    ran = f"{summary.ran} of {len(record.cases)} cases run: {', '.join(counts)}"
    ran += f"; {left_out} not run" if left_out else ""
    return f"{ran}   {summary.headline}   {summary.duration_s:.1f} s, {record.budget.drawn} keys drawn"


def document(record: pb.RunRecord, written: Written | None, code: ExitCode) -> dict[str, Any]:
    """The end of a run for machines."""
    found = troubles(record, written)
    summary, budget = record.summary, record.budget
    counts = (
        "planned", "ran", "passed", "failed", "inconclusive", "errors", "warnings", "not_applicable", "disabled",
        "not_reached",
    )  # fmt: skip

    def of(*kinds: str) -> list[dict[str, Any]]:
        return [asdict(trouble) for trouble in found if trouble.kind in kinds]

    return {
        "outcome": pb.Outcome.Name(summary.outcome).removeprefix("OUTCOME_").lower(),
        "exit_code": int(code),
        "headline": summary.headline,
        "target": {"name": record.target.name, "vendor": record.target.vendor, "version": record.target.version},
        "profile": record.profile,
        "summary": {name: getattr(summary, name) for name in counts} | {"cases": len(record.cases)},
        "keys": {
            "allowed": budget.allowed,
            "planned": budget.planned,
            "at_risk": budget.at_risk,
            "drawn": budget.drawn,
        },
        "duration_s": round(summary.duration_s, 3),
        "failures": of("fail"),
        "undecided": of("inconclusive", "error"),
        "warnings": of("warning"),
        "not_run": [asdict(group) for group in not_run(record)],
        "baseline": [{"case": finding.case_id, "text": finding.text} for finding in record.baseline_findings],
        "notes": list(record.notes),
        "reports": {name: str(path) for name, path in written.reports.items()} if written else {},
        "reports_failed": written.failed if written else {},
    }
