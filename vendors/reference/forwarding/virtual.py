"""Virtual links: ways over nodes of which each knows only the one before and the one after (ETSI GS QKD 015)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VirtualLink:
    """A virtual link as one of its nodes knows it. Blocks may go either way.

    Attributes:
        link_id: the same at all its nodes.
        previous, following: KME IDs of the neighbours on it; at an end one of them is empty.
        far: at an end, the KME at the other one.
    """

    link_id: str
    previous: str
    following: str
    far: str = ""

    @property
    def is_end(self) -> bool:
        """Whether this node is the first or the last."""
        return not (self.previous and self.following)

    @property
    def first_hop(self) -> str:
        """At an end: its only neighbour on the link."""
        return self.previous or self.following

    def onward(self, sender: str) -> str:
        """Where what this neighbour has sent goes on; empty = it is for this node.

        Raises:
            ValueError: the link does not name that neighbour.
        """
        if sender not in {self.previous, self.following} - {""}:
            raise ValueError("the share comes from a node that its virtual link does not name")
        return self.following if sender == self.previous else self.previous


def check_links(links: Iterable[VirtualLink], own_kme_id: str, neighbours: Collection[str]) -> dict[str, VirtualLink]:
    """The links by their ID.

    Raises:
        ValueError: one of them makes no sense at this node; says which and why.
    """
    by_id: dict[str, VirtualLink] = {}
    for link in links:
        named = [kme_id for kme_id in (link.previous, link.following) if kme_id]
        wrong = {
            "comes twice": link.link_id in by_id,
            "has neither a previous nor a next node": not named,
            "comes back to the node that it came from": len(set(named)) < len(named),
            "names this node as its own neighbour": own_kme_id in (*named, link.far),
            "does not name its far end": len(named) == 1 and not link.far,
        }
        wrong |= {f"names {kme_id}, which is not a neighbour": kme_id not in neighbours for kme_id in named}
        for why, is_so in wrong.items():
            if is_so:
                raise ValueError(f"virtual link {link.link_id} {why}")
        by_id[link.link_id] = link
    return by_id
