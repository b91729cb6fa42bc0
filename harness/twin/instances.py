"""The instances of a network: each is raised on its host in the same words every time, and known by its answer."""

from __future__ import annotations

import secrets

from harness.pki import Issued, Wallet
from harness.plant import FibrePlant
from harness.topology import Handover, Module, Role, Site, System
from harness.twin.arrangement import Arrangement
from harness.twin.hosts import Hosts
from harness.twin.layout import KeyLink, Layout, forwarder_sae
from harness.twin.proxy import TcpProxy
from harness.twin.settings import TwinSettings
from harness.twin.world import controlled_plant_of
from qkd.device.v1 import module_pb2
from qkd.optical.v1.plant_pb2 import PathState
from qkd.vendor.v1 import vendor_pb2

MONITOR = "harness-monitor"
CONTROLLER_NAME = "sdn-controller"
_ROLES = {
    Role.TRANSMITTER: module_pb2.MODULE_ROLE_TRANSMITTER,
    Role.RECEIVER: module_pb2.MODULE_ROLE_RECEIVER,
    Role.HUB: module_pb2.MODULE_ROLE_HUB,
}
_KINDS = {
    Handover.STREAM: vendor_pb2.KEY_SOURCE_KIND_MODULE_STREAM,
    Handover.ETSI014: vendor_pb2.KEY_SOURCE_KIND_ETSI014,
    Handover.TCP_PUSH: vendor_pb2.KEY_SOURCE_KIND_TCP_PUSH,
}


