"""Faults in how blocks are carried, confirmed and counted."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from qkd.node.v1 import forwarding_pb2 as wire
from qkd.node.v1.hop_pb2 import Share
from vendors.reference.forwarding.hops import HopKey
from vendors.reference.forwarding.neighbour import Neighbour
from vendors.reference.forwarding.origin import BLOCK_ID_OCTETS, Origin, Paths, relays_of
from vendors.reference.forwarding.outlet import RelayedBlock
from vendors.reference.forwarding.relay import Relay
from vendors.reference.forwarding.service import ForwardingServicer

from .catalogue import fault, part_fault

_MOST_AT_ONCE = 400


@part_fault("not-confirmed", "NODE-CONFIRM-1")
class NotConfirmed(Origin):
    """The origin hands out a block as soon as it is sent."""

    async def _send(
        self, octets: bytes, shares: Sequence[bytes], paths: Paths, keys: list[tuple[Neighbour, HopKey]]
    ) -> None:
        block = RelayedBlock(secrets.token_bytes(BLOCK_ID_OCTETS), octets, relays_of([path[:-1] for path in paths]))
        unheard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unconfirmed[block.block_id] = (paths[0][0], unheard)
        for number, (path, share) in enumerate(zip(paths, shares, strict=True)):
            kind = Share(
                block_id=block.block_id,
                origin_kme_id=self._kme_id,
                hops=path,
                passed=[self._kme_id],
                number=number,
                shares=len(paths),
            )
            neighbour, key = keys.pop(0)
            await neighbour.post(key, kind, share)
        self._relation.carried(block)
        self._outlet.add(block)


@part_fault("spends-when-blocked", "NODE-PRESSURE-1", "NODE-PRESSURE-4")
class SpendsWhenBlocked(Origin):
    """The origin makes blocks as long as it has hop keys, whether the last ones were confirmed or not."""

    def _wanted(self) -> bool:
        return len(self._under_way) < _MOST_AT_ONCE and self._outlet.read and bool(self._paths)

    def _slow_down(self) -> None:
        """It does not."""


@fault("relay-keeps-blocks", "NODE-RELAY-4")
class RelayKeepsBlocks(Relay):
    """A relay hands blocks that pass it to whoever reads there."""

    async def _share(self, share: Share, payload: bytes, sender: Neighbour) -> None:
        if len(share.hops) > 1:
            outlet = await self.outlet(share.origin_kme_id)
            if len(outlet) < self._settings.window:
                outlet.add(RelayedBlock(share.block_id, payload, ()))
        await super()._share(share, payload, sender)


@fault("loops-accepted", "NODE-ROUTE-1")
class LoopsAccepted(Relay):
    """A route is taken as it is given, so long as it begins at a neighbour and ends at its destination."""

    def _check_route(self, destination: str, paths: Paths) -> None:
        for path in paths:
            if path[-1] != destination or path[0] not in self.neighbours:
                raise ValueError("the path does not lead there")


@fault("old-routes-stay", "NODE-ROUTE-3")
class OldRoutesStay(Relay):
    """SetRoutes adds to the routes that there are."""

    async def set_routes(self, routes: Mapping[str, Paths]) -> None:
        """See `Relay`."""
        await super().set_routes({**self._routes, **routes})


@fault("tampering-not-counted", "NODE-TAMPER-3")
class TamperingNotCounted(ForwardingServicer):
    """Messages that were tampered with are refused, and nobody is told."""

    async def GetForwarding(self, request: wire.GetForwardingRequest, context: object) -> wire.GetForwardingResponse:
        """See `ForwardingServicer`."""
        said = await super().GetForwarding(request, context)
        said.tampered = 0
        return said


@fault("mac-keys-not-counted", "NODE-ACC-1", "NODE-ACC-2")
class MacKeysNotCounted(ForwardingServicer):
    """The account leaves out what authentication costs."""

    async def GetForwarding(self, request: wire.GetForwardingRequest, context: object) -> wire.GetForwardingResponse:
        """See `ForwardingServicer`."""
        said = await super().GetForwarding(request, context)
        for neighbour in said.neighbours:
            neighbour.mac_bits = 0
        return said


@part_fault("held-keys-forgotten", "NODE-ACC-2")
class HeldKeysForgotten(Neighbour):
    """Hop keys that were taken ahead of need do not show in the account."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        supply = self.supply
        supply.__class__ = type("Supply", (type(supply),), {"held_bits": 0})
