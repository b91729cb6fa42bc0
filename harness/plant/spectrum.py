"""Which channel is used by whom in which fibre, and what may not be lit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.plant.fabric import Hop
from harness.plant.plan import Span


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no light: `reason` as in ``qkd.optical.v1.Dark``, `text` for people."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Lit:
    """A sender's channel and the links that its light goes through."""

    port_id: str
    channel: str
    hops: tuple[Hop, ...]


class Spectrum:
    """The channels in use, fibre by fibre. A pair of a link has one fibre for each direction.

    A signal takes the first pair of a link in which its channel is free in its direction.
    """

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = {span.link_id: span for span in spans}
        self._lit: dict[str, Lit] = {}
        # (link, site entered from, channel) -> senders, at most one a pair
        self._users: dict[tuple[str, str, str], list[str]] = {}

    def lit(self) -> tuple[Lit, ...]:
        """All signals, in the order in which they were lit."""
        return tuple(self._lit.values())

    def holds(self, port_id: str, channel: str) -> bool:
        """Whether a port's signal is lit on a channel."""
        lit = self._lit.get(port_id)
        return lit is not None and lit.channel == channel

    def light(self, port_id: str, channel: str, hops: Sequence[Hop]) -> Refusal | None:
        """Lights a channel on all links or, with the reason, on none. What the port had before goes out first."""
        self.douse(port_id)
        for hop in hops:
            if refusal := self._against(channel, hop):
                return refusal
        for hop in hops:
            self._users.setdefault((hop.link_id, hop.from_site, channel), []).append(port_id)
        self._lit[port_id] = Lit(port_id, channel, tuple(hops))
        return None

    def douse(self, port_id: str) -> None:
        """Takes a port's signal out; nothing happens when there is none."""
        lit = self._lit.pop(port_id, None)
        for hop in lit.hops if lit else ():
            self._users[hop.link_id, hop.from_site, lit.channel if lit else ""].remove(port_id)

    def channels(self, link_id: str) -> list[str]:
        """Channels in use by quantum signals on a link, in either direction."""
        return sorted({channel for (link, _, channel), users in self._users.items() if link == link_id and users})

    def _against(self, channel: str, hop: Hop) -> Refusal | None:
        span = self._spans[hop.link_id]
        if channel in span.classical_channels:
            text = (
                f"{channel} on link {hop.link_id} carries classical traffic, which is not touched; take another channel"
            )
            return Refusal("SLA_CLASSICAL", text)
        users = self._users.get((hop.link_id, hop.from_site, channel), [])
        if len(users) >= span.fibre_pairs:
            text = (
                f"{channel} on link {hop.link_id} from {hop.from_site} is in use by {', '.join(users)} in "
                f"each of its {span.fibre_pairs} fibre(s); take another channel or let it go"
            )
            return Refusal("WAVELENGTH_OCCUPIED", text)
        return None
