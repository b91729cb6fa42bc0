"""Quside as the harness hosts it: any number of generators in one process."""

from __future__ import annotations

import logging
from pathlib import Path

import grpc

from harness.sdk import ContractError, Vendor
from qkd.vendor.v1.vendor_pb2 import ProvisionEntropyRequest, ProvisionEntropyResponse

from .noise import FAULTS, QrngSettings
from .qrng import QusideQrng

_log = logging.getLogger(__name__)


class QusideVendor(Vendor):
    """Raises generators. A variant is a generator whose source fails in the way of that name."""

    name = "quside"
    vendor = "Quside (emulated)"
    version = "1.0.0"
    roles = ("entropy",)
    variants = tuple(fault for fault in FAULTS if fault)

    def __init__(self) -> None:
        self._generators: dict[str, QusideQrng] = {}

    def ics(self) -> dict[str, dict[str, object]]:
        """What it claims."""
        return {"entropy": {"rest": True, "grpc": True, "health_tests": "SP 800-90B 4.4.1, 4.4.2"}}

    async def provision_entropy(self, request: ProvisionEntropyRequest, state: Path) -> ProvisionEntropyResponse:
        """Starts a generator; it keeps nothing."""
        texts = dict(request.settings)
        if request.variant:
            texts["fault"] = request.variant
        try:
            generator = QusideQrng(request.token, QrngSettings.from_text(texts))
        except ValueError as error:
            raise ContractError(grpc.StatusCode.INVALID_ARGUMENT, "PROVISION_INVALID", message=str(error)) from None
        try:
            endpoints = await generator.start()
        except BaseException:
            await generator.stop()
            raise
        self._generators[request.instance_id] = generator
        _log.info("generator %s gives entropy at %s", request.instance_id, endpoints.rest_url)
        return ProvisionEntropyResponse(grpc_address=endpoints.grpc, rest_url=endpoints.rest_url)

    async def release_instance(self, instance_id: str) -> None:
        """Stops a generator."""
        generator = self._generators.pop(instance_id, None)
        if generator is not None:
            await generator.stop()

    async def shutdown(self) -> None:
        """Stops all of them."""
        for instance_id in list(self._generators):
            await self.release_instance(instance_id)
