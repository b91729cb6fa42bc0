"""A maker of emulated modules, as the harness hosts it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any, ClassVar

import grpc

from harness.sdk import ContractError, Vendor
from qkd.device.v1 import module_pb2 as pb
from qkd.vendor.v1.vendor_pb2 import ProvisionModuleRequest, ProvisionModuleResponse

from .instance import ModuleInstance
from .settings import ModuleSettings
from .spec import ModelSpec

_log = logging.getLogger(__name__)


class EmulatedMaker(Vendor):
    """Raises any number of modules in one process. A maker names itself and gives its `models`."""

    roles = ("module",)
    version = "1.0.0"
    models: ClassVar[tuple[ModelSpec, ...]]

    def __init__(self) -> None:
        self._instances: dict[str, ModuleInstance] = {}

    def ics(self) -> dict[str, dict[str, object]]:
        """Its claims under "device": by model what `GetCapabilities` says with default settings."""
        return {"device": {"models": {spec.model: _claims(spec) for spec in self.models}}}

    def made(self, request: ProvisionModuleRequest, spec: ModelSpec, state: Path) -> ModuleInstance:
        """The instance for a request; a vendor of other modules overrides it."""
        return ModuleInstance(request, spec, state)

    async def provision_module(self, request: ProvisionModuleRequest, state: Path) -> ProvisionModuleResponse:
        """Raises a module, OFF.

        Raises:
            ContractError: INVALID_ARGUMENT / MODEL_UNKNOWN, ROLE_EXCLUDED or PROVISION_INVALID; or as the plant
                refuses the port.
        """
        spec = self._spec(request)
        try:
            instance = self.made(request, spec, state)
        except ValueError as error:
            raise _invalid("PROVISION_INVALID", str(error)) from None
        try:
            response = await instance.start()
        except BaseException:
            await instance.stop()
            raise
        self._instances[request.instance_id] = instance
        _log.info("%s %s is %s at %s", spec.maker, spec.model, request.module_id, response.control_address)
        return response

    async def release_instance(self, instance_id: str) -> None:
        """Stops a module."""
        instance = self._instances.pop(instance_id, None)
        if instance is not None:
            await instance.stop()

    async def shutdown(self) -> None:
        """Stops all modules."""
        # At the same time: each waits for the grace of its calls, and some streams never end by themselves.
        await asyncio.gather(*map(self.release_instance, list(self._instances)))

    def _spec(self, request: ProvisionModuleRequest) -> ModelSpec:
        found = [spec for spec in self.models if spec.model == request.model]
        if not request.model:
            found = [spec for spec in self.models if request.role in spec.roles]
            if not found:
                raise _invalid("ROLE_EXCLUDED", f"{self.vendor} has no model for this role")
        if len(found) != 1:
            names = ", ".join(spec.model for spec in self.models)
            raise _invalid("MODEL_UNKNOWN", f"models of {self.vendor} are {names}")
        if request.role not in found[0].roles:
            raise _invalid("ROLE_EXCLUDED", f"{found[0].model} does not play this role")
        return found[0]


def _claims(spec: ModelSpec) -> dict[str, Any]:
    settings = ModuleSettings(**spec.defaults)
    limits = spec.rates({}).limits
    return {
        "protocol": pb.Protocol.Name(spec.protocol),
        "roles": [pb.ModuleRole.Name(role) for role in spec.roles],
        "handover": pb.Handover.Name(spec.handover),
        "channels": list(spec.channels),
        "free_pairing": spec.free_pairing,
        "block_octets": settings.block_octets,
        "clock_hz": limits.clock_hz,
        "max_loss_db": limits.max_loss_db,
        "qber_abort": limits.qber_abort,
        "excess_noise_abort": limits.excess_noise_abort,
    }


def _invalid(reason: str, text: str) -> ContractError:
    return ContractError(grpc.StatusCode.INVALID_ARGUMENT, reason, message=text)
