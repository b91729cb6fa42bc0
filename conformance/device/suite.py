"""The suite for QKD modules (`qkd.device.v1`), as the campaign engine sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from conformance import pytest_plugin, quality
from conformance.device import survey
from conformance.device.lab import MODEL_SETTING, DeviceLab
from harness.campaign.campaign import Campaign, Options
from harness.campaign.case import CaseSpec
from harness.campaign.ics import IcsValue
from harness.campaign.register import Register
from harness.campaign.suite import Survey
from harness.testbed.blocking import BlockingHost
from harness.wire.evidence import EvidenceLog

_HERE = Path(__file__).parent


class DeviceSuite:
    """See `harness.campaign.suite.Suite`.

    Attributes:
        claims: what a maker can claim under ``[ics.device]``: type and meaning by name.
    """

    name = "device"
    title = "QKD modules, qkd.device.v1, and what physics asks of them"
    role = "module"
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
    ) -> Iterator[DeviceLab]:
        """A lab on the host; it raises a fresh pair of modules for every case."""
        own = dict(settings or {})
        model = own.pop(MODEL_SETTING, "")
        yield DeviceLab(host, variant, own, model)

    def bindings(self, reached: DeviceLab) -> tuple[str, ...]:
        """One: gRPC, which stands under the name that case ids leave out."""
        return ("https",)

    def survey(
        self, reached: DeviceLab, claims: Mapping[str, IcsValue], options: Options, evidence: EvidenceLog
    ) -> Survey:
        """See `conformance.device.survey.survey`."""
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


SUITE: Final = DeviceSuite()
