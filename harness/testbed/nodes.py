"""A bench of nodes on one host: KMEs, forwarding modules, taps on every hop, witnesses at every KME.

For synchronous code. What serves or listens runs in the event loop of the host.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import grpc

from harness.contract import bearer_metadata, read_error
from harness.hosting.errors import HostingError
from harness.pki import Issued
from harness.testbed.blocking import BlockingHost
from harness.testbed.hop_tap import HopTap
from harness.testbed.key_source import KeySource
from harness.testbed.key_witness import KeyWitness, Witnessed
from harness.testbed.node_plan import MONITOR, NodePlan, app, forwarder, link_id, other_end
from harness.testbed.node_reading import Reading
from harness.wire.etsi014.client import KmeEndpoint, SaeClient, open_client
from harness.wire.evidence import EvidenceLog
from harness.wire.tls import Credentials
from qkd.kms.v1 import store_pb2
from qkd.kms.v1.store_pb2_grpc import StoreServiceStub
from qkd.node.v1 import forwarding_pb2
from qkd.node.v1.forwarding_pb2_grpc import ForwardingServiceStub
from qkd.vendor.v1 import vendor_pb2

BOUND_S = 15.0
_CALL_S = 5.0
_POLL_S = 0.02
_CHANNEL = (("grpc.enable_http_proxy", 0),)


class NodeBench:
    """Nodes that are up. Made by `raise_nodes`; every method waits.

    Attributes:
        plan: what it consists of.
        sources: of the hops, by hop.
        taps: by (sender, receiver).
        witnessed: hop keys by key ID, of those forwarding modules that take them by gRPC.
        kmes, forwarders: what they answered when they were provisioned, by KME ID.
    """

    def __init__(
        self,
        host: BlockingHost,
        plan: NodePlan,
        sources: Mapping[tuple[str, str], KeySource],
        *,
        variant: str,
        kme_settings: Mapping[str, str],
        forwarder_settings: Mapping[str, str],
    ) -> None:
        self.plan = plan
        self.sources = sources
        self.taps: dict[tuple[str, str], HopTap] = {}
        self.witnessed: dict[str, Witnessed] = {}
        self.kmes: dict[str, vendor_pb2.ProvisionKmeResponse] = {}
        self.forwarders: dict[str, vendor_pb2.ProvisionForwarderResponse] = {}
        self._host = host
        self._variant = variant
        self._kme_settings = dict(kme_settings)
        self._forwarder_settings = dict(forwarder_settings)
        self._salt = secrets.token_hex(4)
        self._tokens = {node: secrets.token_urlsafe(24) for node in plan.nodes}
        self._witnesses: dict[str, KeyWitness] = {}
        self._apps: dict[str, SaeClient] = {}
        self._channels: dict[tuple[str, str], grpc.Channel] = {}
        self._stack = ExitStack()

    # -- raising ------------------------------------------------------------------------------------

    def provision(self) -> None:
        """Raises everything, joins it and sets the routes; forwarding modules first, as their KMEs read them.

        Raises:
            HostingError: something does not come up.
        """
        for node in self.plan.nodes:
            self.raise_forwarder(node)
        for node in self.plan.nodes:
            self._raise_kme(node)
        self._connect()

    def restart(self, *, graceful: bool = False) -> None:
        """Ends the process and everything in it, by force unless `graceful`, and raises it again on its stores."""
        self._portal.call(partial(self._host.host.restart, graceful=graceful))
        self._hang_up()
        self.provision()

    def release(self) -> None:
        """Ends all instances and whatever stands between them."""
        for node in list(self.forwarders):
            with suppress(HostingError):
                self.release_forwarder(node)
        for node in list(self.kmes):
            with suppress(HostingError):
                self._portal.call(self._host.host.release_kme, self._instance("kme", node))
        self._stack.close()
        self._hang_up()
        stops = [one.stop for one in self._witnesses.values()] + [one.stop for one in self.taps.values()]
        for stop in stops:
            self._portal.call(stop)

    def raise_forwarder(self, node: str) -> None:
        """Raises the forwarding module of a node, without its KME and without neighbours."""
        if not self.plan.forwarders:
            return
        request = vendor_pb2.ProvisionForwarderRequest(
            instance_id=self._instance("fwd", node),
            kme_id=node,
            sae_id=forwarder(node),
            credentials=self._credentials(self._host.host.wallet.sae(forwarder(node))),
            token=self._tokens[node],
            variant=self._variant,
            settings=self._forwarder_settings,
        )
        self.forwarders[node] = self._portal.call(self._host.host.provision_forwarder, request)

    def release_forwarder(self, node: str) -> None:
        """Ends the forwarding module of a node where it stands."""
        self.forwarders.pop(node)
        self._portal.call(self._host.host.release_instance, self._instance("fwd", node))

    def join_forwarder(self, node: str) -> None:
        """Tells the forwarding module of a node where its KME and its neighbours are, and them where it is."""
        for other in self.plan.neighbours(node):
            for sender, receiver in ((node, other), (other, node)):
                if sender in self.forwarders and receiver in self.forwarders:
                    self._tap(sender, receiver)
        self._tell_forwarder(node)

    def _raise_kme(self, node: str) -> None:
        wallet = self._host.host.wallet
        request = vendor_pb2.ProvisionKmeRequest(
            instance_id=self._instance("kme", node),
            kme_id=node,
            credentials=self._credentials(wallet.kme(node)),
            saes=[
                vendor_pb2.Sae(sae_id=sae, kme_id=name, certificate_pem=wallet.sae(sae).certificate_pem)
                for name in self.plan.nodes
                for sae in (app(name), forwarder(name))
            ],
            key_sources=list(self._sources(node)),
            variant=self._variant,
            settings=self._kme_settings,
            link_policies=[
                vendor_pb2.LinkPolicy(peer_kme_id=other_end(ends, node), combining=self.plan.combining)
                for ends in self.plan.fed
                if node in ends
            ],
            monitors=[MONITOR],
        )
        self.kmes[node] = self._portal.call(self._host.host.provision_kme, request)

    def _sources(self, node: str) -> Iterator[vendor_pb2.KeySource]:
        for ends in self.plan.hops:
            if node in ends:
                name, source = link_id(ends), self.sources[ends]
                yield vendor_pb2.KeySource(
                    link_id=name,
                    address=source.address,
                    token=source.token(name),
                    peer_kme_id=other_end(ends, node),
                )
        for ends in self.plan.relayed:
            if node in ends:
                yield vendor_pb2.KeySource(
                    link_id=link_id(ends),
                    peer_kme_id=other_end(ends, node),
                    kind=vendor_pb2.KEY_SOURCE_KIND_RELAY,
                    source_id=f"relay/{link_id(ends)}",
                    address=self.forwarders[node].control_address,
                    token=self._tokens[node],
                )
        for ends, toys in self.plan.fed.items():
            for toy in toys if node in ends else ():
                yield vendor_pb2.KeySource(
                    link_id=link_id(ends),
                    peer_kme_id=other_end(ends, node),
                    kind=vendor_pb2.KEY_SOURCE_KIND_MODULE_STREAM,
                    source_id=toy.source_id,
                    address=toy.address(node),
                    token=toy.token,
                    maker="bench",
                    module_id=f"{node}/{toy.source_id}",
                )

    def _connect(self) -> None:
        for node in self.plan.nodes:
            peers = [
                vendor_pb2.Peer(kme_id=name, peer_address=up.peer_address)
                for name, up in self.kmes.items()
                if name != node
            ]
            request = vendor_pb2.ConnectKmeRequest(instance_id=self._instance("kme", node), peers=peers)
            self._portal.call(self._host.host.connect_kme, request)
        if not self.plan.forwarders:
            return
        for ends in self.plan.hops:
            for sender, receiver in (ends, ends[::-1]):
                self._tap(sender, receiver, tell=False)
        for node in self.plan.nodes:
            self._tell_forwarder(node)
        for node in self.plan.nodes:
            self.set_routes(node, self.plan.routes_of(node))

    def _tap(self, sender: str, receiver: str, *, tell: bool = True) -> None:
        address = self.forwarders[receiver].hop_address
        tap = self.taps.get((sender, receiver))
        if tap is None:
            tap = self.taps[sender, receiver] = HopTap(sender, receiver, address)
            self._portal.call(tap.start)
        tap.to = address
        if tell:
            self._tell_forwarder(sender)

    def _tell_forwarder(self, node: str) -> None:
        """Its KME, by way of the witness where it offers gRPC, and its neighbours, by way of the taps."""
        up = self.kmes[node]
        peers = [
            vendor_pb2.ForwarderPeer(kme_id=other, sae_id=forwarder(other), hop_address=tap.address)
            for (sender, other), tap in self.taps.items()
            if sender == node
        ]
        request = vendor_pb2.ConnectForwarderRequest(
            instance_id=self._instance("fwd", node), peers=peers, kme_etsi014_url=up.etsi014_url
        )
        if up.grpc_address:
            request.kme_grpc_address = self._witness(node, up.grpc_address)
        self._portal.call(self._host.host.connect_forwarder, request)

    def _witness(self, node: str, address: str) -> str:
        name, wallet = f"{node} {address}", self._host.host.wallet
        if name not in self._witnesses:
            sae = forwarder(node)

            async def started() -> KeyWitness:
                made = KeyWitness(
                    sae,
                    sae=wallet.sae(sae),
                    kme=wallet.kme(node),
                    trust_pem=wallet.trust_pem,
                    address=address,
                    seen=self.witnessed,
                )
                await made.start()
                return made

            self._witnesses[name] = self._portal.call(started)
        return self._witnesses[name].address

    # -- asking -------------------------------------------------------------------------------------

    def set_routes(self, node: str, routes: Mapping[str, Iterable[Iterable[str]]]) -> None:
        """All routes of a forwarding module, by destination.

        Raises:
            ContractError: it refuses.
        """
        listed = [
            forwarding_pb2.Route(destination_kme_id=to, paths=[forwarding_pb2.Path(hops=list(path)) for path in paths])
            for to, paths in routes.items()
        ]
        self.call(node, "SetRoutes", forwarding_pb2.SetRoutesRequest(routes=listed))

    def call(self, node: str, method: str, request: Any, *, token: str | None = None) -> Any:
        """Calls ForwardingService of a node.

        Raises:
            ContractError: it refuses, or does not answer.
        """
        stub: Any = ForwardingServiceStub(self._control(node))
        metadata = bearer_metadata(self._tokens[node] if token is None else token)
        try:
            return getattr(stub, method)(request, metadata=metadata, timeout=_CALL_S)
        except grpc.RpcError as error:
            raise read_error(error) from None

    def forwarding(self, node: str) -> forwarding_pb2.GetForwardingResponse:
        """What the forwarding module of a node says that it has done."""
        answer: forwarding_pb2.GetForwardingResponse = self.call(
            node, "GetForwarding", forwarding_pb2.GetForwardingRequest()
        )
        return answer

    def read(self, node: str, peer: str, old: frozenset[bytes] = frozenset()) -> Reading:
        """Begins to read what a node shares with a distant one, as its KME would; passes over `old` block IDs."""
        request = forwarding_pb2.StreamRelayedBlocksRequest(peer_kme_id=peer)
        stub: Any = ForwardingServiceStub(self._control(node))
        call = stub.StreamRelayedBlocks(request, metadata=bearer_metadata(self._tokens[node]))
        reading = Reading(call, old)
        self._stack.callback(reading.stop)
        return reading

    def both(self, one: str, other: str) -> tuple[Reading, Reading]:
        """Reads at the origin (`one`, the smaller KME ID) and at the destination; blocks sent from now on."""
        old = frozenset(self.sent(one, other))
        at_destination = self.read(other, one, old)
        return self.read(one, other, old), at_destination

    def sent(self, origin: str, destination: str) -> set[bytes]:
        """IDs of the blocks of which the origin has sent a share."""
        return {
            frame.block_id
            for (sender, _), tap in self.taps.items()
            for frame in (tap.frames if sender == origin else ())
            if frame.header.share.hops[-1:] == [destination]
        }

    def store(self, node: str, name: str = MONITOR) -> store_pb2.GetStoreResponse:
        """What a KME says that it has, asked with the certificate of this common name.

        Raises:
            ContractError: it refuses, or does not answer.
        """
        address, wallet = self.kmes[node].grpc_address, self._host.host.wallet
        if (name, address) not in self._channels:
            issued = wallet.kme(name) if name in self.plan.nodes else wallet.sae(name)
            secret = grpc.ssl_channel_credentials(wallet.trust_pem, issued.private_key_pem, issued.certificate_pem)
            self._channels[name, address] = grpc.secure_channel(address, secret, options=_CHANNEL)
        stub: Any = StoreServiceStub(self._channels[name, address])
        try:
            answer: store_pb2.GetStoreResponse = stub.GetStore(store_pb2.GetStoreRequest(), timeout=_CALL_S)
        except grpc.RpcError as error:
            raise read_error(error) from None
        return answer

    def link(self, node: str, peer: str) -> store_pb2.LinkStore:
        """What a KME has of one link; empty when it does not name it."""
        links = (link for link in self.store(node).links if link.peer_kme_id == peer)
        return next(links, store_pb2.LinkStore())

    def app(self, node: str) -> SaeClient:
        """The application of a node, by ETSI GS QKD 014."""
        if node not in self._apps:
            wallet, up = self._host.host.wallet, self.kmes[node]
            issued = wallet.sae(app(node))
            self._apps[node] = open_client(
                app(node),
                KmeEndpoint(node, up.etsi014_url, up.grpc_address),
                Credentials(issued.certificate_pem, issued.private_key_pem),
                wallet.trust_pem,
                EvidenceLog(keep=0),
            )
        return self._apps[node]

    # -- acting -------------------------------------------------------------------------------------

    def cut(self, one: str, other: str, *, on: bool = True) -> None:
        """Breaks a hop both ways, or mends it."""
        for ends in ((one, other), (other, one)):
            self._portal.call(partial(self.taps[ends].cut, on=on))

    def inject(self, sender: str, receiver: str, frames: Sequence[bytes]) -> None:
        """Sends frames to a forwarding module as if they came over this hop."""
        self._portal.call(self.taps[sender, receiver].inject, frames)

    def make_blocks(self, ends: tuple[str, str], number: int, blocks: int, only: str = "") -> None:
        """Has one toy source of a link make blocks; see `ToySource.add`."""
        self._portal.call(self.plan.fed[ends][number].add, blocks, only)

    def extend(self, ends: tuple[str, str], blocks: int) -> None:
        """Lets a hop with a stock give so many more blocks."""
        self._portal.call(self.sources[ends].extend, link_id(ends), blocks)

    def until(self, holds: Callable[[], bool], bound_s: float = BOUND_S) -> bool:
        """Whether it comes true within the bound."""
        end, pause = time.monotonic() + bound_s, threading.Event()
        while not holds():
            if time.monotonic() > end:
                return False
            pause.wait(_POLL_S)
        return True

    def settled(self, look: Callable[[], Any], quiet_s: float = 0.25, bound_s: float = BOUND_S) -> bool:
        """Whether what is looked at stops changing: the same for so long."""
        end, pause = time.monotonic() + bound_s, threading.Event()
        last, since = look(), time.monotonic()
        while time.monotonic() < end:
            pause.wait(3 * _POLL_S)
            now = look()
            if now != last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since > quiet_s:
                return True
        return False

    # -- parts --------------------------------------------------------------------------------------

    @property
    def _portal(self) -> Any:
        return self._host.portal

    def _control(self, node: str) -> grpc.Channel:
        address = self.forwarders[node].control_address
        if ("", address) not in self._channels:
            self._channels["", address] = grpc.insecure_channel(address, options=_CHANNEL)
        return self._channels["", address]

    def _hang_up(self) -> None:
        closes = [one.close for one in self._apps.values()] + [one.close for one in self._channels.values()]
        for close in closes:
            close()
        self._apps.clear()
        self._channels.clear()

    def _instance(self, kind: str, node: str) -> str:
        return f"{kind}.{node}.{self._salt}"

    def _credentials(self, issued: Issued) -> vendor_pb2.Credentials:
        return vendor_pb2.Credentials(
            certificate_pem=issued.certificate_pem,
            private_key_pem=issued.private_key_pem,
            trust_pem=self._host.host.wallet.trust_pem,
        )


@contextmanager
def raise_nodes(
    host: BlockingHost,
    plan: NodePlan,
    *,
    variant: str = "",
    kme_settings: Mapping[str, str] | None = None,
    forwarder_settings: Mapping[str, str] | None = None,
) -> Iterator[NodeBench]:
    """Raises nodes on a host that runs, and ends them afterwards.

    Raises:
        HostingError: something does not come up.
        ContractError: a forwarding module refuses its routes.
    """
    portal = host.portal
    with ExitStack() as stack:
        sources = plan.sources()
        for source in {id(one): one for one in sources.values()}.values():
            stack.enter_context(portal.wrap_async_context_manager(source))
        for toy in (toy for toys in plan.fed.values() for toy in toys):
            portal.call(toy.start)
            stack.callback(portal.call, toy.stop)
        bench = NodeBench(
            host,
            plan,
            sources,
            variant=variant,
            kme_settings=kme_settings or {},
            forwarder_settings=forwarder_settings or {},
        )
        stack.callback(bench.release)
        bench.provision()
        yield bench
