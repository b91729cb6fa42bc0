"""A suite that touches no network, for tests of the commands around it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from harness.campaign.campaign import Campaign, Options, RunningCase
from harness.campaign.case import CaseSpec
from harness.campaign.check import Inconclusive
from harness.campaign.ics import Claim, Ics, IcsValue, Origin
from harness.campaign.register import Register, Requirement, Standing, Strictness
from harness.campaign.suite import SuiteUnreachable, Survey
from harness.testbed.blocking import BlockingHost
from harness.testbed.reached import Reached
from harness.wire.evidence import EvidenceLog
from qkd.run.v1.run_record_pb2 import Exchange

REQUIREMENTS = ("R-1", "R-2", "R-3")
CASES = (
    CaseSpec("014.fetch.once", ("R-1",), "A key is handed out once.", draws=2),
    CaseSpec("014.fetch.twice", ("R-1", "R-2"), "A key is not handed out twice.", draws=1, at_risk=1),
    CaseSpec("014.status.shape", ("R-2",), "The status has every member."),
    CaseSpec("014.pool.empty", ("R-2",), "An empty pool is said to be empty.", drains=True),
    CaseSpec("014.third.party", ("R-1",), "A third party gets nothing.", needs=frozenset({"third"})),
)


class Seen:
    """An answer, as a check takes it."""

    exchange = 0

    def describe(self) -> str:
        """One line."""
        return "200, 1 key (256 bit) \x1b[31m"


class FakeSuite:
    """A suite whose cases do what ``does`` says, by case id; the others pass.

    ``does`` holds ``fail``, ``warn``, ``inconclusive``, ``crash``, ``interrupt``, ``unreachable`` (under ``survey``).
    """

    name = "etsi014"
    title = "a fake suite"
    claims: Mapping[str, tuple[type, str]] = {"multicast": (bool, "whether it can")}
    sources = (Path(__file__).parent / "nothing",)
    role = "kme"

    def __init__(
        self,
        does: Mapping[str, str] | None = None,
        reasons: Mapping[str, str] | None = None,
        requirements: tuple[str, ...] = REQUIREMENTS,
    ) -> None:
        self.does = dict(does or {})
        self.requirements = requirements
        self.reasons = reasons or {"R-3": "cannot be seen from outside"}
        self.campaigns: list[Campaign] = []

    def register(self) -> Register:
        """See `REQUIREMENTS`."""
        return Register(
            self.name,
            tuple(
                Requirement(
                    name,
                    self.name,
                    "5.4",
                    Strictness.SHOULD if name == "R-2" else Strictness.SHALL,
                    Standing.CONFIRMED,
                    "kme",
                    f"text of {name}",
                    self.reasons.get(name, ""),
                )
                for name in self.requirements
            ),
        )

    def specs(self) -> tuple[CaseSpec, ...]:
        """See `CASES`."""
        return CASES

    @contextmanager
    def bench(
        self, host: BlockingHost, *, variant: str = "", settings: Mapping[str, str] | None = None
    ) -> Iterator[Reached]:
        """As of the suite for ETSI GS QKD 014."""
        with host.bed(variant=variant, settings=settings) as bed:
            yield bed.reached

    def bindings(self, reached: Reached) -> tuple[str, ...]:
        """As of the suite for ETSI GS QKD 014."""
        return ("https", "grpc") if all(kme.grpc_address for kme in reached.kmes) else ("https",)

    def survey(
        self, reached: Reached, claims: Mapping[str, IcsValue], options: Options, evidence: EvidenceLog
    ) -> Survey:
        """Says what it was told."""
        if self.does.get("survey") == "unreachable":
            raise SuiteUnreachable("kme-a at https://127.0.0.1:8443 does not answer sae-1: refused; is it running?")
        made = tuple(Claim(name, value, Origin.CLAIMED) for name, value in claims.items())
        return Survey(Ics(made), frozenset(), ("a note",))

    def execute(self, campaign: Campaign) -> None:
        """Runs the cases."""
        self.campaigns.append(campaign)
        if self.does.get("execute") == "crash":
            raise RuntimeError("the suite is broken")
        for planned in campaign.make_plan(CASES).selected:
            running = campaign.begin(planned)
            try:
                _DO[self.does.get(planned.id, "pass")](running, campaign)
            except KeyboardInterrupt:
                running.interrupted()
                raise
            except Exception as wrong:  # noqa: BLE001 - as pytest hands it over
                running.trouble(wrong, "call (fakes.py:1)")
            finally:
                running.finish()


def _judge(running: RunningCase, campaign: Campaign, *, held: bool, only: str = "") -> None:
    exchange = Exchange(caller="sae-3", kme="kme-b", request="POST https://kme-b/dec_keys", status=200)
    campaign.evidence.observe(exchange, wanted=0, received=0)
    for name in running.case.spec.verifies:
        running.check(name, held or only not in {"", name}, expected="401", got=Seen())


def _passes(running: RunningCase, campaign: Campaign) -> None:
    _judge(running, campaign, held=True)


def _fails(running: RunningCase, campaign: Campaign) -> None:
    _judge(running, campaign, held=False)


def _warns(running: RunningCase, campaign: Campaign) -> None:
    _judge(running, campaign, held=False, only="R-2")


def _undecided(_running: RunningCase, _campaign: Campaign) -> None:
    raise Inconclusive("the valid twin was refused")


def _crashes(_running: RunningCase, _campaign: Campaign) -> None:
    raise ZeroDivisionError("the case is broken")


def _is_ended(_running: RunningCase, _campaign: Campaign) -> None:
    os.kill(os.getpid(), signal.SIGINT)


_DO: Mapping[str, Callable[[RunningCase, Campaign], None]] = {
    "pass": _passes,
    "fail": _fails,
    "warn": _warns,
    "inconclusive": _undecided,
    "crash": _crashes,
    "interrupt": _is_ended,
}
