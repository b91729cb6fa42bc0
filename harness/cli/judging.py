"""What a selfcheck makes of the runs: was the fault caught for the right reason, was the correct one blamed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.campaign.pool import Done
from harness.cli.catalogue import Specimen
from qkd.run.v1 import run_record_pb2 as pb


@dataclass(frozen=True)
class Catch:
    """A case that found a requirement broken, with what it saw."""

    case: str
    requirement: str
    got: str


@dataclass(frozen=True)
class Judgement:
    """What became of one specimen.

    Attributes:
        by: what caught it: of a fault, for the right reason; of a correct variant, whatever blamed it.
        also: further requirements that were found broken.
        undecided: cases that were inconclusive or not reached, of a correct variant or of a fault that was missed.
        errors: cases that the harness itself spoilt.
        warnings: requirements that a correct variant deviates from, below the grade of a failure.
        trouble: why there was no run; empty when there was one.
    """

    specimen: Specimen
    by: tuple[Catch, ...] = ()
    also: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    trouble: str = ""
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """A fault that was caught, or a correct variant that was not blamed."""
        if self.specimen.faulty:
            return bool(self.by)
        return not (self.by or self.also or self.undecided or self.errors or self.trouble)


def judge(specimen: Specimen, done: Done) -> Judgement:
    """Judge one run."""
    record = done.record
    if record is None:
        return Judgement(specimen, trouble=done.trouble)
    broken = [
        Catch(case.id, finding.requirement_id, finding.got)
        for case in record.cases
        for finding in case.findings
        if not finding.held and finding.grade == pb.GRADE_FAIL
    ]
    right = [catch for catch in broken if not specimen.faulty or specimen.right(catch.requirement)]
    right_names = {catch.requirement for catch in right}
    errors = [f"{case.id}: {case.verdict_reason}" for case in record.cases if case.verdict == pb.VERDICT_ERROR]
    if record.summary.outcome == pb.OUTCOME_HARNESS_ERROR and not errors:
        errors = list(record.notes) or [record.summary.headline]
    return Judgement(
        specimen,
        by=_one_a_case(right),
        also=tuple(sorted({catch.requirement for catch in broken} - right_names)),
        undecided=tuple(_undecided(record)) if not (specimen.faulty and right) else (),
        errors=tuple(errors),
        warnings=tuple(sorted({f.requirement_id for c in record.cases for f in c.findings if _warns(f)})),
        seconds=record.summary.duration_s,
    )


def _one_a_case(catches: Iterable[Catch]) -> tuple[Catch, ...]:
    return tuple({(catch.case, catch.requirement): catch for catch in reversed(list(catches))}.values())[::-1]


def _undecided(record: pb.RunRecord) -> list[str]:
    found = [
        f"{case.id}: {case.verdict_reason or case.selection_reason}"
        for case in record.cases
        if case.verdict == pb.VERDICT_INCONCLUSIVE or case.selection == pb.SELECTION_NOT_REACHED
    ]
    if not found and record.summary.outcome not in {pb.OUTCOME_CONFORMANT, pb.OUTCOME_NOT_CONFORMANT}:
        return [record.summary.headline]
    return found


def _warns(finding: pb.Finding) -> bool:
    return not finding.held and finding.grade == pb.GRADE_WARNING


@dataclass
class Score:
    """The figures of a selfcheck of one suite."""

    judgements: list[Judgement] = field(default_factory=list)
    seconds: float = 0.0

    def of(self, *, faulty: bool) -> list[Judgement]:
        """The judgements about faults, or about correct variants."""
        return [judgement for judgement in self.judgements if judgement.specimen.faulty is faulty]

    @property
    def missed(self) -> list[str]:
        """Faults that were not caught for the right reason."""
        return [judgement.specimen.name for judgement in self.of(faulty=True) if not judgement.good]

    @property
    def blamed(self) -> list[str]:
        """Correct variants that did not come out as conformant."""
        return [judgement.specimen.name for judgement in self.of(faulty=False) if not judgement.good]

    @property
    def spoilt(self) -> list[str]:
        """Specimens on which the harness itself failed."""
        return [judgement.specimen.name for judgement in self.judgements if judgement.errors]

    def document(self) -> dict[str, Any]:
        """The figures for machines."""
        faults, variants = self.of(faulty=True), self.of(faulty=False)
        return {
            "faults": len(faults),
            "caught": len(faults) - len(self.missed),
            "variants": len(variants),
            "blamed": len(self.blamed),
            "missed": self.missed,
            "blamed_names": self.blamed,
            "spoilt": self.spoilt,
            "by_fault": {one.specimen.name: _fault(one) for one in faults},
            "by_variant": {one.specimen.name: _variant(one) for one in variants},
            "seconds": round(self.seconds, 1),
        }


def _fault(judgement: Judgement) -> dict[str, Any]:
    return {
        "caught": judgement.good,
        "by": [asdict(catch) for catch in judgement.by],
        "also": list(judgement.also),
        "undecided": list(judgement.undecided),
        "about": judgement.specimen.about,
        "errors": list(judgement.errors),
        "trouble": judgement.trouble,
        "seconds": round(judgement.seconds, 1),
    }


def _variant(judgement: Judgement) -> dict[str, Any]:
    return {
        "blamed": not judgement.good,
        "by": [asdict(catch) for catch in judgement.by],
        "undecided": list(judgement.undecided),
        "warnings": list(judgement.warnings),
        "about": judgement.specimen.about,
        "errors": list(judgement.errors),
        "trouble": judgement.trouble,
        "seconds": round(judgement.seconds, 1),
    }
