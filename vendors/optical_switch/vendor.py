"""The emulated controllers of optical switches as the harness hosts them."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import grpc

from harness.sdk import ContractError, Vendor
from qkd.vendor.v1.vendor_pb2 import ProvisionOpticalSwitchRequest, ProvisionOpticalSwitchResponse

from .layout import Layout, Port
from .plant import PlantSwitches
from .refusals import RefusalError
from .server import TapiServer, server_context
from .services import Services
from .settings import FAILURES, SwitchSettings

_log = logging.getLogger(__name__)
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class _Raised:
    server: TapiServer
    switches: PlantSwitches

    async def stop(self) -> None:
        await self.server.stop()
        await self.switches.close()


class OpticalSwitchVendor(Vendor):
    """Raises any number of them in one process. Variants are the failures of `SwitchSettings`."""

    name = "emulated-optical-switch"
    vendor = "qkd-harness"
    version = "1.0.0"
    roles = ("optical-switch",)
    variants = FAILURES[1:]

    def __init__(self) -> None:
        self._raised: dict[str, _Raised] = {}

    async def provision_optical_switch(
        self, request: ProvisionOpticalSwitchRequest, state: Path
    ) -> ProvisionOpticalSwitchResponse:
        """Starts one; the services of an earlier life are there again."""
        try:
            raised, port = await _start(request, state)
        except (ValueError, RefusalError) as error:
            raise ContractError(grpc.StatusCode.INVALID_ARGUMENT, "PROVISION_INVALID", message=str(error)) from None
        self._raised[request.instance_id] = raised
        _log.info("optical switches %s are up", request.instance_id)
        return ProvisionOpticalSwitchResponse(tapi_url=f"https://{_HOST}:{port}")

    async def release_instance(self, instance_id: str) -> None:
        """Stops one. What it has connected stays connected."""
        raised = self._raised.pop(instance_id, None)
        if raised is not None:
            await raised.stop()

    async def shutdown(self) -> None:
        """Stops all of them."""
        await asyncio.gather(*map(self.release_instance, list(self._raised)))


async def _start(request: ProvisionOpticalSwitchRequest, state: Path) -> tuple[_Raised, int]:
    texts = dict(request.settings) | ({"failure": request.variant} if request.variant else {})
    settings = SwitchSettings.from_text(texts)
    layout = Layout(
        Port(one.device, one.port, one.switch_id, one.port_id, one.link_id, one.line) for one in request.ports
    )
    one = request.credentials
    context = server_context(one.certificate_pem, one.private_key_pem, one.trust_pem)
    switches = PlantSwitches(request.plant_address, request.plant_token, settings.request_s)
    services = Services(layout, switches, settings, clock=time.time, file=state / "services.json")
    server = TapiServer(layout, services, request.controllers)
    raised = _Raised(server, switches)
    try:
        await services.load()
        return raised, await server.start(_HOST, settings.port, context)
    except BaseException:
        await raised.stop()
        raise
