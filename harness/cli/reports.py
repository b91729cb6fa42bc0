"""Writes every report that is installed, and the evidence of each case that did not simply pass."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

from google.protobuf.json_format import MessageToJson

from harness.cli.exits import tell
from qkd.run.v1 import run_record_pb2 as pb

GROUP = "qkd_harness.writers"
_EVIDENCE = "evidence"
_UNFIT = re.compile(r"[^A-Za-z0-9._@-]+")


@dataclass(frozen=True)
class Written:
    """Files that were written: reports by the name of their format, evidence by case id."""

    folder: Path
    reports: dict[str, Path] = field(default_factory=dict)
    evidence: dict[str, Path] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def write_reports(record: pb.RunRecord, out: Path) -> Written:
    """Write all reports of ``record`` into ``out``. A writer that fails is told and does not stop the others."""
    written = Written(out)
    for stale in (out / _EVIDENCE).glob("*.json"):  # of an earlier run: it would be taken for evidence of this one
        stale.unlink()
    for case in record.cases:
        if worth_evidence(case):
            written.evidence[case.id] = _write_evidence(case, out / _EVIDENCE)
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            written.reports[point.name] = point.load().write(record, out)
        except Exception as wrong:  # noqa: BLE001 - a writer may be anybody's; the verdict stands without it
            written.failed[point.name] = f"{type(wrong).__name__}: {wrong}"
            tell(f"the {point.name} report could not be written: {written.failed[point.name]}")
    return written


def worth_evidence(case: pb.Case) -> bool:
    """Whether somebody will ask what happened: it did not pass, or something in it deviates."""
    undecided = case.verdict in {pb.VERDICT_FAIL, pb.VERDICT_ERROR, pb.VERDICT_INCONCLUSIVE}
    return undecided or any(not finding.held for finding in case.findings)


def _write_evidence(case: pb.Case, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{_UNFIT.sub('_', case.id)}.json"
    path.write_text(MessageToJson(case, preserving_proto_field_name=True) + "\n", encoding="utf-8")
    return path
