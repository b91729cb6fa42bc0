"""The reference KMS as the harness hosts it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import grpc

from harness.sdk import ContractError, Vendor
from qkd.vendor.v1.vendor_pb2 import ConnectKmeRequest, KeySource, ProvisionKmeRequest, ProvisionKmeResponse

from .intake.choice import Combining
from .kme import Parts, Provision, ReferenceKme
from .network import Network
from .settings import KmeSettings
from .source import SourceAddress, SourceKind
from .tls import KmeCredentials

_log = logging.getLogger(__name__)


class ReferenceVendor(Vendor):
    """Raises any number of reference KMEs in one process.

    A vendor of other KMEs overrides `parts_of` and `settings_of`.
    """

    name = "reference"
    vendor = "qkd-harness"
    version = "1.0.0"

    def __init__(self) -> None:
        self._kmes: dict[str, ReferenceKme] = {}

    def ics(self) -> dict[str, dict[str, object]]:
        """What it claims with its default settings."""
        return {
            "etsi014": {
                "multicast": True,
                "supported_mandatory_extension": "qkdh_route_type=direct",
                "unmet_mandatory_extension": "qkdh_route_type=scenic",
            }
        }

    def parts_of(self, variant: str) -> Parts:
        """The classes that a variant is made of."""
        return Parts()

    def settings_of(self, variant: str, texts: dict[str, str]) -> KmeSettings:
        """The settings of a variant, given those of the target file; raises ValueError."""
        return KmeSettings.from_text(texts)

    async def provision_kme(self, request: ProvisionKmeRequest, state: Path) -> ProvisionKmeResponse:
        """Starts a KME; goes on with the store that it finds."""
        try:
            settings = self.settings_of(request.variant, dict(request.settings))
            kme = ReferenceKme(_provision(request, settings), state, self.parts_of(request.variant))
        except ValueError as error:
            raise ContractError(grpc.StatusCode.INVALID_ARGUMENT, "PROVISION_INVALID", message=str(error)) from None
        try:
            endpoints = await kme.start()
        except BaseException:
            await kme.stop()
            raise
        self._kmes[request.instance_id] = kme
        _log.info("KME %s serves ETSI GS QKD 014 at %s", request.kme_id, endpoints.https_url)
        return ProvisionKmeResponse(
            etsi014_url=endpoints.https_url,
            grpc_address=endpoints.grpc,
            peer_address=endpoints.peer,
            push_address=endpoints.push,
        )

    async def connect_kme(self, request: ConnectKmeRequest) -> None:
        """Tells a KME where its peers are, and sources that have moved."""
        kme = self._kmes[request.instance_id]
        try:
            kme.move(_source(source) for source in request.moved_sources)
        except ValueError as error:
            raise ContractError(grpc.StatusCode.INVALID_ARGUMENT, "SOURCE_UNKNOWN", message=str(error)) from None
        kme.connect({peer.kme_id: peer.peer_address for peer in request.peers})

    async def release_kme(self, instance_id: str) -> None:
        """Stops a KME."""
        kme = self._kmes.pop(instance_id, None)
        if kme is not None:
            await kme.stop()

    async def shutdown(self) -> None:
        """Stops all KMEs."""
        # At the same time: each waits for the grace of its calls, and some streams never end by themselves.
        await asyncio.gather(*map(self.release_kme, list(self._kmes)))


def _provision(request: ProvisionKmeRequest, settings: KmeSettings) -> Provision:
    credentials = request.credentials
    return Provision(
        Network(request.kme_id, {sae.sae_id: sae.kme_id for sae in request.saes}),
        KmeCredentials(credentials.certificate_pem, credentials.private_key_pem, credentials.trust_pem),
        [_source(source) for source in request.key_sources],
        settings,
        {policy.peer_kme_id: Combining(policy.combining) for policy in request.link_policies},
        tuple(request.monitors),
        tuple(request.agents),
        request.controlled_applications,
    )


def _source(source: KeySource) -> SourceAddress:
    return SourceAddress(
        source.link_id,
        source.address,
        source.token,
        source.peer_kme_id,
        SourceKind(source.kind),
        source.source_id,
        source.maker,
        source.module_id,
    )
