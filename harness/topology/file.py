"""What a topology file says, as types: the members are those of the file.

Every description below is shown to whoever leaves the member out or gives it another type. What is left out of a
file has a default here or is worked out in `harness.topology.build`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.document import Table

Name = Annotated[str, Field(min_length=1)]
Ends = Annotated[tuple[Name, ...], Field(strict=False, min_length=2, max_length=2)]
Positive = Annotated[float, Field(gt=0)]
Combine = Literal["any", "all", "all-else-remaining"]


class DomainEntry(Table):
    """An operator's network."""

    id: Annotated[Name, Field(description='id = "redimadrid"')]
    name: Annotated[str, Field(description='its name for people: name = "RedIMadrid"')] = ""


class SiteEntry(Table):
    """A place with equipment."""

    id: Annotated[Name, Field(description='id = "quijote"')]
    name: Annotated[str, Field(description='its name for people: name = "Quijote"')] = ""
    domain: Annotated[str, Field(description="the id of a domain; sites in production belong to one")] = ""
    kind: Annotated[Literal["node", "relay", "central"], Field(description='kind = "node"')] = "node"
    kme: Annotated[str, Field(description='its KME ID; left out: "kme-" and the id')] = ""
    sae: Annotated[tuple[Name, ...] | None, Field(strict=False, description='SAE IDs; left out: "sae-" and the id')] = (
        None
    )
    production: Annotated[bool, Field(description="false for what is attached for a while only")] = True
    at: Annotated[
        tuple[float, ...] | None,
        Field(strict=False, min_length=2, max_length=2, description="place on the map: at = [3, 1.5]"),
    ] = None


class LinkEntry(Table):
    """Fibre between two sites."""

    id: Annotated[Name, Field(description='id = "link-4"')]
    ends: Annotated[Ends, Field(description='the two sites: ends = ["quevedo", "norte"]')]
    length_km: Annotated[Positive, Field(description="length of one fibre: length_km = 6.7")]
    loss_c_db: Annotated[Positive, Field(description="loss in the C-band: loss_c_db = 3.5")]
    loss_o_db: Annotated[
        Positive | None, Field(description="loss at 1310 nm; left out: 1.5 times that in the C-band")
    ] = None
    fibre_pairs: Annotated[int, Field(gt=0, description="fibre_pairs = 1")] = 1
    classical: Annotated[
        tuple[Name, ...], Field(strict=False, description='channels in use: classical = ["C-21", "C-22"]')
    ] = ()
    co_propagating: Annotated[
        int | None,
        Field(ge=0, description="how many of them share fibre and direction with quantum signals; left out: all"),
    ] = None
    border: Annotated[bool, Field(description="whether it joins two operators: border = true")] = False
    combining: Annotated[Combine, Field(description="what becomes of keys of several systems on it")] = "any"


class MakerEntry(Table):
    """What the modules of a maker have in common."""

    id: Annotated[Name, Field(description='id = "idq"')]
    name: Annotated[Name, Field(description='name = "ID Quantique"')]
    model: Annotated[str, Field(description='model = "Cerberis 3"')] = ""
    protocol: Annotated[
        Literal["decoy-bb84", "cow", "cv-gaussian", "cv-qpsk", "mdi"], Field(description='protocol = "cow"')
    ]
    handover: Annotated[Literal["etsi014", "stream", "tcp-push"], Field(description='handover = "etsi014"')]
    pairing: Annotated[Literal["fixed", "free"], Field(description='pairing = "fixed"')] = "fixed"


class ModuleEntry(Table):
    """A QKD module."""

    id: Annotated[Name, Field(description='its site and its name there: id = "quijote/idq-1"')]
    maker: Annotated[Name, Field(description='the id of a maker: maker = "idq"')]
    role: Annotated[Literal["transmitter", "receiver", "hub"], Field(description='role = "transmitter"')]


