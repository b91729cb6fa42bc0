"""The KME and the forwarding module of a node, as a case plays them: they obey, and write down what they were told."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc

from harness.pki import Wallet
from harness.sdk.server import ContractServer, contract_server
from qkd.kms.v1 import control_pb2 as control
from qkd.kms.v1 import store_pb2 as store
from qkd.kms.v1.control_pb2_grpc import KmsControlServiceServicer
from qkd.kms.v1.store_pb2_grpc import StoreServiceServicer
from qkd.node.v1 import forwarding_pb2 as forwarding
from qkd.node.v1.forwarding_pb2_grpc import ForwardingServiceServicer


class PlayedKme(StoreServiceServicer, KmsControlServiceServicer):
    """A KME that gives no keys.

    Args:
        kme_id: who it is.
        wallet: where its certificate comes from.

    Attributes:
        pairings, applications: as it was told last.
        stock: bits that it says it has, by the KME ID of the peer.
        consumed: bits that it says an application took, by app_id.
    """

    def __init__(self, kme_id: str, wallet: Wallet) -> None:
        self.kme_id = kme_id
        self.pairings: Sequence[control.Pairing] = ()
        self.applications: Sequence[control.AdmittedApplication] = ()
        self.stock: dict[str, int] = {}
        self.consumed: dict[str, int] = {}
        self._requests: list[control.WatchRequestsResponse] = []
        self._changed = asyncio.Condition()
        self._wallet = wallet
        self.server: ContractServer | None = None

    @property
    def address(self) -> str:
        """Where it answers."""
        assert self.server is not None  # noqa: S101 - it has been started
        return self.server.address

    async def start(self, port: int = 0) -> None:
        """Begins to answer, over mutual TLS."""
        own = self._wallet.kme(self.kme_id)
        secret = grpc.ssl_server_credentials(
            [(own.private_key_pem, own.certificate_pem)], self._wallet.trust_pem, require_client_auth=True
        )
        self.server = contract_server(self, port=port, credentials=secret)
        await self.server.start()

    async def stop(self) -> None:
        """Is gone."""
        if self.server is not None:
            await self.server.stop(None)

    async def ask(self, server_sae: str, client_sae: str) -> None:
        """Two SAEs that are no application yet want keys."""
        async with self._changed:
            self._requests.append(control.WatchRequestsResponse(server_sae_id=server_sae, client_sae_ids=[client_sae]))
            self._changed.notify_all()

    def reset(self) -> None:
        """Forgets stocks, uses and requests."""
        self.stock.clear()
        self.consumed.clear()
        self._requests.clear()

    async def GetStore(self, request: store.GetStoreRequest, context: object) -> store.GetStoreResponse:
        """See `StoreService`."""
        links = [
            store.LinkStore(
                link_id=f"{self.kme_id}--{peer}",
                peer_kme_id=peer,
                received_bits=bits,
                in_stock_bits=bits,
                stored_key_count=bits // 256,
                low=bits < 4096,
            )
            for peer, bits in self.stock.items()
        ]
        return store.GetStoreResponse(links=links)

    async def SetPairings(self, request: control.SetPairingsRequest, context: object) -> control.SetPairingsResponse:
        """See `KmsControlService`."""
        self.pairings = tuple(request.pairings)
        return control.SetPairingsResponse()

    async def SetApplications(
        self, request: control.SetApplicationsRequest, context: object
    ) -> control.SetApplicationsResponse:
        """See `KmsControlService`."""
        self.applications = tuple(request.applications)
        return control.SetApplicationsResponse()

    async def GetApplications(
        self, request: control.GetApplicationsRequest, context: object
    ) -> control.GetApplicationsResponse:
        """See `KmsControlService`."""
        uses = [
            control.ApplicationUse(app_id=one.app_id, consumed_bits=self.consumed.get(one.app_id, 0))
            for one in self.applications
        ]
        return control.GetApplicationsResponse(applications=uses)

    async def WatchRequests(
        self, request: control.WatchRequestsRequest, context: Any
    ) -> AsyncIterator[control.WatchRequestsResponse]:
        """See `KmsControlService`."""
        place = 0
        while True:
            while place < len(self._requests):
                place += 1
                yield self._requests[place - 1]
            async with self._changed:
                place = min(place, len(self._requests))
                if place == len(self._requests):
                    await self._changed.wait()


class PlayedForwarder(ForwardingServiceServicer):
    """A forwarding module that carries nothing.

    Attributes:
        token: to show to it.
        links: virtual links as it was told last.
    """

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(24)
        self.links: Sequence[forwarding.VirtualLink] = ()
        self.server: ContractServer | None = None

    @property
    def address(self) -> str:
        """Where it answers."""
        assert self.server is not None  # noqa: S101 - it has been started
        return self.server.address

    async def start(self, port: int = 0) -> None:
        """Begins to answer."""
        self.server = contract_server(self, port=port, token=self.token)
        await self.server.start()

    async def stop(self) -> None:
        """Is gone."""
        if self.server is not None:
            await self.server.stop(None)

    async def SetVirtualLinks(
        self, request: forwarding.SetVirtualLinksRequest, context: object
    ) -> forwarding.SetVirtualLinksResponse:
        """See `ForwardingService`."""
        self.links = tuple(request.links)
        return forwarding.SetVirtualLinksResponse()

    async def GetForwarding(
        self, request: forwarding.GetForwardingRequest, context: object
    ) -> forwarding.GetForwardingResponse:
        """See `ForwardingService`."""
        return forwarding.GetForwardingResponse()
