"""What the parts of the node have to do for a configuration, and whether they can. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from google.protobuf.duration_pb2 import Duration

from qkd.device.v1 import module_pb2 as pb
from qkd.kms.v1.control_pb2 import AdmittedApplication, Pairing
from qkd.node.v1 import agent_pb2 as model
from qkd.node.v1.forwarding_pb2 import VirtualLink
from qkd.vendor.v1.vendor_pb2 import RemoteNode
from vendors.reference.agent.live import RefusedByNodeError

from .modules import Pair
from .wavelengths import channel_of

_ROLES = {pb.MODULE_ROLE_TRANSMITTER: model.LINK_ROLE_TRANSMITTER, pb.MODULE_ROLE_RECEIVER: model.LINK_ROLE_RECEIVER}


@dataclass(frozen=True, slots=True)
class World:
    """What the node is made of.

    Attributes:
        qkdn_id, kme_id: its own.
        modules: module IDs and capabilities (None = not known yet), by qkdi_id.
        remotes: the other nodes, by qkdn_id.
        relay_module_id: of the KME's source of relayed keys; empty = it has none.
        forwards: whether there is a forwarding module.
    """

    qkdn_id: str
    kme_id: str
    modules: Mapping[int, tuple[str, pb.GetCapabilitiesResponse | None]]
    remotes: Mapping[str, RemoteNode]
    relay_module_id: str
    forwards: bool


@dataclass(slots=True)
class Plan:
    """What follows from a configuration: for modules (None = off), the KME and the forwarding module."""

    modules: dict[int, Pair | None] = field(default_factory=dict)
    pairings: list[Pairing] = field(default_factory=list)
    virtual_links: list[VirtualLink] = field(default_factory=list)
    applications: list[AdmittedApplication] = field(default_factory=list)


def enabled(link: model.QkdLink) -> bool:
    """Whether a link is to make keys: qkdl_enable, and qkdl_status where it is written as a command."""
    on = link.qkdl_enable if link.HasField("qkdl_enable") else True
    return on and link.qkdl_status != model.LINK_STATUS_OFF


def plan(links: Iterable[model.QkdLink], applications: Iterable[model.QkdApplication], world: World) -> Plan:
    """What has to be done.

    Raises:
        RefusedByNodeError: the node cannot do it.
    """
    made = Plan(modules=dict.fromkeys(world.modules))
    ordered = sorted(links, key=lambda link: (not enabled(link), link.qkdl_id))
    for link in ordered:
        if link.qkdl_type == model.LINK_TYPE_PHYS:
            _physical(link, world, made)
        elif link.qkdl_type == model.LINK_TYPE_VIRT:
            _virtual(link, world, made)
        else:
            raise _refused(link, "a link is PHYS or VIRT", "qkdl_type")
    for application in applications:
        _application(application, world, made)
    return made


# -- physical links ----------------------------------------------------------------------------------


def _physical(link: model.QkdLink, world: World, made: Plan) -> None:
    if link.qkdl_local.qkdn_id not in {"", world.qkdn_id}:
        raise _refused(link, "its local end is another node", "qkdl_local")
    interface = link.qkdl_local.qkdi_id
    if not link.qkdl_local.HasField("qkdi_id") or interface not in world.modules:
        raise _refused(link, f"this node has no interface {interface}", "qkdl_local")
    module_id, capabilities = world.modules[interface]
    remote = world.remotes.get(link.qkdl_remote.qkdn_id)
    if remote is None:
        raise _refused(link, "the operator has not named the remote node to this one", "qkdl_remote")
    peers = {one.qkdi_id: one.module_id for one in remote.interfaces}
    peer = peers.get(link.qkdl_remote.qkdi_id) if link.qkdl_remote.HasField("qkdi_id") else None
    if peer is None:
        raise _refused(link, "the remote node has no such interface", "qkdl_remote")
    channel = _fits(link, capabilities) if capabilities is not None else f"C-{link.phys_wavelength}"
    used = {one.module_id for one in made.pairings}
    if enabled(link):
        if module_id in used:
            raise _refused(link, f"interface {interface} is in another enabled link", "qkdl_local")
        made.modules[interface] = Pair(peer, channel)
    if module_id not in used:  # a link that is disabled still gets what its module has left
        made.pairings.append(
            Pairing(module_id=module_id, source_id=link.qkdl_id, peer_kme_id=remote.kme_id, peer_module_id=peer)
        )


def _fits(link: model.QkdLink, capabilities: pb.GetCapabilitiesResponse) -> str:
    """The module's channel for a link, if module and link go together."""
    role = _ROLES.get(capabilities.role)
    if link.phys_qkd_role and role is not None and link.phys_qkd_role != role:
        raise _refused(link, "the module at this end has the other role", "phys_qkd_role")
    if link.HasField("phys_channel_att") and link.phys_channel_att > capabilities.max_loss_db:
        raise _refused(link, f"the module makes keys up to {capabilities.max_loss_db:g} dB", "phys_channel_att")
    channel = channel_of(link.phys_wavelength, capabilities.channels)
    if channel is None and not link.phys_wavelength and len(capabilities.channels) == 1:
        channel = capabilities.channels[0]
    if channel is None:
        raise _refused(link, "the module cannot be set to this wavelength", "phys_wavelength")
    return channel


