"""What a suite has to offer, so that it can be found by entry point and run on anything that was reached."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, cast

from harness.campaign.campaign import Campaign, Options
from harness.campaign.case import CaseSpec
from harness.campaign.ics import Ics, IcsValue
from harness.campaign.register import Register
from harness.testbed.blocking import BlockingHost
from harness.wire.evidence import EvidenceLog

GROUP = "qkd_harness.suites"


class SuiteUnreachable(Exception):  # noqa: N818 - told to the user, not a fault
    """The implementation does not answer well enough for the suite to start; the text says what to do."""


@dataclass(frozen=True)
class Survey:
    """What a suite saw before it planned: the ICS as used, what the target offers, and notes."""

    ics: Ics
    facilities: frozenset[str]
    notes: tuple[str, ...] = ()


class Suite(Protocol):
    """A conformance suite. Third parties' suites join by the entry-point group ``qkd_harness.suites``.

    Attributes:
        role: what it tests, a word of ``DescribeResponse.roles``: "kme", "module", "forwarder", … Several, joined by
            "+", are those that one process has to offer together.
    """

    name: str
    title: str
    role: str

    @property
    def sources(self) -> tuple[Path, ...]:
        """The folders with the register, the cases and what they share (their digest goes into the record)."""
        ...

    def register(self) -> Register:
        """The requirement register."""
        ...

    def specs(self) -> tuple[CaseSpec, ...]:
        """All cases, without running any."""
        ...

    def bench(
        self, host: BlockingHost, *, variant: str = "", settings: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Any]:
        """Raise what the suite tests on a process that runs, and release it afterwards.

        What it gives is this suite's own: it comes back in `survey`, `bindings` and `Campaign.reached`.
        """
        ...

    def bindings(self, reached: Any) -> tuple[str, ...]:
        """The bindings that what was raised or attached offers."""
        ...

    def survey(self, reached: Any, claims: Mapping[str, IcsValue], options: Options, evidence: EvidenceLog) -> Survey:
        """Look at the implementation, drawing no key.

        Raises:
            SuiteUnreachable: nothing sensible answers.
        """
        ...

    def execute(self, campaign: Campaign) -> None:
        """Plan and run the cases."""
        ...


def find_suites() -> dict[str, Suite]:
    """Suites by name, those of third parties too."""
    return {entry.name: cast(Suite, entry.load()) for entry in entry_points(group=GROUP)}
