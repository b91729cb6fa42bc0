"""What happens in a campaign, as typed events. The record, the progress display and tests listen to the same ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.campaign.check import Finding, Verdict
from harness.campaign.ics import Ics
from harness.campaign.plan import Plan, PlannedCase
from harness.campaign.register import Register
from qkd.run.v1.run_record_pb2 import Exchange


@dataclass(frozen=True)
class Surveyed:
    """The implementation was looked at before the plan: its ICS as used, and what is worth noting."""

    suite: str
    register: Register
    ics: Ics
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Planned:
    """The plan is made; nothing of it has run."""

    suite: str
    plan: Plan


@dataclass(frozen=True)
class CaseStarted:
    """``position`` counts from 1 among ``total`` selected cases of the suite."""

    suite: str
    case: PlannedCase
    position: int
    total: int


@dataclass(frozen=True)
class Waiting:
    """The campaign waits for the IUT (stock, readiness), with a bound, in seconds."""

    suite: str
    text: str
    bound_s: float


@dataclass(frozen=True)
class CaseFinished:
    """What became of a case that was started. ``not_reached`` holds the reason when the budget ended it."""

    suite: str
    case: PlannedCase
    verdict: Verdict
    reason: str
    not_reached: str
    findings: tuple[Finding, ...]
    observations: tuple[str, ...]
    exchanges: tuple[Exchange, ...]
    keys_drawn: int
    duration_s: float


@dataclass(frozen=True)
class SuiteFinished:
    """The suite is through. ``trouble`` says what ended it early (the harness's own fault); else empty."""

    suite: str
    drawn: int
    waited_s: float
    trouble: str


Event = Surveyed | Planned | CaseStarted | Waiting | CaseFinished | SuiteFinished
Listener = Callable[[Event], None]
