"""The collection as the harness hosts it: every variant of `catalogue`, by name."""

from __future__ import annotations

from pathlib import Path

from qkd.vendor.v1.vendor_pb2 import ProvisionKmeRequest, ProvisionKmeResponse
from vendors.reference.kme import Parts
from vendors.reference.settings import KmeSettings
from vendors.reference.vendor import ReferenceVendor

from .shelf import RECIPES

SUITE = "etsi014"
# What all variants claim; the rest is discovered, as it differs from one to the other.
_CLAIMS: dict[str, object] = {
    "supported_mandatory_extension": "qkdh_route_type=direct",
    "unmet_mandatory_extension": "qkdh_route_type=scenic",
}


class FaultyVendor(ReferenceVendor):
    """Raises reference KMEs with one difference each; without a variant, the reference KME itself."""

    name = "faulty"
    variants = tuple(RECIPES)

    def ics(self) -> dict[str, dict[str, object]]:
        """What all variants have in common, and under "selfcheck" what each of them is for."""
        faults = {
            recipe.name: {"caught_by": list(recipe.caught_by), "about": recipe.about}
            for recipe in RECIPES.values()
            if not recipe.lawful
        }
        variants = {recipe.name: {"about": recipe.about} for recipe in RECIPES.values() if recipe.lawful}
        return {SUITE: dict(_CLAIMS), "selfcheck": {SUITE: {"faults": faults, "variants": variants}}}

    def parts_of(self, variant: str) -> Parts:
        """The parts of the reference KME, some of them replaced."""
        return RECIPES[variant].parts_of() if variant else Parts()

    def settings_of(self, variant: str, texts: dict[str, str]) -> KmeSettings:
        """Those of the target file, then those of the variant."""
        settings = super().settings_of(variant, texts)
        return RECIPES[variant].settings(settings) if variant else settings

    async def provision_kme(self, request: ProvisionKmeRequest, state: Path) -> ProvisionKmeResponse:
        """Starts a KME."""
        response = await super().provision_kme(request, state)
        if request.variant and not RECIPES[request.variant].grpc:
            response.grpc_address = ""
        return response