class Instances:
    """Raises modules, generators, forwarding modules and KMEs. To raise one again is to go on where it stopped.

    Attributes:
        layout, plant, hosts: what, where.
        wallet: the certificates of everybody.
        modules, kmes, forwarders: what was answered, by module ID and KME ID.
        entropy: likewise, by site.
        tokens: of control interfaces, by name.
        doors: between a KME and a module that takes turns, by system and KME ID; see `Turns`.
        arrangement: of a controlled network, whose KMEs have sources without a peer; None = it is not controlled.
    """

    def __init__(
        self,
        layout: Layout,
        settings: TwinSettings,
        plant: FibrePlant,
        hosts: Hosts,
        arrangement: Arrangement | None = None,
    ) -> None:
        self.layout = layout
        self.plant = plant
        self.hosts = hosts
        self.wallet = Wallet()
        self.modules: dict[str, vendor_pb2.ProvisionModuleResponse] = {}
        self.kmes: dict[str, vendor_pb2.ProvisionKmeResponse] = {}
        self.forwarders: dict[str, vendor_pb2.ProvisionForwarderResponse] = {}
        self.entropy: dict[str, vendor_pb2.ProvisionEntropyResponse] = {}
        self.tokens: dict[str, str] = {}
        self.doors: dict[tuple[str, str], TcpProxy] = {}
        self.arrangement = arrangement
        self._settings = settings
        # Nothing is connected in a controlled network when its modules are told what is published of their paths.
        self._beforehand = plant
        if arrangement is not None:
            self._beforehand = FibrePlant(controlled_plant_of(arrangement, connected=True))

    def token(self, name: str) -> str:
        """The token of that name, made when it is first asked for."""
        return self.tokens.setdefault(name, secrets.token_urlsafe(24))

    async def raise_entropy(self, name: str) -> None:
        """Raises a random number generator."""
        generator = next(one for one in self.layout.topology.generators if one.id == name)
        self.entropy[generator.site] = await self.hosts.maker[generator.maker].provision_entropy(
            vendor_pb2.ProvisionEntropyRequest(instance_id=instance_id("entropy", name), token=self.token(name))
        )

    async def raise_module(self, module: Module, system: System | None) -> None:
        """Raises a module for a system; a door to it is opened."""
        here = self.kme_at(module.site)
        request = vendor_pb2.ProvisionModuleRequest(
            instance_id=instance_id("module", module.id),
            module_id=module.id,
            role=_ROLES[module.role],
            port=vendor_pb2.PlantPort(
                address=self.plant.address, token=self.plant.token_of(module.port), port_id=module.port
            ),
            token=self.token(module.id),
            local_kme_id=here,
            settings=self._settings.for_module(self.layout.topology, module, system, self._paths(system)),
        )
        if system is not None and module.role is not Role.HUB:
            one, other = (self.kme_at(end) for end in system.ends)
            request.peer_kme_id = other if here == one else one
            request.source_id = system.id if self.arrangement is None else module.id
            if module.handover is Handover.ETSI014:
                request.credentials.CopyFrom(self.credentials(self.wallet.kme(module.id)))
            if module.handover is Handover.TCP_PUSH:
                request.push_address = self.kmes[here].push_address
                request.push_token = self.token(f"push {module.id}")
        self.modules[module.id] = await self.hosts.maker[module.maker].provision_module(request)
        self.open_door(module, system)

    def open_door(self, module: Module, system: System | None) -> None:
        """Where modules take turns: lets the KME of its site to this one, for this system."""
        if system is not None and module.role is not Role.HUB:
            door = self.doors.get((system.id, self.kme_at(module.site)))
            if door is not None:
                door.open(self.modules[module.id].control_address)

    def _paths(self, system: System | None) -> list[PathState]:
        if system is None or not system.active:
            return []
        ports = [self.layout.topology.module(name).port for name in system.transmitters]
        return [self._beforehand.path_state(port, system.channel) for port in ports]

    def kme_at(self, site_id: str) -> str:
        """KME ID of a site."""
        return self.layout.topology.site(site_id).kme

    async def raise_forwarder(self, kme_id: str) -> None:
        """Raises a forwarding module; it does not know its KME yet."""
        site = self.layout.sites[kme_id]
        sae_id = forwarder_sae(site)
        request = vendor_pb2.ProvisionForwarderRequest(
            instance_id=instance_id("fwd", kme_id),
            kme_id=kme_id,
            sae_id=sae_id,
            credentials=self.credentials(self.wallet.sae(sae_id)),
            token=self.token(f"fwd {kme_id}"),
            settings=self._settings.for_forwarder(len(self.layout.sites)),
        )
        if site.id in self.entropy:
            generator = next(one for one in self.layout.topology.generators if one.site == site.id)
            request.entropy_address = self.entropy[site.id].grpc_address
            request.entropy_token = self.token(generator.id)
        self.forwarders[kme_id] = await self.hosts.forwarder[kme_id].provision_forwarder(request)

    async def raise_kme(self, kme_id: str) -> None:
        """Raises a KME."""
        links = list(self.layout.links_of(kme_id))
        agents = [] if self.arrangement is None else [agent_name(self.layout.sites[kme_id])]
        relay_saes = tuple(forwarder_sae(site) for site in self.layout.sites.values())
        request = vendor_pb2.ProvisionKmeRequest(
            instance_id=instance_id("kme", kme_id),
            kme_id=kme_id,
            credentials=self.credentials(self.wallet.kme(kme_id)),
            saes=[
                vendor_pb2.Sae(sae_id=sae, kme_id=name, certificate_pem=self.wallet.sae(sae).certificate_pem)
                for name, site in self.layout.sites.items()
                for sae in (*site.saes, forwarder_sae(site))
            ],
            key_sources=self._waiting(kme_id)
            if self.arrangement is not None
            else [source for link in links for source in self._sources(kme_id, link)],
            settings=self._settings.for_kme(kme_id, relay_saes),
            link_policies=[
                vendor_pb2.LinkPolicy(
                    peer_kme_id=link.peer_of(kme_id),
                    combining=f"COMBINING_{link.combining.name}",  # type: ignore[arg-type]  # by name, which protobuf takes
                )
                for link in links
                if len(link.systems) > 1
            ],
            monitors=[MONITOR, *agents],
            agents=agents,
        )
        self.kmes[kme_id] = await self.hosts.kme[kme_id].provision_kme(request)

    def _sources(self, kme_id: str, link: KeyLink) -> list[vendor_pb2.KeySource]:
        peer = link.peer_of(kme_id)
        if link.relayed:
            return [
                vendor_pb2.KeySource(
                    link_id=link.id,
                    peer_kme_id=peer,
                    kind=vendor_pb2.KEY_SOURCE_KIND_RELAY,
                    source_id=f"relay/{link.id}",
                    address=self.forwarders[kme_id].control_address,
                    token=self.tokens[f"fwd {kme_id}"],
                )
            ]
        return [self._module_source(kme_id, peer, link, system) for system in link.systems]

    def _waiting(self, kme_id: str) -> list[vendor_pb2.KeySource]:
        """All sources of a KME whose agent says whom they are shared with."""
        relay = vendor_pb2.KeySource(
            kind=vendor_pb2.KEY_SOURCE_KIND_RELAY,
            source_id=relay_module(kme_id),
            module_id=relay_module(kme_id),
            address=self.forwarders[kme_id].control_address,
            token=self.tokens[f"fwd {kme_id}"],
        )
        interfaces = self.arrangement.at(self.layout.sites[kme_id].id) if self.arrangement is not None else ()
        found = [relay]
        for one in interfaces:
            source = vendor_pb2.KeySource(source_id=one.module.id, maker=one.module.maker, module_id=one.module.id)
            self._reach(source, one.module)
            found.append(source)
        return found

    def _module_source(self, kme_id: str, peer: str, link: KeyLink, system: System) -> vendor_pb2.KeySource:
        site = self.layout.sites[kme_id].id
        topology = self.layout.topology
        module = next(
            module
            for module in map(topology.module, system.modules)
            if module.site == site and module.role is not Role.HUB
        )
        source = vendor_pb2.KeySource(
            link_id=link.id,
            peer_kme_id=peer,
            source_id=system.id,
            maker=system.maker,
            module_id=module.id,
        )
        self._reach(source, module)
        if door := self.doors.get((system.id, kme_id)):
            source.address = door.address
        return source

    def _reach(self, source: vendor_pb2.KeySource, module: Module) -> None:
        """How a KME gets the keys of a module."""
        source.kind = _KINDS[module.handover]
        if module.handover is Handover.TCP_PUSH:
            source.token = self.token(f"push {module.id}")
        elif module.handover is Handover.ETSI014:
            source.address = self.modules[module.id].etsi014_url
        else:
            source.address = self.modules[module.id].control_address
            source.token = self.token(module.id)

    def credentials(self, issued: Issued) -> vendor_pb2.Credentials:
        """As they are handed to an instance, with whom it is to trust."""
        return vendor_pb2.Credentials(
            certificate_pem=issued.certificate_pem,
            private_key_pem=issued.private_key_pem,
            trust_pem=self.wallet.trust_pem,
        )


def instance_id(kind: str, name: str) -> str:
    """What the instance of that kind and name is called on its host."""
    safe = "".join(sign if sign.isalnum() or sign in "._-" else "." for sign in name)
    return f"{kind}.{safe}"[:128]


def agent_name(site: Site) -> str:
    """Common name of the certificate of a site's SDN agent."""
    return f"agent-{site.id}"


def relay_module(kme_id: str) -> str:
    """Module ID under which a controlled KME has its relayed keys."""
    return f"relay/{kme_id}"
