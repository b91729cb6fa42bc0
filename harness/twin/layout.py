"""From a topology to what has to be raised: KMEs, forwarding modules, links and their sources. No I/O."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from harness.topology import Combining, Site, SiteKind, System, Topology

# Beyond this many sites not every two of them share keys: the number of pairs grows with the square.
_ALL_PAIRS_UP_TO = 20
_PARTNERS = 3


@dataclass(frozen=True, slots=True)
class KeyLink:
    """Keys that two KMEs share: from modules on a path of light between them, or relayed.

    Attributes:
        ends: KME IDs, the smaller first.
        systems: whose keys they are; empty = relayed.
        combining: what becomes of several systems.
    """

    ends: tuple[str, str]
    systems: tuple[System, ...]
    combining: Combining

    @property
    def id(self) -> str:
        """The same at both ends."""
        return "--".join(self.ends)

    @property
    def relayed(self) -> bool:
        """Whether no module pair joins the two directly."""
        return not self.systems

    def peer_of(self, kme_id: str) -> str:
        """The other end."""
        return self.ends[1] if kme_id == self.ends[0] else self.ends[0]


@dataclass(frozen=True)
class Layout:
    """What a network consists of when it is up.

    Attributes:
        topology: what it was made from.
        sites: those with a KME, by KME ID.
        links: all KeyLinks.
        pairs: KME IDs of every two nodes whose applications share keys.
    """

    topology: Topology
    sites: Mapping[str, Site]
    links: tuple[KeyLink, ...]
    pairs: tuple[tuple[str, str], ...]

    def links_of(self, kme_id: str) -> Iterator[KeyLink]:
        """Those that end at a KME."""
        return (link for link in self.links if kme_id in link.ends)

    def neighbours_of(self, kme_id: str) -> Iterator[str]:
        """KMEs that a KME shares keys of modules with."""
        return (link.peer_of(kme_id) for link in self.links_of(kme_id) if not link.relayed)

    def kme_pair(self, system: System) -> tuple[str, str]:
        """KME IDs of a system's ends, the smaller first."""
        kme_of = {site.id: kme_id for kme_id, site in self.sites.items()}
        return _ordered(*(kme_of[end] for end in system.ends))


def forwarder_sae(site: Site) -> str:
    """The SAE ID of a site's forwarding module."""
    return f"fwd-{site.id}"


def lay_out(topology: Topology, *, seed: int = 0) -> Layout:
    """Works out what to raise.

    Args:
        topology: validated.
        seed: chooses who shares keys with whom in a network of more than 20 nodes: every node with its
            neighbours and about three others. In a smaller one every node does with every other.
    """
    sites = {site.kme: site for site in topology.sites if site.kind is not SiteKind.CENTRAL}
    kme_of = {site.id: kme_id for kme_id, site in sites.items()}
    systems: dict[tuple[str, str], list[System]] = {}
    for system in topology.active_systems:
        systems.setdefault(_ordered(*(kme_of[end] for end in system.ends)), []).append(system)
    pairs = _pairs(topology, systems, seed)
    ends = sorted(systems.keys() | set(pairs))
    links = tuple(
        KeyLink(
            (one, other),
            tuple(systems.get((one, other), ())),
            topology.combining_between(sites[one].id, sites[other].id),
        )
        for one, other in ends
    )
    return Layout(topology, sites, links, pairs)


def _pairs(topology: Topology, systems: Mapping[tuple[str, str], object], seed: int) -> tuple[tuple[str, str], ...]:
    nodes = [site.kme for site in topology.production_sites if site.kind is SiteKind.NODE]
    every = [_ordered(one, other) for one, other in combinations(nodes, 2)]
    if len(nodes) <= _ALL_PAIRS_UP_TO:
        return tuple(every)
    chance = random.Random(seed)  # noqa: S311 - chooses test pairs
    chosen = {pair for pair in every if pair in systems}
    for node in nodes:
        others = [other for other in nodes if other != node]
        chosen |= {_ordered(node, other) for other in chance.sample(others, _PARTNERS // 2 + 1)}
    return tuple(sorted(chosen))


def _ordered(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)
