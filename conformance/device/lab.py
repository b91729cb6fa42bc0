"""Where modules are tested: every case gets a fresh pair on a plant of its own, at a working point found before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from conformance.device.pair import Pair
from harness.testbed.blocking import BlockingHost
from harness.testbed.blocking_modules import blocking_modules
from harness.testbed.module_bench import Fibre
from harness.testbed.modules import claims_of

MODEL_SETTING: Final = "bench.model"
"""Setting of a target that the bench takes for itself: which of the maker's models to raise."""


@dataclass
class DeviceLab:
    """Raises pairs of modules on one host.

    Attributes:
        host: the maker's process.
        variant: of the implementation.
        settings: for every module, in the maker's own words.
        model: of the two ends; empty = the first that fits.
        fibre: what connects them; `conformance.device.survey` sets it to where the modules make keys.
    """

    host: BlockingHost
    variant: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    fibre: Fibre = field(default_factory=Fibre)

    @contextmanager
    def pair(self, fibre: Fibre | None = None) -> Iterator[Pair]:
        """Two modules (and a hub), OFF and not configured.

        Raises:
            HostingError: they do not come up.
            ContractError: they do not say what they can.
        """
        chosen = fibre or self.fibre
        made = blocking_modules(self.host, variant=self.variant, settings=self.settings, model=self.model, fibre=chosen)
        with made as modules:
            yield Pair(modules.bench, self.host.portal, chosen)

    @property
    def claims(self) -> dict[str, dict[str, Any]]:
        """See `harness.testbed.modules.claims_of`."""
        return claims_of(self.host.host, self.variant)
