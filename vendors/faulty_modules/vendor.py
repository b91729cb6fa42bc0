"""The collection as the harness hosts it: every variant of `catalogue`, by name."""

from __future__ import annotations

from pathlib import Path

from harness.sdk import contract_server
from qkd.vendor.v1.vendor_pb2 import ProvisionModuleRequest
from vendors.emulation.instance import ModuleInstance
from vendors.emulation.maker import EmulatedMaker
from vendors.emulation.service import ModuleService
from vendors.emulation.spec import ModelSpec

from .catalogue import Recipe
from .models import BB84
from .shelf import RECIPES

SUITE = "device"
_GRACE_S = 0.5


class FaultyInstance(ModuleInstance):
    """A module with the difference of a recipe."""

    def __init__(self, request: ProvisionModuleRequest, spec: ModelSpec, state: Path, recipe: Recipe) -> None:
        super().__init__(request, spec, state)
        self._recipe = recipe
        recipe.change(self.module)

    async def _listen(self, port: int) -> str:
        if self._recipe.guarded:
            return await super()._listen(port)
        server = contract_server(ModuleService(self.module), port=port)
        await server.start()
        self._stack.push_async_callback(server.stop, _GRACE_S)
        return server.address


class FaultyModules(EmulatedMaker):
    """Raises emulated modules with one difference each; without a variant, an emulated BB84 module."""

    name = "faulty-modules"
    vendor = "harness"
    models = (BB84,)
    variants = tuple(RECIPES)

    def ics(self) -> dict[str, dict[str, object]]:
        """Which models each variant has, and under "selfcheck" what it is for."""
        faults = {
            recipe.name: {"caught_by": list(recipe.caught_by), "about": recipe.about}
            for recipe in RECIPES.values()
            if not recipe.lawful
        }
        variants = {recipe.name: {"about": recipe.about} for recipe in RECIPES.values() if recipe.lawful}
        variants[""] = {"about": "the emulated module that all others differ from"}
        return {
            **super().ics(),
            SUITE: {**super().ics()[SUITE], "variants": {name: self._models(one) for name, one in RECIPES.items()}},
            "selfcheck": {SUITE: {"faults": faults, "variants": variants}},
        }

    @staticmethod
    def _models(recipe: Recipe) -> dict[str, object]:
        claimed = type("Variant", (EmulatedMaker,), {"models": recipe.models})()
        return {"models": claimed.ics()[SUITE]["models"]}

    def made(self, request: ProvisionModuleRequest, spec: ModelSpec, state: Path) -> ModuleInstance:
        """With its difference."""
        if not request.variant:
            return super().made(request, spec, state)
        return FaultyInstance(request, spec, state, RECIPES[request.variant])

    def _spec(self, request: ProvisionModuleRequest) -> ModelSpec:
        if not request.variant:
            return super()._spec(request)
        of_variant = type(
            "Variant", (EmulatedMaker,), {"models": RECIPES[request.variant].models, "vendor": self.vendor}
        )
        return EmulatedMaker._spec(of_variant(), request)  # noqa: SLF001 - its own base, with other models
