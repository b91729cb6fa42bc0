"""The reference forwarding modules as the harness hosts them."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import grpc

from harness.sdk import ContractError, Vendor
from qkd.vendor.v1.vendor_pb2 import ConnectForwarderRequest, ProvisionForwarderRequest, ProvisionForwarderResponse

from .credentials import SaeCredentials
from .forwarder import Forwarder, Parts, Peer, Provision
from .settings import ForwardingSettings

_log = logging.getLogger(__name__)


class ForwardingVendor(Vendor):
    """Raises any number of forwarding modules in one process.

    A vendor of other ones overrides `parts_of`.
    """

    name = "reference-forwarding"
    vendor = "qkd-harness"
    version = "1.0.0"
    roles = ("forwarder",)

    def __init__(self) -> None:
        self._forwarders: dict[str, Forwarder] = {}

    def parts_of(self, variant: str) -> Parts:
        """The classes that a variant is made of."""
        return Parts()

    async def provision_forwarder(self, request: ProvisionForwarderRequest, state: Path) -> ProvisionForwarderResponse:
        """Starts a forwarding module."""
        try:
            forwarder = Forwarder(_provision(request), state, self.parts_of(request.variant))
            try:
                endpoints = await forwarder.start()
            except BaseException:
                await forwarder.stop()
                raise
        except ValueError as error:
            raise _invalid("PROVISION_INVALID", error) from None
        self._forwarders[request.instance_id] = forwarder
        _log.info("forwarding module %s of KME %s is up", request.sae_id, request.kme_id)
        return ProvisionForwarderResponse(control_address=endpoints.control, hop_address=endpoints.hop)

    async def connect_forwarder(self, request: ConnectForwarderRequest) -> None:
        """Tells a forwarding module where its neighbours and its KME are."""
        try:
            peers = [Peer.of(peer.kme_id, peer.sae_id, peer.hop_address) for peer in request.peers]
            await self._forwarders[request.instance_id].connect(
                peers, kme_grpc_address=request.kme_grpc_address, kme_etsi014_url=request.kme_etsi014_url
            )
        except ValueError as error:
            raise _invalid("PEER_INVALID", error) from None

    async def release_instance(self, instance_id: str) -> None:
        """Stops a forwarding module."""
        forwarder = self._forwarders.pop(instance_id, None)
        if forwarder is not None:
            await forwarder.stop()

    async def shutdown(self) -> None:
        """Stops all of them."""
        # At the same time: each waits for the grace of its calls, and some streams never end by themselves.
        await asyncio.gather(*map(self.release_instance, list(self._forwarders)))


def _provision(request: ProvisionForwarderRequest) -> Provision:
    credentials = request.credentials
    return Provision(
        kme_id=request.kme_id,
        sae_id=request.sae_id,
        credentials=SaeCredentials(credentials.certificate_pem, credentials.private_key_pem, credentials.trust_pem),
        kme_grpc_address=request.kme_grpc_address,
        kme_etsi014_url=request.kme_etsi014_url,
        token=request.token,
        entropy_address=request.entropy_address,
        entropy_token=request.entropy_token,
        settings=ForwardingSettings.from_text(dict(request.settings)),
    )


def _invalid(reason: str, error: ValueError) -> ContractError:
    return ContractError(grpc.StatusCode.INVALID_ARGUMENT, reason, message=str(error))
