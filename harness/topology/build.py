"""From a file whose references hold to the topology that it describes; fills in what the file leaves out."""

from __future__ import annotations

from harness.topology.file import SiteEntry, SystemEntry, TopologyFile
from harness.topology.model import (
    Combining,
    Consumer,
    Domain,
    Generator,
    Handover,
    Link,
    Maker,
    Module,
    Pairing,
    Policy,
    Protocol,
    Role,
    Site,
    SiteKind,
    Switch,
    System,
)
from harness.topology.network import Topology

# "higher losses (~50% more in the O-band compared to the C-band)": npj Quantum Information (2024), Optical layout
_O_OVER_C = 1.5


def built(file: TopologyFile) -> Topology:
    """The topology of a file in which every name stands for something."""
    makers = {entry.id: _maker(entry.id, file) for entry in file.maker}
    modules = {entry.id: _module(entry.id, makers[entry.maker], Role(entry.role)) for entry in file.module}
    sites = {entry.id: _site(entry) for entry in file.site}
    return Topology(
        name=file.name,
        title=file.title,
        source=file.source,
        notes=file.notes,
        domains=tuple(Domain(entry.id, entry.name or entry.id) for entry in file.domain),
        sites=tuple(sites.values()),
        links=tuple(_links(file)),
        makers=tuple(makers.values()),
        modules=tuple(modules.values()),
        systems=tuple(_system(entry, modules) for entry in file.system),
        switches=tuple(_switches(file, modules, makers)),
        generators=tuple(
            Generator(
                entry.id, site_of(entry.id), entry.maker, entry.name or entry.maker, entry.model, entry.rate_gbps * 1e9
            )
            for entry in file.generator
        ),
        consumers=tuple(
            Consumer(name, sites[name].saes[0], entry.kind, entry.keys)
            for entry in file.consumer
            for name in entry.sites
        ),
        policies=tuple(
            Policy((entry.ends[0], entry.ends[1]), Combining(entry.combining), entry.paths) for entry in file.policy
        ),
    )


def site_of(equipment: str) -> str:
    """The site in the id of a module or generator: what stands before the "/"."""
    return equipment.partition("/")[0]


def kme_of(entry: SiteEntry) -> str:
    """The KME ID of a site; empty for a central one."""
    return "" if entry.kind == "central" else entry.kme or f"kme-{entry.id}"


def saes_of(entry: SiteEntry) -> tuple[str, ...]:
    """The SAE IDs of a site: what the file says, else one for a node."""
    if entry.sae is not None:
        return entry.sae
    return (f"sae-{entry.id}",) if entry.kind == "node" else ()


def _site(entry: SiteEntry) -> Site:
    return Site(
        id=entry.id,
        name=entry.name or entry.id,
        domain=entry.domain,
        kind=SiteKind(entry.kind),
        kme=kme_of(entry),
        saes=saes_of(entry),
        production=entry.production,
        at=(entry.at[0], entry.at[1]) if entry.at else None,
    )


def _links(file: TopologyFile) -> list[Link]:
    return [
        Link(
            id=entry.id,
            ends=(entry.ends[0], entry.ends[1]),
            length_km=entry.length_km,
            loss_c_db=entry.loss_c_db,
            loss_o_db=entry.loss_o_db or round(_O_OVER_C * entry.loss_c_db, 3),
            fibre_pairs=entry.fibre_pairs,
            classical_channels=entry.classical,
            co_propagating=len(entry.classical) if entry.co_propagating is None else entry.co_propagating,
            border=entry.border,
            combining=Combining(entry.combining),
        )
        for entry in file.link
    ]


def _maker(name: str, file: TopologyFile) -> Maker:
    [entry] = [entry for entry in file.maker if entry.id == name]
    return Maker(
        id=name,
        name=entry.name,
        model=entry.model,
        protocol=Protocol(entry.protocol),
        handover=Handover(entry.handover),
        pairing=Pairing(entry.pairing),
    )


def _module(name: str, maker: Maker, role: Role) -> Module:
    handover = Handover.NONE if role is Role.HUB else maker.handover
    return Module(name, site_of(name), maker.id, maker.model, maker.protocol, role, handover)


def _system(entry: SystemEntry, modules: dict[str, Module]) -> System:
    transmitters = (entry.transmitter, entry.other_transmitter) if entry.other_transmitter else (entry.transmitter,)
    receiver = modules[entry.receiver]
    far = transmitters[1] if len(transmitters) > 1 else ""
    ends = (modules[entry.transmitter].site, modules[far].site if far else entry.receiver_at or receiver.site)
    return System(
        id=entry.id,
        maker=receiver.maker,
        model=receiver.model,
        protocol=receiver.protocol,
        transmitters=transmitters,
        receiver=receiver.id,
        path=entry.path,
        ends=ends,
        channel=entry.channel,
        active=entry.active,
        # as printed: 2.4 per cent is 0.024, without the dust of binary fractions
        table1_skr_bps=None if entry.skr_kbps is None else round(entry.skr_kbps * 1000, 6),
        table1_qber=None if entry.qber_percent is None else round(entry.qber_percent / 100, 9),
        rehoused={receiver.id: entry.receiver_at} if entry.receiver_at else None,
    )


def _switches(file: TopologyFile, modules: dict[str, Module], makers: dict[str, Maker]) -> list[Switch]:
    made = []
    for entry in file.switch:
        links = [link.id for link in file.link if entry.site in link.ends]
        free = [
            module.id
            for module in modules.values()
            if module.site == entry.site and makers[module.maker].pairing is Pairing.FREE
        ]
        made.append(Switch(entry.id, entry.site, entry.model, entry.ports or (*links, *free), entry.loss_db))
    return made
