"""The suite for ETSI GS QKD 014 V1.1.1, KME role, as the campaign engine sees it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from conformance import pytest_plugin
from conformance.etsi014 import survey
from harness.campaign.campaign import Campaign, Options
from harness.campaign.case import CaseSpec
from harness.campaign.ics import IcsValue
from harness.campaign.register import Register
from harness.campaign.suite import Survey
from harness.testbed.reached import Reached
from harness.wire.evidence import EvidenceLog

_HERE = Path(__file__).parent


class Etsi014Suite:
    """See `harness.campaign.suite.Suite`.

    Attributes:
        claims: what a maker can claim under ``[ics.etsi014]``: type and meaning by name.
    """

    name = "etsi014"
    title = "ETSI GS QKD 014 V1.1.1, key delivery API, KME role"
    claims: Final[Mapping[str, tuple[type, str]]] = survey.CLAIMS

    @property
    def sources(self) -> Path:
        """The folder with the register and the cases."""
        return _HERE

    def register(self) -> Register:
        """The requirement register."""
        return _register()

    def specs(self) -> tuple[CaseSpec, ...]:
        """All cases, without running any."""
        return _specs()

    def survey(
        self, reached: Reached, claims: Mapping[str, IcsValue], options: Options, evidence: EvidenceLog
    ) -> Survey:
        """See `conformance.etsi014.survey.survey`."""
        return survey.survey(reached, claims, options, evidence)

    def execute(self, campaign: Campaign) -> None:
        """Plan and run the cases."""
        pytest_plugin.run(campaign, _HERE)


@cache
def _register() -> Register:
    return Register.load(_HERE / "register.toml")


@cache
def _specs() -> tuple[CaseSpec, ...]:
    return pytest_plugin.collect_specs(_HERE)


SUITE: Final = Etsi014Suite()
