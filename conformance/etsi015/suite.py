"""The suite for SDN agents (ETSI GS QKD 015), as the campaign engine sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from conformance import pytest_plugin
from conformance.etsi015 import survey
from conformance.etsi015.lab import AgentLab
from harness.campaign.campaign import Campaign, Options
from harness.campaign.case import CaseSpec
from harness.campaign.ics import IcsValue
from harness.campaign.register import Register
from harness.campaign.suite import Survey
from harness.testbed.blocking import BlockingHost
from harness.wire.evidence import EvidenceLog

_HERE = Path(__file__).parent


class AgentSuite:
    """See `harness.campaign.suite.Suite`.

    Attributes:
        claims: what a maker can claim under ``[ics.etsi015]``: type and meaning by name.
    """

    name = "etsi015"
    title = "ETSI GS QKD 015 V2.1.1: SDN agent"
    role = "agent"
    claims: Final[Mapping[str, tuple[type, str]]] = survey.CLAIMS

    @property
    def sources(self) -> tuple[Path, ...]:
        """The folder with the register and the cases."""
        return (_HERE,)

    def register(self) -> Register:
        """The requirement register."""
        return _register()

    def specs(self) -> tuple[CaseSpec, ...]:
        """All cases, without running any."""
        return _specs()

    @contextmanager
    def bench(
        self, host: BlockingHost, *, variant: str = "", settings: Mapping[str, str] | None = None
    ) -> Iterator[AgentLab]:
        """A lab on the host; cases raise agents in it."""
        lab = AgentLab(host, variant, dict(settings or {}))
        try:
            yield lab
        finally:
            lab.end_shared()

    def bindings(self, reached: AgentLab) -> tuple[str, ...]:
        """One: RESTCONF, which stands under the name that case ids leave out."""
        return ("https",)

    def survey(
        self, reached: AgentLab, claims: Mapping[str, IcsValue], options: Options, evidence: EvidenceLog
    ) -> Survey:
        """See `conformance.etsi015.survey.survey`."""
        reached.evidence = evidence
        return survey.survey(reached, claims)

    def execute(self, campaign: Campaign) -> None:
        """Plan and run the cases."""
        pytest_plugin.run(campaign, _HERE)


@cache
def _register() -> Register:
    return Register.load(_HERE / "register.toml")


@cache
def _specs() -> tuple[CaseSpec, ...]:
    return pytest_plugin.collect_specs(_HERE)


SUITE: Final = AgentSuite()