# -- virtual links -----------------------------------------------------------------------------------


def _virtual(link: model.QkdLink, world: World, made: Plan) -> None:
    if not world.forwards:
        raise _refused(link, "this node has no forwarding module", "qkdl_type")
    if len(link.virt_next_hops) > 1:
        raise _refused(link, "this node sends to one next hop", "virt_next_hop")
    before = _hop(link, link.virt_prev_hop, world, "virt_prev_hop")
    after = _hop(link, "".join(link.virt_next_hops), world, "virt_next_hop")
    if not before and not after:
        raise _refused(link, "it has neither a previous nor a next hop", "virt_next_hop")
    if before == after:
        raise _refused(link, "its previous hop is its next one", "virt_prev_hop")
    far = ""
    if not (before and after):
        remote = world.remotes.get(link.qkdl_remote.qkdn_id)
        if remote is None:
            raise _refused(link, "the operator has not named the remote node to this one", "qkdl_remote")
        if not world.relay_module_id:
            raise _refused(link, "the KME of this node takes no relayed keys", "qkdl_type")
        far = remote.kme_id
    if not enabled(link):
        return
    made.virtual_links.append(
        VirtualLink(link_id=link.qkdl_id, previous_kme_id=before, next_kme_id=after, far_kme_id=far)
    )
    paired = {one.peer_kme_id for one in made.pairings if one.module_id == world.relay_module_id}
    if far and far not in paired:  # of several links to one node the forwarding module uses the first, as is here
        made.pairings.append(Pairing(module_id=world.relay_module_id, source_id=link.qkdl_id, peer_kme_id=far))


def _hop(link: model.QkdLink, qkdn_id: str, world: World, leaf: str) -> str:
    """The KME of a hop; empty = there is no hop."""
    if not qkdn_id:
        return ""
    if qkdn_id not in world.remotes:
        raise _refused(link, f"the operator has not named node {qkdn_id} to this one", leaf)
    return world.remotes[qkdn_id].kme_id


def _refused(link: model.QkdLink, text: str, leaf: str) -> RefusedByNodeError:
    return RefusedByNodeError(f"link {link.qkdl_id}", text, leaf)


# -- applications ------------------------------------------------------------------------------------


def sae_of(uri: str) -> str:
    """The SAE ID in a URI of the model: ``sae:ID``, or the ID itself."""
    return uri.removeprefix("sae:")


def admitted(application: model.QkdApplication, world: World) -> bool:
    """Whether its SAEs may have keys at this node: it is theirs, and the other node is known."""
    ours = application.local_qkdn_id in {"", world.qkdn_id}
    known = application.remote_qkdn_id in world.remotes or application.remote_qkdn_id == world.qkdn_id
    return application.app_type != model.APPLICATION_TYPE_INTERNAL and ours and known


def bandwidth(application: model.QkdApplication) -> int:
    """What an application counts for, bits a second: the most that it may take, else the least that it needs."""
    qos = application.app_qos
    return qos.max_bandwidth if qos.HasField("max_bandwidth") else qos.min_bandwidth


def _application(application: model.QkdApplication, world: World, made: Plan) -> None:
    subject, qos = f"application {application.app_id}", application.app_qos
    server, clients = sae_of(application.server_app_id), [sae_of(uri) for uri in application.client_app_ids]
    if server and server in clients:
        raise RefusedByNodeError(subject, "it would share keys with itself", "client_app_id")
    if qos.HasField("max_bandwidth") and qos.min_bandwidth > qos.max_bandwidth:
        raise RefusedByNodeError(subject, "min_bandwidth is above max_bandwidth", "min_bandwidth")
    if not admitted(application, world) or not server or not clients:
        return
    body = AdmittedApplication(
        app_id=application.app_id,
        server_sae_id=server,
        client_sae_ids=clients,
        priority=application.app_priority,
        max_bandwidth=qos.max_bandwidth,
    )
    if application.HasField("expiration_time"):
        body.expiration_time.CopyFrom(application.expiration_time)
    if qos.HasField("ttl"):
        body.ttl.CopyFrom(Duration(seconds=qos.ttl))
    made.applications.append(body)


def backed(link: model.QkdLink, applications: Iterable[model.QkdApplication]) -> Sequence[model.QkdApplication]:
    """The applications that take keys from a link, by either side's word."""
    return [one for one in applications if link.qkdl_id in one.backing_qkdl_ids or one.app_id in link.qkdl_applications]
