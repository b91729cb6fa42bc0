"""The suite for ETSI GS QKD 014 V1.1.1, KME role, as the campaign engine sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from conformance import pytest_plugin, quality
from conformance.etsi014 import survey
from harness.campaign.campaign import Campaign, Options
from harness.campaign.case import CaseSpec
from harness.campaign.ics import IcsValue
from harness.campaign.register import Register
from harness.campaign.suite import Survey
from harness.testbed.blocking import BlockingHost
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
    role = "kme"
    claims: Final[Mapping[str, tuple[type, str]]] = survey.CLAIMS

    @property
    def sources(self) -> tuple[Path, ...]:
        """The folders with the register, the cases, and what they judge keys by."""
        return (_HERE, Path(quality.__file__).parent)

    def register(self) -> Register:
        """The requirement register."""
        return _register()

    def specs(self) -> tuple[CaseSpec, ...]:
        """All cases, without running any."""
        return _specs()

    @contextmanager
    def bench(
        self, host: BlockingHost, *, variant: str = "", settings: Mapping[str, str] | None = None
    ) -> Iterator[Reached]:
        """Two KMEs with three SAEs."""
        with host.bed(variant=variant, settings=settings) as bed:
            yield bed.reached

    def bindings(self, reached: Reached) -> tuple[str, ...]:
        """HTTPS, and gRPC where every KME offers it."""
        grpc = all(kme.grpc_address for kme in reached.kmes)
        return ("https", "grpc") if grpc else ("https",)

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
