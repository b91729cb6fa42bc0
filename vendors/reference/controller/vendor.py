"""The reference SDN controllers as the harness hosts them."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from pathlib import Path

import grpc

from harness.sdk import ContractError, Vendor
from qkd.vendor.v1.vendor_pb2 import ProvisionControllerRequest, ProvisionControllerResponse

from .controller import Controller, Provision
from .restconf import Credentials
from .settings import ControllerSettings

_log = logging.getLogger(__name__)


class ControllerVendor(Vendor):
    """Raises any number of controllers in one process.

    A vendor of other ones overrides `controller_of`.
    """

    name = "reference-controller"
    vendor = "qkd-harness"
    version = "1.0.0"
    roles = ("controller",)

    def __init__(self) -> None:
        self._controllers: dict[str, Controller] = {}

    def controller_of(self, variant: str) -> type[Controller]:
        """The class that a variant is."""
        return Controller

    async def provision_controller(
        self, request: ProvisionControllerRequest, state: Path
    ) -> ProvisionControllerResponse:
        """Starts a controller; what it wanted in an earlier life it goes on with."""
        try:
            controller = self.controller_of(request.variant)(_provision(request), state)
            try:
                address = await controller.start()
            except BaseException:
                await controller.stop()
                raise
        except (ValueError, sqlite3.DatabaseError) as error:
            raise ContractError(grpc.StatusCode.INVALID_ARGUMENT, "PROVISION_INVALID", message=str(error)) from None
        self._controllers[request.instance_id] = controller
        _log.info("controller %s is up", request.instance_id)
        return ProvisionControllerResponse(control_address=address)

    async def release_instance(self, instance_id: str) -> None:
        """Stops a controller."""
        controller = self._controllers.pop(instance_id, None)
        if controller is not None:
            await controller.stop()

    async def shutdown(self) -> None:
        """Stops all of them."""
        await asyncio.gather(*map(self.release_instance, list(self._controllers)))


def _provision(request: ProvisionControllerRequest) -> Provision:
    credentials = request.credentials
    return Provision(
        credentials=Credentials(credentials.certificate_pem, credentials.private_key_pem, credentials.trust_pem),
        token=request.token,
        tapi_urls=tuple(request.tapi_urls),
        in_reserve=request.in_reserve,
        settings=ControllerSettings.from_text(dict(request.settings)),
    )
