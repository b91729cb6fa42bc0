"""The judgements that a case makes, each against a named requirement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from harness.campaign.register import Grade, Profile, Register


class Verdict(IntEnum):
    """What was seen of a case; a worse one overwrites a better one. ``ERROR`` is the harness's own fault."""

    NONE = 0
    PASS = 1
    INCONCLUSIVE = 2
    FAIL = 3
    ERROR = 4


class Inconclusive(Exception):  # noqa: N818 - a verdict, not an error
    """The precondition of a case did not hold, so nothing can be said either way."""


class Describes(Protocol):
    """Something that was seen and can say so in one redacted line."""

    @property
    def exchange(self) -> int:
        """Index of the exchange in the evidence of the case."""
        ...

    def describe(self) -> str:
        """One line, no key material."""
        ...


@dataclass(frozen=True)
class Finding:
    """One judgement: whether a requirement held here. ``exchange`` is an index into the evidence, -1 = none."""

    requirement_id: str
    held: bool
    grade: Grade
    expected: str
    got: str
    exchange: int = -1


class Check:
    """Records findings for one case. Never raises for a deviation: one case may find several."""

    def __init__(self, register: Register, profile: Profile, verifies: Sequence[str]) -> None:
        self._register = register
        self._profile = profile
        self._verifies = tuple(verifies)
        self.findings: list[Finding] = []
        self.observations: list[str] = []
        self._settled: set[str] = set()

    def __call__(self, requirement_id: str, held: bool, *, expected: str, got: Describes | str) -> bool:  # noqa: FBT001 - reads as a sentence
        """Record whether ``requirement_id`` held; returns ``held``.

        Raises:
            LookupError: the case does not say that it verifies this requirement (a fault of the suite).
        """
        if requirement_id not in self._verifies:
            raise LookupError(f"the case judges {requirement_id} but does not name it")
        text, exchange = (got, -1) if isinstance(got, str) else (got.describe(), got.exchange)
        grade = self._register[requirement_id].grade(self._profile)
        self._settled.add(requirement_id)
        self.findings.append(Finding(requirement_id, bool(held), grade, expected, text, exchange))
        return bool(held)

    def not_judged(self, requirement_id: str, why: str) -> None:
        """Say that ``requirement_id`` could not come up in this run, and why (an IUT that took another lawful way)."""
        if requirement_id not in self._verifies:
            raise LookupError(f"the case settles {requirement_id} but does not name it")
        self._settled.add(requirement_id)
        self.observations.append(f"{requirement_id} not judged: {why}")

    def observe(self, text: str) -> None:
        """Note behaviour that the standard leaves open."""
        self.observations.append(text)

    def require(self, holds: bool, reason: str) -> None:  # noqa: FBT001 - reads as a sentence
        """End the case as inconclusive unless ``holds``."""
        if not holds:
            raise Inconclusive(reason)

    @property
    def unsettled(self) -> tuple[str, ...]:
        """Requirements that the case names and has not judged."""
        return tuple(name for name in self._verifies if name not in self._settled)

    def verdict(self) -> Verdict:
        """The verdict that follows from the findings alone."""
        if any(not finding.held and finding.grade is Grade.FAIL for finding in self.findings):
            return Verdict.FAIL
        return Verdict.PASS


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict that overwrites the others; ``NONE`` when there is none."""
    return max(verdicts, default=Verdict.NONE)
