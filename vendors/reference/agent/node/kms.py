"""The KMS side of the node: its KME (stock, pairings, applications) and its forwarding module (virtual links)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import grpc

from harness.sdk import bearer_metadata
from qkd.kms.v1 import control_pb2 as control
from qkd.kms.v1.control_pb2_grpc import KmsControlServiceStub
from qkd.kms.v1.store_pb2 import GetStoreRequest, LinkStore
from qkd.kms.v1.store_pb2_grpc import StoreServiceStub
from qkd.node.v1 import forwarding_pb2 as forwarding
from qkd.node.v1.forwarding_pb2_grpc import ForwardingServiceStub
from qkd.vendor.v1.vendor_pb2 import Credentials

from .part import CHANNEL_OPTIONS, Part
from .settings import NodeSettings


class Kme(Part):
    """The KME of the node, over mutual TLS with the agent's certificate.

    Args:
        asked: called with SAEs that want to be an application.

    Attributes:
        links: its account of each link, by the KME ID of the other end; empty when the agent is no monitor there.
        uses: what applications have taken, by app_id.
        pairings, applications: as wished.
    """

    def __init__(
        self,
        address: str,
        credentials: Credentials,
        settings: NodeSettings,
        changed: Callable[[], None],
        asked: Callable[[control.WatchRequestsResponse], None],
    ) -> None:
        super().__init__(f"KME at {address}", settings, changed)
        self.links: dict[str, LinkStore] = {}
        self.uses: dict[str, control.ApplicationUse] = {}
        self.pairings: Sequence[control.Pairing] = ()
        self.applications: Sequence[control.AdmittedApplication] = ()
        self.controlled = True
        self._commanded = False
        self._address = address
        self._credentials = credentials
        self._asked = asked
        self._control: Any = None
        self._store: Any = None

    async def run(self) -> None:
        """See `Part`."""
        own = self._credentials
        credentials = grpc.ssl_channel_credentials(own.trust_pem, own.private_key_pem, own.certificate_pem)
        async with AsyncExitStack() as stack:
            channel = grpc.aio.secure_channel(self._address, credentials, options=CHANNEL_OPTIONS)
            await stack.enter_async_context(channel)
            self._control, self._store = KmsControlServiceStub(channel), StoreServiceStub(channel)
            await super().run()

    def set(self, pairings: Sequence[control.Pairing], applications: Sequence[control.AdmittedApplication]) -> None:
        """From now on these."""
        if not self._commanded or (pairings, applications) != (self.pairings, self.applications):
            self._commanded = True
            self.pairings, self.applications = pairings, applications
            self.wish()

    async def tell(self) -> None:
        """See `Part`."""
        if not self._commanded or not self.reachable:
            return
        bound = self.settings.call_s
        await self._control.SetPairings(control.SetPairingsRequest(pairings=self.pairings), timeout=bound)
        try:
            request = control.SetApplicationsRequest(applications=self.applications)
            await self._control.SetApplications(request, timeout=bound)
            self.controlled = True
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.FAILED_PRECONDITION:
                raise
            self.controlled = False  # it serves every SAE that it knows

    def follows(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """See `Part`."""
        return (self._look, self._follow_requests)

    async def _look(self) -> None:
        while True:
            bound = self.settings.call_s
            try:
                store = await self._store.GetStore(GetStoreRequest(), timeout=bound)
                self.links = {link.peer_kme_id: link for link in store.links}
            except grpc.aio.AioRpcError as error:
                if error.code() != grpc.StatusCode.PERMISSION_DENIED:
                    raise
            self.found()
            if self.controlled:
                try:
                    answer = await self._control.GetApplications(control.GetApplicationsRequest(), timeout=bound)
                    self.uses = {use.app_id: use for use in answer.applications}
                except grpc.aio.AioRpcError as error:
                    if error.code() != grpc.StatusCode.FAILED_PRECONDITION:
                        raise
            self.changed()
            await asyncio.sleep(self.settings.poll_s)

    async def _follow_requests(self) -> None:
        try:
            async for asked in self._control.WatchRequests(control.WatchRequestsRequest(), wait_for_ready=True):
                self._asked(asked)
        except grpc.aio.AioRpcError as error:
            if error.code() not in {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNAVAILABLE}:
                raise


class Forwarder(Part):
    """The forwarding module of the node.

    Attributes:
        bits: carried for this KME and a distant one since the module was raised, by KME ID.
        links: as wished.
    """

    def __init__(self, address: str, token: str, settings: NodeSettings, changed: Callable[[], None]) -> None:
        super().__init__(f"forwarding module at {address}", settings, changed)
        self.bits: dict[str, int] = {}
        self.links: Sequence[forwarding.VirtualLink] = ()
        self._commanded = False
        self._address = address
        self._metadata = bearer_metadata(token)
        self._stub: Any = None

    async def run(self) -> None:
        """See `Part`."""
        async with AsyncExitStack() as stack:
            channel = grpc.aio.insecure_channel(self._address, options=CHANNEL_OPTIONS)
            self._stub = ForwardingServiceStub(await stack.enter_async_context(channel))
            await super().run()

    def set(self, links: Sequence[forwarding.VirtualLink]) -> None:
        """From now on these."""
        if not self._commanded or links != self.links:
            self._commanded = True
            self.links = links
            self.wish()

    async def tell(self) -> None:
        """See `Part`."""
        if self._commanded and self.reachable:
            request = forwarding.SetVirtualLinksRequest(links=self.links)
            await self._stub.SetVirtualLinks(request, metadata=self._metadata, timeout=self.settings.call_s)

    def follows(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """See `Part`."""
        return (self._look,)

    async def _look(self) -> None:
        while True:
            request = forwarding.GetForwardingRequest()
            answer = await self._stub.GetForwarding(request, metadata=self._metadata, timeout=self.settings.call_s)
            before, self.bits = self.bits, {relation.kme_id: relation.bits for relation in answer.relations}
            if any(self.bits.get(kme_id, -1) < count for kme_id, count in before.items()):
                self.wish()  # it was raised anew between two looks, and knows no links
            self.found()
            self.changed()
            await asyncio.sleep(self.settings.poll_s)
