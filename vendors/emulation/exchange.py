"""How both ends come to the same blocks: offer, take, done.

The offerer (receiver) says how much key a tick gave, the taker (transmitter) how much of it has room, the offerer
adds and says so, the taker adds on that. Every message is authenticated with the secret of the tick, so that both
ends have the same secret or notice. What gets lost before the offerer adds costs the tick. When only the last
message is lost, the offerer has blocks that the taker lacks: the taker keeps the secret, and adds late when the
next offer says that the tick was settled. Nothing is ever kept under one ID with other octets: ID and octets come
of the same secret.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .harvest import Harvest
from .messages import Kind, Message, open_message
from .store import KeyBlockStore

_TRIES = 3
Send = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the exchange of a tick ended.

    Attributes:
        kind: OFFER when blocks were agreed on (or none were due); IDLE, ALIGN from the receiver; REFUSE.
        blocks: how many were added here.
        reason: of a REFUSE: "TAMPERED", "PEER_SILENT", or what the other end said.
        report: the receiver's figures, when they came.
        full: a store had no room for all that was made.
    """

    kind: Kind
    blocks: int = 0
    reason: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    full: bool = False


class Offerer:
    """The receiver's side; one exchange at a time."""

    def __init__(self, store: KeyBlockStore, block_octets: int) -> None:
        self._store = store
        self._octets = block_octets
        self._harvest: Harvest | None = None
        self._tick = self.settled = -1
        self._offered = self._due = 0
        self._report: dict[str, Any] = {}
        self._open = False

    @property
    def open(self) -> bool:
        """Whether an offer waits for its answer."""
        return self._open

    def offer(
        self, tick: int, harvest: Harvest, blocks: int, report: dict[str, Any], send: Send, *, heard: str = ""
    ) -> Outcome | None:
        """Begins the exchange of a tick; gives its outcome at once when there is nothing to agree on."""
        self._tick, self._harvest, self._report = tick, harvest, report
        self._offered, self._due = min(blocks, self._store.room(self._octets)), blocks
        offer = Message(Kind.OFFER, tick, self._offered, blocks, self._octets, self.settled, "", report, heard)
        send(offer.seal(harvest))
        self._open = self._offered > 0
        return None if self._open else self._outcome(0)

    def received(self, octets: bytes, time_s: float, send: Send) -> Outcome | None:
        """The taker's answer, or what has become of it on its way."""
        harvest = self._harvest
        if harvest is None:
            return None
        message = open_message(octets, harvest)
        if not self._open:
            return self._again(message, harvest, send)
        self._open = False
        if message is None or message.kind not in (Kind.TAKE, Kind.REFUSE) or message.blocks > self._offered:
            send(Message(Kind.REFUSE, self._tick, reason="TAMPERED").seal(harvest))
            return self._refused("TAMPERED")
        if message.kind is Kind.REFUSE:
            return self._refused(message.reason)
        for block_id, key in harvest.blocks(message.blocks, self._octets):
            self._store.add(block_id, key, time_s)
        if message.blocks:
            self.settled = self._tick
            send(Message(Kind.DONE, self._tick, message.blocks).seal(harvest))
        return self._outcome(message.blocks)

    def give_up(self) -> Outcome | None:
        """No answer came while the tick lasted."""
        was, self._open = self._open, False
        return self._refused("PEER_SILENT") if was else None

    def forget(self) -> None:
        """Nothing of earlier ticks counts any more (new pairing, off)."""
        self._harvest, self._open = None, False
        self.settled = -1

    def _again(self, message: Message | None, harvest: Harvest, send: Send) -> Outcome | None:
        """The taker asks again, or something illegible came: say how the tick ended, which is true at any time."""
        if message is not None and message.kind is Kind.REFUSE:
            return self._refused(message.reason)  # of an offer of nothing, for instance
        if self.settled == self._tick:
            send(Message(Kind.DONE, self._tick).seal(harvest))
        else:
            send(Message(Kind.REFUSE, self._tick, reason="TAMPERED").seal(harvest))
        return None

    def _outcome(self, blocks: int) -> Outcome:
        return Outcome(Kind.OFFER, blocks, report=self._report, full=blocks < self._due)

    def _refused(self, reason: str) -> Outcome:
        return Outcome(Kind.REFUSE, reason=reason, report=self._report)


