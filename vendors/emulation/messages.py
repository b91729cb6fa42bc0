"""Service messages between the two ends of a link: 16 octets of MAC, then JSON."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import astuple, dataclass, field
from enum import StrEnum
from typing import Any

from .harvest import MAC_OCTETS, Harvest


class Kind(StrEnum):
    """What a message says, and who says it."""

    IDLE = "idle"  # receiver: I am off, starting or in maintenance
    ALIGN = "align"  # receiver: light came, I am aligning
    OFFER = "offer"  # receiver: so much key can be had of this tick
    DONE = "done"  # receiver: added
    TAKE = "take"  # transmitter: so many blocks I add once you have
    REFUSE = "refuse"  # both: nothing comes of this tick


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the exchange of a tick.

    Attributes:
        kind: what it says.
        tick: of which tick.
        blocks: how many blocks (OFFER, TAKE, DONE).
        due: how many the tick gave, before the offerer's store bounded them (OFFER).
        octets: length of each (OFFER).
        settled: the last tick whose blocks the receiver added; -1 = none (OFFER).
        reason: why (REFUSE).
        report: figures of the tick (OFFER); see `figures.Report`.
        heard: digest of what the hub announced, hexadecimal (OFFER between two senders).
    """

    kind: Kind
    tick: int
    blocks: int = 0
    due: int = 0
    octets: int = 0
    settled: int = -1
    reason: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    heard: str = ""

    def seal(self, harvest: Harvest) -> bytes:
        """The message as octets, authenticated with the secret of its tick."""
        body = json.dumps(astuple(self), separators=(",", ":")).encode()
        return harvest.mac(body) + body


def open_message(octets: bytes, harvest: Harvest) -> Message | None:
    """The message, or None when it was changed on its way or is of another tick."""
    mac, body = octets[:MAC_OCTETS], octets[MAC_OCTETS:]
    if not hmac.compare_digest(mac, harvest.mac(body)):
        return None
    kind, *rest = json.loads(body)  # authenticated: it is what the other end wrote
    return Message(Kind(kind), *rest)


@dataclass(frozen=True, slots=True)
class Announcement:
    """What an MDI hub tells both senders of a tick. No secret: the hub has none, so nothing authenticates it.

    The senders notice a change to it by comparing what they heard, under a MAC.

    Attributes:
        tick: of which tick.
        kind: IDLE, ALIGN or OFFER.
        taker: port of the sender whose bits count.
        offerer: port of the sender that turns its bits to the other's by `parity`.
        blocks: how many blocks.
        octets: length of each.
        report: figures of the tick.
        parity: exclusive-or of both senders' bits.
    """

    tick: int
    kind: Kind
    taker: str
    offerer: str
    blocks: int = 0
    octets: int = 0
    report: dict[str, Any] = field(default_factory=dict)
    parity: bytes = b""

    def octets_of(self) -> bytes:
        """The announcement on the wire: digest, length of the head, head (JSON), parity."""
        head = json.dumps(
            [self.tick, self.kind, self.taker, self.offerer, self.blocks, self.octets, self.report],
            separators=(",", ":"),
        ).encode()
        rest = len(head).to_bytes(4, "big") + head + self.parity
        return _digest(rest) + rest


def read_announcement(octets: bytes) -> Announcement | None:
    """The announcement, or None when its digest does not fit (changed on its way)."""
    digest, rest = octets[:MAC_OCTETS], octets[MAC_OCTETS:]
    if not hmac.compare_digest(digest, _digest(rest)):
        return None
    try:
        length = int.from_bytes(rest[:4], "big")
        tick, kind, taker, offerer, blocks, size, report = json.loads(rest[4 : 4 + length])
        return Announcement(tick, Kind(kind), taker, offerer, blocks, size, report, rest[4 + length :])
    except (ValueError, TypeError):
        return None  # somebody who could make the digest fit, but not more


def heard(octets: bytes) -> str:
    """What a sender tells the other of an announcement that it got."""
    return hashlib.sha256(octets).hexdigest()


def _digest(rest: bytes) -> bytes:
    return hashlib.sha256(rest).digest()[:MAC_OCTETS]
