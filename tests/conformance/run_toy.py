"""Runs a campaign on a toy pair: ``python -m tests.conformance.run_toy [flaw …] [trait=value …]``."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from conformance.etsi014.suite import SUITE
from harness.campaign.campaign import Options
from harness.campaign.ics import IcsValue
from harness.campaign.plan import Allowance
from harness.campaign.register import Profile
from harness.campaign.run import Subject, run_campaign
from harness.testbed.reached import Reached
from qkd.run.v1 import run_record_pb2 as pb
from tests.conformance.toy_keys import Traits
from tests.conformance.toy_kme import ToyPki, toy_pair


def campaign_on(
    reached: Reached,
    *,
    select: Sequence[str] = (),
    profile: Profile = Profile.PUBLISHED,
    budget: int | None = 400,
    claims: Mapping[str, IcsValue] | None = None,
    stock_wait_s: float = 10.0,
    draining: bool = True,
) -> pb.RunRecord:
    """One campaign over HTTPS."""
    subject = Subject(
        pb.Target(name="toy", vendor="tests", version="1", role="kme", hosting="in-process"),
        {"etsi014": claims or {}},
        Allowance(key_budget=budget, draining=draining, disturbing=True),
    )
    options = Options(profile=profile, select=tuple(select), stock_wait_s=stock_wait_s, request_timeout_s=5.0)
    return run_campaign(subject, reached, [SUITE], options)


def broken(record: pb.RunRecord, grade: int = pb.GRADE_FAIL) -> dict[str, set[str]]:
    """Requirements that were broken at this grade, and by which cases."""
    found: dict[str, set[str]] = {}
    for case in record.cases:
        for finding in case.findings:
            if not finding.held and finding.grade == grade:
                found.setdefault(finding.requirement_id, set()).add(case.id)
    return found


def told(record: pb.RunRecord, *, all_findings: bool = True) -> str:
    """A campaign in lines for people."""
    budget = record.budget
    keys = f"{budget.drawn} keys drawn, {budget.planned} planned, {budget.at_risk} at risk"
    lines = [f"{record.summary.headline}  ({record.summary.duration_s:.1f} s, {keys})"]
    lines += [f"  note: {note}" for note in record.notes]
    for case in record.cases:
        if case.selection == pb.SELECTION_DISABLED and "--select" in case.selection_reason:
            continue
        if case.selection != pb.SELECTION_SELECTED:
            lines.append(f"  {pb.Selection.Name(case.selection)[10:]:15} {case.id}: {case.selection_reason}")
        elif case.verdict != pb.VERDICT_PASS:
            lines.append(f"  {pb.Verdict.Name(case.verdict)[8:]:12} {case.id}: {case.verdict_reason}")
        for finding in case.findings:
            if not finding.held and all_findings:
                grade = pb.Grade.Name(finding.grade)[6:]
                lines.append(
                    f"      {grade} {finding.requirement_id} [{case.id}] expected {finding.expected}; got {finding.got}"
                )
        lines += [f"      {case.id}: {text}" for text in case.observations]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """See above."""
    known = {field.name for field in fields(Traits)}
    values: dict[str, Any] = {}
    flaws: set[str] = set()
    select: list[str] = []
    for argument in arguments:
        name, sign, text = argument.partition("=")
        if sign and name in known:
            values[name] = ast.literal_eval(text) if text[:1].isdigit() or text in ("True", "False", "None") else text
        elif argument.startswith(("014.", "ETSI", "ICS", "KEYS")):
            select.append(argument)
        else:
            flaws.add(argument)
    with toy_pair(ToyPki(), Traits(**values), frozenset(flaws)) as reached:
        sys.stdout.write(told(campaign_on(reached, select=select)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
