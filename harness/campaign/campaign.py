"""A campaign in progress: one suite on one reached implementation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.campaign.case import CaseSpec
from harness.campaign.check import Check, Inconclusive, Verdict, worst
from harness.campaign.events import CaseFinished, CaseStarted, Listener, Planned, Waiting
from harness.campaign.ics import Ics
from harness.campaign.plan import Allowance, Plan, PlannedCase, make_plan
from harness.campaign.register import Profile, Register
from harness.wire.evidence import EvidenceLog
from harness.wire.purse import BudgetExhausted, Purse
from qkd.run.v1.run_record_pb2 import Exchange


@dataclass(frozen=True)
class Options:
    """How a campaign is run.

    Attributes:
        profile: how unsettled requirements are weighed.
        select: patterns of cases or requirements; empty = all.
        bindings: bindings to run over, those that the target offers.
        stock_wait_s: longest time that the whole campaign waits for keys to grow, seconds.
        request_timeout_s: longest time for one request, seconds.
        pytest_args: further arguments for pytest (``--pdb``, ``--lf``, …).
    """

    profile: Profile = Profile.PUBLISHED
    select: tuple[str, ...] = ()
    bindings: tuple[str, ...] = ("https",)
    stock_wait_s: float = 60.0
    request_timeout_s: float = 10.0
    pytest_args: tuple[str, ...] = ()


@dataclass
class Campaign:
    """What the cases of one suite share. Made by `harness.campaign.run`, used by the pytest plug-in.

    `reached` is what the suite's own `bench` gave, or what a target file describes.
    """

    suite: str
    register: Register
    ics: Ics
    reached: Any
    allowance: Allowance
    options: Options
    emit: Listener
    evidence: EvidenceLog
    clock: Callable[[], float] = time.monotonic
    plan: Plan = field(default_factory=lambda: Plan((), 0, None))
    waited_s: float = 0.0
    _position: int = 0

    @property
    def purse(self) -> Purse:
        """The keys that the campaign may take."""
        return self.evidence.purse

    def make_plan(self, specs: Sequence[CaseSpec]) -> Plan:
        """Decide about the cases, say so, and keep to it."""
        self.plan = make_plan(
            specs, self.ics, self.allowance, select=self.options.select, bindings=self.options.bindings
        )
        self.emit(Planned(self.suite, self.plan))
        return self.plan

    def begin(self, case: PlannedCase) -> RunningCase:
        """Start a selected case."""
        self._position += 1
        self.emit(CaseStarted(self.suite, case, self._position, len(self.plan.selected)))
        self.evidence.begin_case()
        return RunningCase(self, case)

    def await_until(self, ready: Callable[[], bool], what: str, bound_s: float | None = None) -> bool:
        """Poll ``ready`` until it is true or the bound is over; the time counts against ``stock_wait_s``.

        Returns whether ``ready`` became true. ``bound_s`` defaults to what is left of ``stock_wait_s``.
        """
        left = max(0.0, self.options.stock_wait_s - self.waited_s)
        bound = left if bound_s is None else min(bound_s, left)
        started = self.clock()
        if ready():
            return True
        self.emit(Waiting(self.suite, what, bound))
        pause = threading.Event()
        step = 0.05
        try:
            while self.clock() - started < bound:
                pause.wait(min(step, bound))
                step = min(step * 1.5, 1.0)
                if ready():
                    return True
            return False
        finally:
            self.waited_s += self.clock() - started


class RunningCase:
    """One case while it runs: collects judgements, evidence and trouble, and ends in one verdict."""

    def __init__(self, campaign: Campaign, case: PlannedCase) -> None:
        self._campaign = campaign
        self.case = case
        self.check = Check(campaign.register, campaign.options.profile, case.spec.verifies)
        self._started = campaign.clock()
        self._drawn_before = campaign.purse.drawn
        self._troubles: list[tuple[Verdict, str]] = []
        self._not_reached = ""

    def trouble(self, raised: BaseException, where: str) -> None:
        """Take in what a phase of the case raised; ``where`` names the phase for the harness's own faults."""
        if isinstance(raised, BudgetExhausted):
            self._not_reached = str(raised)
        elif isinstance(raised, Inconclusive):
            self._troubles.append((Verdict.INCONCLUSIVE, str(raised)))
        else:
            text = self._campaign.evidence.scrub(f"{type(raised).__name__}: {raised}")
            self._troubles.append((Verdict.ERROR, f"{where}: {text}"))

    def interrupted(self) -> None:
        """The user ended the campaign during this case: what it had judged stands, the rest is not reached."""
        self._not_reached = "interrupted"

    def finish(self) -> Verdict:
        """Work out the verdict and tell the listeners."""
        verdict, reason = self._verdict()
        exchanges: tuple[Exchange, ...] = self._campaign.evidence.end_case()
        self._campaign.emit(
            CaseFinished(
                suite=self._campaign.suite,
                case=self.case,
                verdict=verdict,
                reason=reason,
                not_reached=self._not_reached,
                findings=tuple(self.check.findings),
                observations=tuple(self.check.observations),
                exchanges=exchanges,
                keys_drawn=self._campaign.purse.drawn - self._drawn_before,
                duration_s=self._campaign.clock() - self._started,
            )
        )
        return verdict

    def _verdict(self) -> tuple[Verdict, str]:
        found = self.check.verdict()
        if self._not_reached and found is Verdict.PASS and not self._troubles:
            return Verdict.NONE, ""
        if not self._troubles and not self._not_reached and self.check.unsettled:
            # A case that is green without having judged what it claims would be a false pass.
            self._troubles.append((Verdict.ERROR, "ended without judging " + ", ".join(self.check.unsettled)))
        verdict = worst([found, *(kind for kind, _ in self._troubles)])
        for kind, text in self._troubles:
            if kind is verdict:
                return verdict, text
        broken = [finding for finding in self.check.findings if not finding.held and finding.grade == "fail"]
        if broken:
            return verdict, f"{broken[0].requirement_id}: expected {broken[0].expected}; got {broken[0].got}"
        return verdict, ""
