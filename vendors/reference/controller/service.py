"""`qkd.control.v1.ControllerService` in front of a `Controller`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc

from harness.sdk import ContractError
from qkd.control.v1 import controller_pb2 as wire
from qkd.control.v1.controller_pb2_grpc import ControllerServiceServicer

from .answers import DIVERSITIES, METRICS, application_of, link_of, network_of, path_of
from .controller import Controller
from .disjoint import Search, disjoint
from .model import NodeRecord, PhysicalLink, VirtualLink
from .paths import Rules
from .refusals import invalid, unknown
from .store import NotInChargeError


class ControllerServicer(ControllerServiceServicer):
    """The servicer of one controller. Serve it behind the SDK's constraint interceptor, with its token.

    What changes the network is refused by a controller in reserve: FAILED_PRECONDITION / IN_RESERVE.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    async def GetNetwork(self, request: wire.GetNetworkRequest, context: object) -> wire.GetNetworkResponse:
        """Everything, as known now. In reserve: as stored when it was raised."""
        engine = self._controller.engine
        in_charge = engine.in_charge and engine.store.still_in_charge()
        return network_of(engine.plan, engine.network, in_charge=in_charge)

    async def AddNodes(self, request: wire.AddNodesRequest, context: object) -> wire.AddNodesResponse:
        """Discovers nodes; INVALID_ARGUMENT / URL_INVALID for what is no https URL, and then none is added."""
        self._controller.check_in_charge()
        records = [NodeRecord(node.restconf_url.rstrip("/"), node.domain) for node in request.nodes]
        if any(not record.url.startswith("https://") for record in records):
            raise invalid("URL_INVALID", "a node is reached by https only (RFC 8040, 2.1)")
        return wire.AddNodesResponse(qkdn_ids=await self._controller.add_nodes(records))

    async def RemoveNode(self, request: wire.RemoveNodeRequest, context: object) -> wire.RemoveNodeResponse:
        """NOT_FOUND / UNKNOWN_NODE."""
        self._controller.check_in_charge()
        self._controller.remove_node(request.qkdn_id)
        return wire.RemoveNodeResponse()

    async def ComputePaths(self, request: wire.ComputePathsRequest, context: object) -> wire.ComputePathsResponse:
        """Best first; fewer than asked for, or none, where there are no more."""
        network = self._controller.engine.network
        ends = request.from_qkdn_id, request.to_qkdn_id
        for node in ends:
            if network.view(node) is None:
                raise unknown("node", node)
        if ends[0] == ends[1]:
            raise invalid("SAME_NODE", "a path leads from one node to another")
        metric = METRICS.get(request.metric)
        if metric is None or (request.diversity and request.diversity not in DIVERSITIES):
            raise invalid("METRIC_UNKNOWN", "a metric or diversity of a newer contract")
        rules = Rules(request.bandwidth_bps, frozenset(request.without_qkdl_ids), network.no_relays())
        area, count = network.map(), request.count or 1
        if request.diversity:
            ways = disjoint(area, Search(*ends, count, metric, rules), DIVERSITIES[request.diversity])
        else:
            ways = area.several(*ends, count, metric, rules)
        return wire.ComputePathsResponse(paths=[path_of(way, metric) for way in ways])

    async def CreatePhysicalLink(
        self, request: wire.CreatePhysicalLinkRequest, context: object
    ) -> wire.CreatePhysicalLinkResponse:
        """W3; see `PhysicalLinks.create`."""
        self._controller.check_in_charge()
        attenuation = request.attenuation_db if request.HasField("attenuation_db") else None
        link = await self._controller.physical.create(
            request.qkdl_id, request.one, request.other, request.wavelength, attenuation
        )
        self._controller.following.wake()
        return wire.CreatePhysicalLinkResponse(link=self._link(link))

    async def CreateVirtualLink(
        self, request: wire.CreateVirtualLinkRequest, context: object
    ) -> wire.CreateVirtualLinkResponse:
        """W4; see `VirtualLinks.create`."""
        self._controller.check_in_charge()
        metric = METRICS.get(request.metric)
        if metric is None:
            raise invalid("METRIC_UNKNOWN", "a metric of a newer contract")
        link = await self._controller.virtual.create(
            request.qkdl_id, request.from_qkdn_id, request.to_qkdn_id, request.bandwidth_bps, metric
        )
        self._controller.following.wake()
        return wire.CreateVirtualLinkResponse(link=self._link(link))

    async def DeleteLink(self, request: wire.DeleteLinkRequest, context: object) -> wire.DeleteLinkResponse:
        """NOT_FOUND / UNKNOWN_LINK."""
        self._controller.check_in_charge()
        await self._controller.delete_link(request.qkdl_id)
        return wire.DeleteLinkResponse()

    async def AdmitApplication(
        self, request: wire.AdmitApplicationRequest, context: object
    ) -> wire.AdmitApplicationResponse:
        """W5. Refused for want of key is an answer, no error: see `admission` and `reason`."""
        self._controller.check_in_charge()
        qos = {one.name: value for one, value in request.qos.ListFields()}
        app = await self._controller.admissions.admit(
            request.server_app_id,
            request.client_app_ids,
            (request.server_qkdn_id, request.client_qkdn_id),
            request.priority,
            qos,
        )
        return wire.AdmitApplicationResponse(application=application_of(app))

    async def RemoveApplication(
        self, request: wire.RemoveApplicationRequest, context: object
    ) -> wire.RemoveApplicationResponse:
        """NOT_FOUND / UNKNOWN_APPLICATION."""
        self._controller.check_in_charge()
        await self._controller.remove_application(request.app_id)
        return wire.RemoveApplicationResponse()

    async def WatchJournal(
        self, request: wire.WatchJournalRequest, context: object
    ) -> AsyncIterator[wire.WatchJournalResponse]:
        """Entries as they come; the oldest may be gone (50,000 are kept)."""
        engine = self._controller.engine
        number = request.first or engine.store.last_number() + 1
        while True:
            noted = engine.noted
            for entry in engine.store.journal(number):
                number = entry.number + 1
                answer = wire.WatchJournalResponse(
                    number=entry.number, kind=entry.kind, subject=entry.subject, text=entry.text
                )
                answer.time.FromNanoseconds(int(entry.time * 1e9))
                yield answer
            if engine.store.last_number() < number:
                await noted.wait()

    async def TakeOver(self, request: wire.TakeOverRequest, context: object) -> wire.TakeOverResponse:
        """Returns when every node that answers was asked and mended."""
        try:
            await self._controller.take_over()
        except NotInChargeError:
            text = "yet another controller has taken over meanwhile"
            raise ContractError(grpc.StatusCode.ABORTED, "TAKEN_OVER", message=text) from None
        return wire.TakeOverResponse()

    def _link(self, link: PhysicalLink | VirtualLink) -> wire.NetworkLink:
        engine = self._controller.engine
        return link_of(link, engine.network, engine.plan.reserved_bps(link.qkdl_id))