class Taker:
    """The transmitter's side; one exchange at a time.

    Attributes:
        realign: the next offer is refused ("RESYNC"), so that the other end aligns as well.
        unsettled_blocks: blocks of which it never learned whether the other end has them, and did not add.
    """

    def __init__(self, store: KeyBlockStore, block_octets: int) -> None:
        self._store = store
        self._octets = block_octets
        self._harvest: Harvest | None = None
        self._tick = -1
        self._offer: Message | None = None
        self._taken = self._tries = 0
        self._unsettled: tuple[int, Harvest, int] | None = None
        self.realign = False
        self.unsettled_blocks = 0

    def begin(self, tick: int, harvest: Harvest) -> None:
        """Light of this tick is on its way."""
        self.give_up()
        self._tick, self._harvest, self._offer = tick, harvest, None

    def received(self, octets: bytes, time_s: float, send: Send, heard: str = "") -> Outcome | None:
        """A message of the offerer; gives the outcome once the tick is decided. `time_s`: when it is added."""
        harvest = self._harvest
        if harvest is None:
            return None
        message = open_message(octets, harvest)
        if self._offer is None:
            return self._first(message, harvest, time_s, send, heard)
        if message is not None and message.kind is Kind.DONE:
            return self._added(self._offer, harvest, time_s)
        if message is not None and message.kind is Kind.REFUSE:
            self._harvest = None
            return Outcome(Kind.REFUSE, reason=message.reason, report=self._offer.report)
        self._tries += 1
        if self._tries < _TRIES:
            send(Message(Kind.TAKE, self._tick, self._taken).seal(harvest))
            return None
        return self.give_up("TAMPERED")

    def give_up(self, reason: str = "PEER_SILENT") -> Outcome | None:
        """No (legible) answer came while the tick lasted."""
        harvest, offer = self._harvest, self._offer
        self._harvest = self._offer = None
        if harvest is None:
            return None
        if offer is not None:
            self._drop_unsettled()
            self._unsettled = (self._tick, harvest, self._taken)
        return Outcome(Kind.REFUSE, reason=reason, report=offer.report if offer else {})

    def forget(self) -> None:
        """Nothing of earlier ticks counts any more (new pairing, off)."""
        self.give_up()
        self._drop_unsettled()

    def _first(
        self, message: Message | None, harvest: Harvest, time_s: float, send: Send, heard: str
    ) -> Outcome | None:
        if message is not None and message.kind in (Kind.IDLE, Kind.ALIGN, Kind.REFUSE):
            self._harvest = None
            self.realign = False
            return Outcome(message.kind, reason=message.reason)
        if message is None or message.kind is not Kind.OFFER or message.heard != heard:
            return self._refuse(harvest, "TAMPERED", send)
        self._settle(message.settled, time_s)
        if self.realign:
            self.realign = False
            return self._refuse(harvest, "RESYNC", send)
        if message.octets != self._octets:
            return self._refuse(harvest, "PEER_MISMATCH", send)
        self._taken = min(message.blocks, self._store.room(self._octets))
        if message.blocks:
            send(Message(Kind.TAKE, self._tick, self._taken).seal(harvest))
        if self._taken == 0:
            self._harvest = None
            return Outcome(Kind.OFFER, report=message.report, full=message.due > 0)
        self._offer, self._tries = message, 0
        return None

    def _added(self, offer: Message, harvest: Harvest, time_s: float) -> Outcome:
        self._harvest = self._offer = None
        self._add(harvest, self._taken, time_s)
        return Outcome(Kind.OFFER, self._taken, report=offer.report, full=self._taken < offer.due)

    def _refuse(self, harvest: Harvest, reason: str, send: Send) -> Outcome:
        self._harvest = None
        send(Message(Kind.REFUSE, self._tick, reason=reason).seal(harvest))
        return Outcome(Kind.REFUSE, reason=reason)

    def _settle(self, settled: int, time_s: float) -> None:
        """Adds late what the other end turns out to have; what it has not was never key."""
        if self._unsettled is None:
            return
        tick, harvest, blocks = self._unsettled
        if tick == settled and blocks <= self._store.room(self._octets):
            self._add(harvest, blocks, time_s)
        elif tick == settled:
            self.unsettled_blocks += blocks
        self._unsettled = None

    def _drop_unsettled(self) -> None:
        if self._unsettled is not None:
            self.unsettled_blocks += self._unsettled[2]
            self._unsettled = None

    def _add(self, harvest: Harvest, blocks: int, time_s: float) -> None:
        for block_id, key in harvest.blocks(blocks, self._octets):
            self._store.add(block_id, key, time_s)
