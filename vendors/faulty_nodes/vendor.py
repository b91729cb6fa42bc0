"""The collection as the harness hosts it: every variant of `catalogue`, by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from qkd.vendor.v1.vendor_pb2 import ProvisionForwarderRequest, ProvisionForwarderResponse
from vendors.reference import kme
from vendors.reference.forwarding import forwarder
from vendors.reference.forwarding.vendor import ForwardingVendor
from vendors.reference.node.vendor import CLAIMS, NodeVendor
from vendors.reference.settings import KmeSettings
from vendors.reference.vendor import ReferenceVendor

from .shelf import RECIPES

SUITE = "node"


class _Kms(ReferenceVendor):
    def parts_of(self, variant: str) -> kme.Parts:
        return replace(kme.Parts(), **cast(Any, RECIPES[variant].kme)) if variant else kme.Parts()

    def settings_of(self, variant: str, texts: dict[str, str]) -> KmeSettings:
        return super().settings_of(variant, texts | dict(RECIPES[variant].kme_settings) if variant else texts)


class _Forwarding(ForwardingVendor):
    def parts_of(self, variant: str) -> forwarder.Parts:
        return replace(forwarder.Parts(), **cast(Any, RECIPES[variant].forwarder)) if variant else forwarder.Parts()

    async def provision_forwarder(self, request: ProvisionForwarderRequest, state: Path) -> ProvisionForwarderResponse:
        if request.variant:
            request.settings.update(RECIPES[request.variant].forwarder_settings)
        return await super().provision_forwarder(request, state)


class FaultyNodes(NodeVendor):
    """Raises reference nodes with one difference each; without a variant, the reference node itself."""

    name = "faulty-nodes"
    variants = tuple(RECIPES)

    def __init__(self) -> None:
        super().__init__(_Kms(), _Forwarding())

    def ics(self) -> dict[str, dict[str, object]]:
        """How it is set up, and under "selfcheck" what each variant is for."""
        faults = {
            one.name: {"caught_by": list(one.caught_by), "about": one.about}
            for one in RECIPES.values()
            if one.caught_by
        }
        variants = {one.name: {"about": one.about} for one in RECIPES.values() if not one.caught_by}
        return {SUITE: dict(CLAIMS), "selfcheck": {SUITE: {"faults": faults, "variants": variants}}}
