"""What a testbed consists of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations


@dataclass(frozen=True, slots=True)
class KmeSpec:
    """A KME to raise."""

    id: str


@dataclass(frozen=True, slots=True)
class SaeSpec:
    """An SAE, and the ID of the KME that serves it."""

    id: str
    kme: str


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """A quantum link between two KMEs (IDs)."""

    id: str
    ends: tuple[str, str]

    def peer_of(self, kme: str) -> str:
        """The other end."""
        return self.ends[1] if kme == self.ends[0] else self.ends[0]


@dataclass(frozen=True, slots=True)
class Network:
    """KMEs, the SAEs they serve, and the links between them.

    Attributes:
        kmes: at least two, with different IDs.
        saes: at least one, with different IDs.
        links: default: one between every two KMEs.

    Raises:
        ValueError: when something is named that is not there, or named twice.
    """

    kmes: tuple[KmeSpec, ...]
    saes: tuple[SaeSpec, ...]
    links: tuple[LinkSpec, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.links:
            object.__setattr__(self, "links", _full_mesh(self.kmes))
        _different("KME", [kme.id for kme in self.kmes], least=2)
        _different("SAE", [sae.id for sae in self.saes], least=1)
        _different("link", [link.id for link in self.links], least=1)
        known = {kme.id for kme in self.kmes}
        for sae in self.saes:
            _known(f"SAE {sae.id!r}", [sae.kme], known)
        for link in self.links:
            _known(f"link {link.id!r}", link.ends, known)

    def links_of(self, kme: str) -> tuple[LinkSpec, ...]:
        """The links that end at this KME."""
        return tuple(link for link in self.links if kme in link.ends)


def _full_mesh(kmes: Iterable[KmeSpec]) -> tuple[LinkSpec, ...]:
    pairs = combinations([kme.id for kme in kmes], 2)
    return tuple(LinkSpec(f"{one}--{other}", (one, other)) for one, other in pairs)


def _different(kind: str, ids: list[str], *, least: int) -> None:
    if len(ids) < least:
        raise ValueError(f"a network has at least {least} {kind}(s)")
    if "" in ids:
        raise ValueError(f"a {kind} has an empty ID")
    if twice := {one for one in ids if ids.count(one) > 1}:
        raise ValueError(f"more than one {kind} is named {min(twice)!r}")


def _known(who: str, ids: Iterable[str], known: set[str]) -> None:
    if unknown := [one for one in ids if one not in known]:
        raise ValueError(f"{who} names the KME {unknown[0]!r}, which is not in the network")


PAIR = Network(
    kmes=(KmeSpec("kme-a"), KmeSpec("kme-b")),
    saes=(SaeSpec("sae-1", "kme-a"), SaeSpec("sae-2", "kme-b"), SaeSpec("sae-3", "kme-b")),
)
"""The network that KMEs are certified in: one SAE at the first KME, two at the second."""
