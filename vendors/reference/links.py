"""The links of one KME, and the lines to the KMEs at their other ends; more of both may come while it runs."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping

from .intake.intakes import Intakes
from .link import Link, LinkEnds
from .peers import PeerLine, PeerListener
from .settings import KmeSettings
from .source import SourceAddress, SourceKind

MakeLink = Callable[[LinkEnds], Link]


class Links:
    """Makes links, and keeps a line to each peer that has one.

    Args:
        kme_id: this KME.
        make: a link with these ends.
        settings: of this KME.

    Attributes:
        by_kme: the links by the KME ID of the other end.
        lines: likewise, once `open`.
        traced: the links for which it is written down which octets became which key.
    """

    def __init__(self, kme_id: str, make: MakeLink, settings: KmeSettings) -> None:
        self._kme_id = kme_id
        self._settings = settings
        self._make = make
        self._addresses: dict[str, str] = {}
        self._new_line: Callable[[str, Link], PeerLine] | None = None
        self._intakes: Intakes | None = None
        self._listener: PeerListener | None = None
        self.by_kme: dict[str, Link] = {}
        self.lines: dict[str, PeerLine] = {}
        self.traced: set[Link] = set()

    def add(self, kme_id: str, link_id: str) -> Link:
        """A link that is there from the beginning."""
        link = self.by_kme[kme_id] = self._make(LinkEnds(link_id, self._kme_id, kme_id))
        return link

    def fed_by(self, intakes: Intakes) -> None:
        """What is fed by modules is traced."""
        self._intakes = intakes
        for kme_id in intakes.intakes:
            self.traced.add(self.by_kme[kme_id])
            self.refill(kme_id)

    def refill(self, kme_id: str) -> None:
        """The high-water mark by what feeds the link now: relayed keys cost keys of other links."""
        if self._intakes is None or kme_id not in self._intakes.intakes:
            return
        sources = [one for one in self._intakes.intakes[kme_id].sources.values() if one.retired is None]
        relayed = bool(sources) and all(one.address.kind == SourceKind.RELAY for one in sources)
        settings = self._settings
        self.by_kme[kme_id].fill_to((relayed and settings.relayed_high_water_octets) or settings.high_water)

    def join(self, kme_id: str) -> None:
        """Sees to it that there is a link to a KME, which may have no source yet."""
        if self._intakes is None or kme_id in self.by_kme:
            return
        link = self.add(kme_id, "--".join(sorted((self._kme_id, kme_id))))
        self._intakes.add(kme_id, link)
        self.traced.add(link)
        if self._new_line is not None:
            self._open(kme_id, link)

    def open(self, context: ssl.SSLContext, timeout_s: float, idle: Callable[[], bool], listener: PeerListener) -> None:
        """Makes the lines, those of later links too; arguments as of `PeerLine`."""
        self._listener = listener
        self._new_line = lambda kme_id, link: PeerLine(kme_id, link, context, timeout_s, idle)
        for kme_id, link in self.by_kme.items():
            self._open(kme_id, link)

    def _open(self, kme_id: str, link: Link) -> None:
        listener = self._listener
        assert self._new_line is not None and self._intakes is not None and listener is not None  # noqa: S101, PT018
        line = self.lines[kme_id] = self._new_line(kme_id, link)
        line.leader = self._intakes.leaders.get(kme_id)
        link.on_change = lambda: listener.announce(link)
        link.on_burn = line.reach
        if kme_id in self._addresses:
            line.dial(self._addresses[kme_id])

    def connect(self, peers: Mapping[str, str]) -> None:
        """Where other KMEs can be dialled, host:port by KME ID; dialled are those with a link."""
        for kme_id, address in peers.items():
            if address:
                self._addresses[kme_id] = address
                if kme_id in self.lines:
                    self.lines[kme_id].dial(address)

    async def stop(self) -> None:
        """Hangs up."""
        await asyncio.gather(*(line.stop() for line in self.lines.values()))


def links_of(sources: Iterable[SourceAddress]) -> dict[str, str]:
    """The link to each other KME, by KME ID; raises ValueError where there is more than one."""
    listed, links = list(sources), dict[str, str]()
    for source in listed:
        alone = source.kind == SourceKind.COUNTED and source.peer_kme_id in links
        if alone or links.setdefault(source.peer_kme_id, source.link_id) != source.link_id:
            raise ValueError(f"two links lead to KME {source.peer_kme_id}")
    counted = {source.peer_kme_id for source in listed if source.kind == SourceKind.COUNTED}
    for source in listed:
        if source.peer_kme_id in counted and source.kind != SourceKind.COUNTED:
            raise ValueError(f"link {source.link_id}: a source that both ends count alike has to be the only one")
    return links
