"""What joins the KMEs and forwarding modules of a network: addresses, hops with or without a listener, routes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.topology import routes
from harness.twin.abreast import abreast
from harness.twin.calls import Calls
from harness.twin.hosts import Hosts
from harness.twin.instances import Instances, instance_id
from harness.twin.layout import Layout, forwarder_sae
from harness.twin.proxy import TcpProxy
from qkd.node.v1 import forwarding_pb2
from qkd.vendor.v1 import vendor_pb2


class Joints:
    """Tells KMEs and forwarding modules about each other; in a controlled network every KME of every other."""

    def __init__(self, layout: Layout, hosts: Hosts, raised: Instances, calls: Calls) -> None:
        self.layout = layout
        self.hosts = hosts
        self._raised = raised
        self._calls = calls
        self._tapped: dict[tuple[str, str], TcpProxy] = {}

    async def connect(self) -> None:
        """Tells KMEs and forwarding modules where the others are."""
        kmes = self._raised.kmes
        await abreast(
            self.hosts.kme[kme_id].connect_kme(
                vendor_pb2.ConnectKmeRequest(
                    instance_id=instance_id("kme", kme_id),
                    peers=[
                        vendor_pb2.Peer(kme_id=other, peer_address=kmes[other].peer_address)
                        for other in self._peers_of(kme_id)
                    ],
                )
            )
            for kme_id in self.layout.sites
        )
        await abreast(self._connect_forwarder(kme_id) for kme_id in self.layout.sites)

    def _peers_of(self, kme_id: str) -> list[str]:
        if self._raised.arrangement is not None:
            return [other for other in self.layout.sites if other != kme_id]
        return [link.peer_of(kme_id) for link in self.layout.links_of(kme_id)]

    async def _connect_forwarder(self, kme_id: str) -> None:
        up = self._raised
        await self.hosts.forwarder[kme_id].connect_forwarder(
            vendor_pb2.ConnectForwarderRequest(
                instance_id=instance_id("fwd", kme_id),
                peers=[
                    vendor_pb2.ForwarderPeer(
                        kme_id=other,
                        sae_id=forwarder_sae(self.layout.sites[other]),
                        hop_address=self._hop_address(kme_id, other),
                    )
                    for other in self.layout.neighbours_of(kme_id)
                ],
                kme_grpc_address=up.kmes[kme_id].grpc_address,
                kme_etsi014_url=up.kmes[kme_id].etsi014_url,
            )
        )

    def _hop_address(self, kme_id: str, other: str) -> str:
        there = self._raised.forwarders[other].hop_address
        proxy = self._tapped.get((kme_id, other))
        if proxy is None:
            return there
        proxy.open(there)
        return proxy.address

    async def tap(self, kme_id: str, neighbour: str) -> TcpProxy:
        """Puts a proxy into the hop of a forwarding module to its neighbour; it stays there."""
        if (kme_id, neighbour) not in self._tapped:
            proxy = self._tapped[kme_id, neighbour] = TcpProxy()
            await proxy.start()
            await self._connect_forwarder(kme_id)
        return self._tapped[kme_id, neighbour]

    async def set_routes(self, without: Sequence[str] = (), *, none: bool = False) -> None:
        """Gives every forwarding module its static routes: shortest by hops.

        Args:
            without: ids of systems not to count on.
            none: no routes at all: nothing is relayed any more.
        """
        site_of = {kme_id: site.id for kme_id, site in self.layout.sites.items()}
        kme_of = {site: kme_id for kme_id, site in site_of.items()}
        left = [system for system in self.layout.topology.systems if system.id not in without and not none]
        every = routes(replace(self.layout.topology, systems=tuple(left)))
        relayed = [link for link in self.layout.links if link.relayed]

        async def one(kme_id: str) -> None:
            table = []
            for link in relayed:
                if kme_id not in link.ends:
                    continue
                other = link.peer_of(kme_id)
                paths = every.get((site_of[kme_id], site_of[other]), [])
                hops = [forwarding_pb2.Path(hops=[kme_of[site] for site in path[1:]]) for path in paths]
                if hops:
                    table.append(forwarding_pb2.Route(destination_kme_id=other, paths=hops))
            await self._calls.forwarding(kme_id, "SetRoutes", forwarding_pb2.SetRoutesRequest(routes=table))

        await abreast(one(kme_id) for kme_id in self.layout.sites)

    def path(self, ends: tuple[str, str]) -> list[str]:
        """The KMEs that keys of two distant ones pass, both ends among them: the first of the static routes."""
        kme_of = {site.id: kme_id for kme_id, site in self.layout.sites.items()}
        one, other = (self.layout.sites[end].id for end in ends)
        ways = routes(self.layout.topology).get((one, other), [])
        return [kme_of[site] for site in ways[0]] if ways else list(ends)

    async def close(self) -> None:
        """Stops the proxies."""
        for proxy in self._tapped.values():
            await proxy.stop()
