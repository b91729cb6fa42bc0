"""What a forwarding module does with messages: verify, open, pass on, take, confirm."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping

from google.protobuf.message import DecodeError

from harness.sdk import check_message
from qkd.node.v1.hop_pb2 import Confirmation, Header, HopMessage, Share

from .destination import Destination
from .entropy import Entropy
from .hops import HopKey, HopKeys, KeysGoneError
from .neighbour import Account, Neighbour, NotSentError
from .origin import Origin, Paths
from .outlet import Outlet, Relation
from .seal import TamperedError, unseal
from .settings import ForwardingSettings
from .virtual import VirtualLink, check_links

_log = logging.getLogger(__name__)
_MOST_RELATIONS = 4096


class Relay:
    """One forwarding module, without its sockets.

    Args:
        kme_id: the KME of the site.
        sae_id: who the module is there.
        keys: hop keys from that KME.
        entropy: for the blocks it makes.
        now: monotonic time, seconds.

    Attributes:
        neighbours: by KME ID.
        relations: by the distant KME's ID.
        tampered: messages whose MAC did not fit, or that are no messages to this module at all.
        dropped: messages that could not go on: key gone or not to be had, no way, not to be taken.
    """

    origin_type = Origin
    destination_type = Destination
    neighbour_type = Neighbour

    def __init__(
        self,
        kme_id: str,
        sae_id: str,
        keys: HopKeys,
        *,
        entropy: Entropy,
        settings: ForwardingSettings,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kme_id = kme_id
        self.sae_id = sae_id
        self.neighbours: dict[str, Neighbour] = {}
        self.relations: dict[str, Relation] = {}
        self.tampered = 0
        self.dropped = 0
        self._keys = keys
        self._entropy = entropy
        self._settings = settings
        self._now = now
        self._routes: dict[str, Paths] = {}
        self._virtual_links: dict[str, VirtualLink] = {}
        self._outlets: dict[str, Outlet] = {}
        self._origins: dict[str, Origin] = {}
        self._destinations: dict[str, Destination] = {}

    # -- set-up -------------------------------------------------------------------------------------

    async def connect(self, kme_id: str, sae_id: str, host: str, port: int) -> None:
        """A neighbour, or where it has moved to."""
        neighbour = self.neighbours.get(kme_id)
        if neighbour is None or neighbour.sae_id != sae_id:
            account = Account() if neighbour is None else neighbour.account
            if neighbour is not None:
                await neighbour.close()
            neighbour = self.neighbour_type(
                self.sae_id, kme_id, sae_id, self._keys, settings=self._settings, now=self._now
            )
            neighbour.account = account
            self.neighbours[kme_id] = neighbour
        await neighbour.line.dial(host, port)

    async def set_routes(self, routes: Mapping[str, Paths]) -> None:
        """The paths by destination, all at once.

        Raises:
            ValueError: a path does not lead from a neighbour to the destination without a loop. Nothing changes.
        """
        for destination, paths in routes.items():
            self._check_route(destination, paths)
        self._routes = dict(routes)
        await self._use_ways()

    async def set_virtual_links(self, links: Iterable[VirtualLink]) -> None:
        """The virtual links that end at or pass this node, all at once.

        Raises:
            ValueError: a link makes no sense here. Nothing changes.
        """
        self._virtual_links = check_links(links, self.kme_id, self.neighbours)
        await self._use_ways()

    async def _use_ways(self) -> None:
        for peer, origin in self._origins.items():
            await origin.use(*self._way(peer))

    def _way(self, peer: str) -> tuple[Paths, str]:
        """How to get to a KME: paths, or the first hop of a virtual link and its ID; no path = there is no way."""
        if self._routes.get(peer):
            return self._routes[peer], ""
        links = [link for link in self._virtual_links.values() if link.is_end and link.far == peer]
        if not links:
            return (), ""
        link = min(links, key=lambda one: one.link_id)
        return ((link.first_hop,),), link.link_id

    def _check_route(self, destination: str, paths: Paths) -> None:
        for path in paths:
            if path[-1] != destination:
                raise ValueError(f"a path to {destination} ends elsewhere")
            if len({self.kme_id, *path}) != len(path) + 1:
                raise ValueError(f"a path to {destination} comes twice to the same node")
            if path[0] not in self.neighbours:
                raise ValueError(f"a path to {destination} begins at {path[0]}, which is not a neighbour")

    async def outlet(self, peer: str) -> Outlet:
        """Where the blocks of a relation are read.

        Raises:
            ValueError: the peer is this KME itself, or there are too many relations.
        """
        if peer == self.kme_id:
            raise ValueError("a KME shares no blocks with itself")
        if peer not in self._outlets:
            if len(self._outlets) >= _MOST_RELATIONS:
                raise ValueError("too many relations")
            await self._relate(peer)
        return self._outlets[peer]

    async def _relate(self, peer: str) -> None:
        """Of two KMEs the one whose ID comes first is the origin: each block is made once."""
        outlet = self._outlets[peer] = Outlet(self._settings.window)
        relation = self.relations[peer] = Relation(peer, origin=self.kme_id < peer)
        if relation.origin:
            origin = self.origin_type(
                self.kme_id,
                relation,
                outlet,
                neighbours=self.neighbours,
                entropy=self._entropy,
                settings=self._settings,
            )
            self._origins[peer] = origin
            await origin.use(*self._way(peer))
        else:
            self._destinations[peer] = self.destination_type(self.kme_id, relation, outlet, self._settings)

    async def close(self) -> None:
        """Ends everything; keys and blocks are forgotten."""
        for origin in self._origins.values():
            await origin.close()
        for destination in self._destinations.values():
            destination.close()
        for neighbour in self.neighbours.values():
            await neighbour.close()

    # -- messages -----------------------------------------------------------------------------------

    async def received(self, frame: bytes) -> None:
        """One message off the wire. Never raises for what is in it."""
        try:
            message, header, neighbour = self._read(frame)
            key = await neighbour.fetch(header.key_id)
            payload = self.opened(key, message)
        except TamperedError:
            self.tampered += 1
            _log.warning("%s: a message was tampered with", self.kme_id)
            return
        except (KeysGoneError, NotSentError) as error:
            self._drop(error)
            return
        try:
            if header.WhichOneof("kind") == "share":
                await self._share(header.share, payload, neighbour)
            else:
                await self._confirmation(header.confirmation, payload, neighbour)
        except (ValueError, NotSentError) as error:
            self._drop(error)

    def opened(self, key: HopKey, message: HopMessage) -> bytes:
        """The payload, verified; raises `TamperedError`. The key is spent."""
        return unseal(key.spend(), message.header, message.sealed, message.tag)

    def _read(self, frame: bytes) -> tuple[HopMessage, Header, Neighbour]:
        """What nobody who holds a key of a neighbour has sent is tampered with."""
        message, header = HopMessage(), Header()
        try:
            message.ParseFromString(frame)
            header.ParseFromString(message.header)
        except DecodeError:
            raise TamperedError from None
        senders = [one for one in self.neighbours.values() if one.sae_id == header.from_sae_id]
        sound = header.to_sae_id == self.sae_id and header.WhichOneof("kind") is not None
        if not senders or not sound or check_message(message) or check_message(header):
            raise TamperedError
        return message, header, senders[0]

    async def _share(self, share: Share, payload: bytes, sender: Neighbour) -> None:
        """Takes a share or passes it on. Raises `ValueError` or `NotSentError` when it can do neither."""
        nodes = [*share.passed, *share.hops]
        ours = share.hops[0] == self.kme_id and list(share.passed[-1:]) == [sender.kme_id]
        if not ours or share.passed[0] != share.origin_kme_id or len(set(nodes)) != len(nodes):
            raise ValueError("the share has not come along its path")
        if not payload or share.number >= share.shares:
            raise ValueError("the share is none")
        further = self._further(share, sender)
        if further:
            onward = Share()
            onward.CopyFrom(share)
            onward.ClearField("hops")
            onward.hops.extend(further)
            onward.passed.append(self.kme_id)
            await self._next_hop(onward.hops[0]).send(onward, payload)
            return
        if share.origin_kme_id >= self.kme_id:
            raise ValueError("the block should have been made here")
        await self.outlet(share.origin_kme_id)
        confirmation = await self._destinations[share.origin_kme_id].add(share, payload)
        if confirmation is not None:
            await self._next_hop(confirmation.hops[0]).send(confirmation, b"")

    def _further(self, share: Share, sender: Neighbour) -> list[str]:
        """The hops that a share has to go from here; none = it is at its destination. Raises `ValueError`."""
        if not share.virtual_link_id:
            return list(share.hops[1:])
        link = self._virtual_links.get(share.virtual_link_id)
        if link is None:
            raise ValueError("there is no such virtual link here")
        onward = link.onward(sender.kme_id)
        if len(share.hops) > 1 or share.shares > 1 or onward in share.passed:
            raise ValueError("the share has not come along its virtual link")
        if not onward and link.far != share.origin_kme_id:
            raise ValueError("the share was not made at the far end of its virtual link")
        return [onward] if onward else []

    async def _confirmation(self, confirmation: Confirmation, payload: bytes, sender: Neighbour) -> None:
        """Takes a confirmation or passes it on; raises as `_share`."""
        if payload or confirmation.hops[0] != self.kme_id:
            raise ValueError("the confirmation is none, or for another")
        if len(confirmation.hops) > 1:
            onward = Confirmation()
            onward.CopyFrom(confirmation)
            del onward.hops[0]
            await self._next_hop(onward.hops[0]).send(onward, b"")
            return
        origin = self._origins.get(confirmation.destination_kme_id)
        if origin is None or not origin.confirmed(confirmation, sender.kme_id):
            raise ValueError("no block waits for this confirmation")

    def _next_hop(self, kme_id: str) -> Neighbour:
        neighbour = self.neighbours.get(kme_id)
        if neighbour is None:
            raise ValueError("the next hop is not a neighbour")
        return neighbour

    def _drop(self, why: Exception) -> None:
        self.dropped += 1
        _log.info("%s: a message is dropped: %s", self.kme_id, why)
