"""`qkd.node.v1.ForwardingService` in front of a `Relay`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc

from harness.sdk import ContractError
from qkd.node.v1 import forwarding_pb2 as wire
from qkd.node.v1.forwarding_pb2_grpc import ForwardingServiceServicer

from .relay import Relay
from .virtual import VirtualLink


class ForwardingServicer(ForwardingServiceServicer):
    """The servicer of one forwarding module. Serve it behind the SDK's constraint interceptor, with its token."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def SetRoutes(self, request: wire.SetRoutesRequest, context: object) -> wire.SetRoutesResponse:
        """All routes, or INVALID_ARGUMENT / ROUTE_INVALID and nothing has changed."""
        routes = {route.destination_kme_id: tuple(tuple(path.hops) for path in route.paths) for route in request.routes}
        if len(routes) < len(request.routes):
            raise _invalid("ROUTE_INVALID", "two routes lead to the same destination")
        try:
            await self._relay.set_routes(routes)
        except ValueError as error:
            raise _invalid("ROUTE_INVALID", str(error)) from None
        return wire.SetRoutesResponse()

    async def SetVirtualLinks(
        self, request: wire.SetVirtualLinksRequest, context: object
    ) -> wire.SetVirtualLinksResponse:
        """All virtual links, or INVALID_ARGUMENT / LINK_INVALID and nothing has changed."""
        links = [
            VirtualLink(one.link_id, one.previous_kme_id, one.next_kme_id, one.far_kme_id) for one in request.links
        ]
        try:
            await self._relay.set_virtual_links(links)
        except ValueError as error:
            raise _invalid("LINK_INVALID", str(error)) from None
        return wire.SetVirtualLinksResponse()

    async def GetForwarding(self, request: wire.GetForwardingRequest, context: object) -> wire.GetForwardingResponse:
        """What was done and spent since the module was raised."""
        relay = self._relay
        return wire.GetForwardingResponse(
            neighbours=[
                wire.Neighbour(
                    kme_id=one.kme_id,
                    pad_bits=one.account.pad_bits,
                    mac_bits=one.account.mac_bits,
                    messages=one.account.messages,
                    held_bits=one.supply.held_bits,
                    discarded_bits=one.supply.discarded_bits,
                )
                for one in relay.neighbours.values()
            ],
            relations=[
                wire.Relation(
                    kme_id=one.peer_kme_id,
                    origin=one.origin,
                    blocks=one.blocks,
                    bits=one.bits,
                    lost_blocks=one.lost,
                )
                for one in relay.relations.values()
            ],
            tampered=relay.tampered,
            dropped=relay.dropped,
        )

    async def StreamRelayedBlocks(
        self, request: wire.StreamRelayedBlocksRequest, context: Any
    ) -> AsyncIterator[wire.StreamRelayedBlocksResponse]:
        """Blocks as they come; ABORTED / READ_ELSEWHERE when another stream of the same peer begins."""
        try:
            outlet = await self._relay.outlet(request.peer_kme_id)
        except ValueError as error:
            raise _invalid("PEER_INVALID", str(error)) from None
        reader = outlet.enter()
        # A generator that is suspended in `yield` does not learn that its call is over.
        context.add_done_callback(lambda _: outlet.leave(reader))
        given = 0
        while (block := await outlet.next(reader)) is not None:
            given += 1
            if given == request.most_blocks:
                outlet.leave(reader)
            yield wire.StreamRelayedBlocksResponse(block_id=block.block_id, octets=block.octets, relays=block.relays)
            if given == request.most_blocks:
                return
        raise ContractError(grpc.StatusCode.ABORTED, "READ_ELSEWHERE", message="another stream reads these blocks")


def _invalid(reason: str, message: str) -> ContractError:
    return ContractError(grpc.StatusCode.INVALID_ARGUMENT, reason, message=message)
