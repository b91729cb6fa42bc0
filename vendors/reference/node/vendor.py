"""Reference KMEs and reference forwarding modules, hosted by one process."""

from __future__ import annotations

from pathlib import Path

from harness.sdk import Vendor
from qkd.vendor.v1.vendor_pb2 import (
    ConnectForwarderRequest,
    ConnectKmeRequest,
    ProvisionForwarderRequest,
    ProvisionForwarderResponse,
    ProvisionKmeRequest,
    ProvisionKmeResponse,
)
from vendors.reference.forwarding.vendor import ForwardingVendor
from vendors.reference.vendor import ReferenceVendor

CLAIMS: dict[str, object] = {
    "kme_settings": [
        "relay_saes={forwarders}",
        "max_key_size=65536",
        "link_block_octets=64",
        "high_water_octets=8192",
        "relayed_high_water_octets=512",
        "pending_octets=512",
    ],
    "forwarder_settings": [
        "relay_block_octets=64",
        "window=4",
        "hold_s=1",
        "block_timeout_s=1.5",
        "first_pause_s=0.01",
        "longest_pause_s=0.1",
    ],
    "ttl_settings": ["block_ttl_s={seconds}"],
    "patience_settings": ["combining_patience_s={seconds}"],
}
"""How the node suite has it set up: quick, with small blocks. See `conformance.node.survey.CLAIMS`."""


class NodeVendor(Vendor):
    """Raises any number of nodes; the two roles know nothing of each other but what the harness tells them."""

    name = "reference-node"
    vendor = "qkd-harness"
    version = "1.0.0"
    roles = ("kme", "forwarder")

    def __init__(self, kms: ReferenceVendor | None = None, forwarding: ForwardingVendor | None = None) -> None:
        self._kms = kms or ReferenceVendor()
        self._forwarding = forwarding or ForwardingVendor()

    def ics(self) -> dict[str, dict[str, object]]:
        """How it is set up for the node suite; its KMEs alone are checked as "reference"."""
        variants = {"": {"about": "the reference KMS and forwarding module in one process"}}
        return {"node": dict(CLAIMS), "selfcheck": {"node": {"variants": variants}}}

    async def provision_kme(self, request: ProvisionKmeRequest, state: Path) -> ProvisionKmeResponse:
        """See `ReferenceVendor`."""
        return await self._kms.provision_kme(request, state)

    async def connect_kme(self, request: ConnectKmeRequest) -> None:
        """See `ReferenceVendor`."""
        await self._kms.connect_kme(request)

    async def release_kme(self, instance_id: str) -> None:
        """See `ReferenceVendor`."""
        await self._kms.release_kme(instance_id)

    async def provision_forwarder(self, request: ProvisionForwarderRequest, state: Path) -> ProvisionForwarderResponse:
        """See `ForwardingVendor`."""
        return await self._forwarding.provision_forwarder(request, state)

    async def connect_forwarder(self, request: ConnectForwarderRequest) -> None:
        """See `ForwardingVendor`."""
        await self._forwarding.connect_forwarder(request)

    async def release_instance(self, instance_id: str) -> None:
        """See `ForwardingVendor`."""
        await self._forwarding.release_instance(instance_id)

    async def shutdown(self) -> None:
        """Ends the forwarding modules, then the KMEs that they take keys from."""
        await self._forwarding.shutdown()
        await self._kms.shutdown()