class SystemEntry(Table):
    """Modules that make keys with each other."""

    id: Annotated[Name, Field(description='id = "link-4/idq"')]
    path: Annotated[
        tuple[Name, ...], Field(strict=False, min_length=1, description='the links from end to end: path = ["link-4"]')
    ]
    transmitter: Annotated[Name, Field(description='the module that sends: transmitter = "quevedo/idq-2"')]
    other_transmitter: Annotated[str, Field(description="the second sender of an MDI system")] = ""
    receiver: Annotated[Name, Field(description='the module that detects: receiver = "norte/idq-1"')]
    receiver_at: Annotated[str, Field(description="where the receiver was taken for it, when not active")] = ""
    channel: Annotated[Name, Field(description='of the quantum signal: channel = "C-37" or "O"')]
    active: Annotated[bool, Field(description="whether it is raised: active = true")] = False
    skr_kbps: Annotated[float | None, Field(ge=0, description="published secret key rate, kbit/s")] = None
    qber_percent: Annotated[float | None, Field(ge=0, le=50, description="published QBER, per cent")] = None


class SwitchEntry(Table):
    """An all-optical switch."""

    id: Annotated[Name, Field(description='id = "quijote/switch"')]
    site: Annotated[Name, Field(description='where it is: site = "quijote"')]
    model: Annotated[str, Field(description='model = "MQS4000"')] = ""
    ports: Annotated[
        tuple[Name, ...],
        Field(strict=False, description="links and modules of its site; left out: all its links, all its free modules"),
    ] = ()
    loss_db: Annotated[float, Field(ge=0, description="from port to port: loss_db = 1.0")] = 1.0


class GeneratorEntry(Table):
    """A quantum random number generator."""

    id: Annotated[Name, Field(description='id = "norte/quside-1"')]
    maker: Annotated[Name, Field(description='maker = "quside"')]
    name: Annotated[str, Field(description='its maker for people: name = "Quside"')] = ""
    model: Annotated[str, Field(description='model = "PCIe card"')] = ""
    rate_gbps: Annotated[Positive, Field(description="Gbit/s: rate_gbps = 4.0")]


class ConsumerEntry(Table):
    """What uses keys, at one or more sites."""

    kind: Annotated[Literal["adva-l1", "sitline-l2", "ipsec", "otp"], Field(description='kind = "ipsec"')]
    keys: Annotated[Literal["004", "014"], Field(description='how it gets keys: keys = "014"')]
    sites: Annotated[tuple[Name, ...], Field(strict=False, min_length=1, description='sites = ["quijote"]')]


class PolicyEntry(Table):
    """What holds for the keys of two sites."""

    ends: Annotated[Ends, Field(description='ends = ["quevedo", "norte"]')]
    combining: Annotated[Combine, Field(description='combining = "all"')] = "any"
    paths: Annotated[int, Field(gt=0, le=8, description="disjoint paths that share a key: paths = 2")] = 1


class TopologyFile(Table):
    """A whole topology file."""

    name: Annotated[Name, Field(description='its short name: name = "madqci"')]
    title: Annotated[Name, Field(description="one line for people")]
    source: Annotated[str, Field(description="where the facts are from")] = ""
    notes: Annotated[tuple[str, ...], Field(strict=False, description="what is unknown or left out")] = ()
    domain: Annotated[tuple[DomainEntry, ...], Field(strict=False, min_length=1, description="the operators")]
    site: Annotated[tuple[SiteEntry, ...], Field(strict=False, min_length=2, description="the places")]
    link: Annotated[tuple[LinkEntry, ...], Field(strict=False, min_length=1, description="the fibre between sites")]
    maker: Annotated[tuple[MakerEntry, ...], Field(strict=False, min_length=1, description="the makers of modules")]
    module: Annotated[tuple[ModuleEntry, ...], Field(strict=False, min_length=2, description="the QKD modules")]
    system: Annotated[
        tuple[SystemEntry, ...], Field(strict=False, min_length=1, description="modules that make keys together")
    ]
    switch: Annotated[tuple[SwitchEntry, ...], Field(strict=False, description="optical switches")] = ()
    generator: Annotated[tuple[GeneratorEntry, ...], Field(strict=False, description="random numbers")] = ()
    consumer: Annotated[tuple[ConsumerEntry, ...], Field(strict=False, description="what uses keys")] = ()
    policy: Annotated[tuple[PolicyEntry, ...], Field(strict=False, description="rules for pairs of sites")] = ()
