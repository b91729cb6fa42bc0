"""The parts of a QKD network as data: what stands where, what joins it, which systems make keys between whom.

A link is one or two fibre pairs between two sites. Each pair has one fibre for each way. A **system** is a pair of
modules that make keys over a path of links; a path of more than one link is by-passed optically: switches hand the
light on at the sites between, which see no key. For MDI a system is two transmitters and the hub that measures for
both, and its path leads from the one transmitter through the hub to the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

O_BAND = "O"
"""The channel at 1310 nm; all others are channels of the ITU grid in the C-band, such as "C-37"."""


class SiteKind(StrEnum):
    """What a site does: a ``NODE`` serves applications, a ``RELAY`` only hands on, a ``CENTRAL`` never has a key."""

    NODE = "node"
    RELAY = "relay"
    CENTRAL = "central"


class Role(StrEnum):
    """What a module does with light. A ``HUB`` measures for two transmitters."""

    TRANSMITTER = "transmitter"
    RECEIVER = "receiver"
    HUB = "hub"


class Handover(StrEnum):
    """How finished keys leave a module; hubs have none."""

    ETSI014 = "etsi014"
    STREAM = "stream"
    TCP_PUSH = "tcp-push"
    NONE = "none"


class Protocol(StrEnum):
    """Quantum protocols, as `qkd.device.v1.Protocol` counts them."""

    DECOY_BB84 = "decoy-bb84"
    COW = "cow"
    CV_GAUSSIAN = "cv-gaussian"
    CV_QPSK = "cv-qpsk"
    MDI = "mdi"


class Pairing(StrEnum):
    """Whom a maker's modules make keys with: the one they were sold with, or any of the same maker."""

    FIXED = "fixed"
    FREE = "free"


class Combining(StrEnum):
    """What becomes of several sources between the same two KMEs, as `qkd.vendor.v1.Combining` says it."""

    ANY = "any"
    ALL = "all"
    ALL_ELSE_REMAINING = "all-else-remaining"


@dataclass(frozen=True)
class Domain:
    """An operator's network."""

    id: str
    name: str


@dataclass(frozen=True)
class Site:
    """A place with equipment.

    Attributes:
        id: unique in the network.
        name: for people.
        domain: whose it is; empty for a site outside production.
        kind: what it does.
        kme: its KME ID; empty for a central site.
        saes: SAE IDs of the applications there.
        production: False for what is only attached for a while (a laboratory).
        at: place on the map, arbitrary units, y upwards; None = the map decides.
    """

    id: str
    name: str
    domain: str
    kind: SiteKind
    kme: str
    saes: tuple[str, ...]
    production: bool = True
    at: tuple[float, float] | None = None


@dataclass(frozen=True)
class Link:
    """Fibre between two sites.

    Attributes:
        id: unique in the network.
        ends: the two sites.
        length_km: of one fibre.
        loss_c_db: loss from end to end in the C-band, dB.
        loss_o_db: the same at 1310 nm.
        fibre_pairs: how many; each has one fibre for each way.
        classical_channels: in use by classical traffic on every fibre: never touched.
        co_propagating: how many of them share fibre and direction with the quantum signals, and so make noise.
        border: whether it joins two operators' networks.
        combining: what becomes of keys of several systems on it.
    """

    id: str
    ends: tuple[str, str]
    length_km: float
    loss_c_db: float
    loss_o_db: float
    fibre_pairs: int
    classical_channels: tuple[str, ...]
    co_propagating: int
    border: bool
    combining: Combining

    def loss_db(self, channel: str) -> float:
        """The loss at a channel, dB."""
        return self.loss_o_db if channel == O_BAND else self.loss_c_db

    def other_end(self, site: str) -> str:
        """The end that is not ``site``."""
        one, other = self.ends
        return other if site == one else one


@dataclass(frozen=True)
class Maker:
    """A maker and what its modules have in common; ``id`` is what modules call it, ``name`` is for people."""

    id: str
    name: str
    model: str
    protocol: Protocol
    handover: Handover
    pairing: Pairing


@dataclass(frozen=True)
class Module:
    """A QKD module. Its ``id`` ("quijote/hwdu-tx") is that of its optical port too."""

    id: str
    site: str
    maker: str
    model: str
    protocol: Protocol
    role: Role
    handover: Handover

    @property
    def port(self) -> str:
        """The port of the fibre plant that it is plugged into."""
        return self.id


@dataclass(frozen=True)
class Hop:
    """Light on one link: which way it goes, and at which ``channel``."""

    link: Link
    origin: str
    destination: str


@dataclass(frozen=True)
class System:
    """Modules that make keys with each other.

    Attributes:
        id: unique in the network, for instance "link-4/idq".
        maker: id of the maker of all its modules.
        model: their model.
        protocol: their protocol.
        transmitters: module id; for MDI two.
        receiver: module id; for MDI that of the hub.
        path: links from `ends[0]` to `ends[1]`.
        ends: the two sites that get the key.
        channel: of the quantum signal.
        active: whether it is raised unless somebody says otherwise.
        table1_skr_bps: published average secret key rate, bits a second; None = no source says.
        table1_qber: published QBER as a fraction; None = no source says, or it has none (continuous variables).
        rehoused: modules that stand elsewhere for this system, by the site; never of an active one.
    """

    id: str
    maker: str
    model: str
    protocol: Protocol
    transmitters: tuple[str, ...]
    receiver: str
    path: tuple[str, ...]
    ends: tuple[str, str]
    channel: str
    active: bool
    table1_skr_bps: float | None = None
    table1_qber: float | None = None
    rehoused: Mapping[str, str] | None = None

    @property
    def modules(self) -> tuple[str, ...]:
        """All its modules, the receiver or hub last."""
        return (*self.transmitters, self.receiver)

    @property
    def bypassed(self) -> bool:
        """Whether switches hand its light on between two sites that no link joins."""
        return len(self.path) > 1 and self.protocol is not Protocol.MDI


@dataclass(frozen=True)
class Switch:
    """An all-optical switch. Its ports are named after what is on them: ids of links and modules of its site."""

    id: str
    site: str
    model: str
    ports: tuple[str, ...]
    loss_db: float


@dataclass(frozen=True)
class Consumer:
    """What uses keys at a site: ``kind`` adva-l1, sitline-l2, ipsec or otp; keys by ETSI GS QKD ``keys_by``."""

    site: str
    sae: str
    kind: str
    keys_by: str


@dataclass(frozen=True)
class Generator:
    """A quantum random number generator; ``name`` is its maker for people, ``rate_bps`` in bits a second."""

    id: str
    site: str
    maker: str
    name: str
    model: str
    rate_bps: float


@dataclass(frozen=True)
class Policy:
    """What holds for the keys of two sites: how sources are combined, how many disjoint ``paths`` share a key."""

    ends: tuple[str, str]
    combining: Combining = Combining.ANY
    paths: int = 1
