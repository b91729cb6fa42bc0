"""Measurement-device-independent links: two senders, and a hub between them that never has a key.

The hub announces the parity of both senders' bits, openly. One sender (the offerer) turns its bits to the other's
(the taker's) with it; then both confirm and add as over any link, through the hub, which passes on what it cannot
read or forge. A parity that was changed on its way gives the offerer another secret, and no confirmation.
"""

from __future__ import annotations

import hashlib
from functools import partial

from qkd.device.v1 import module_pb2 as pb
from qkd.optical.v1 import plant_pb2 as optical

from .detector import Detector
from .ends import Emitter
from .exchange import Offerer, Outcome, Taker
from .figures import Scene
from .harvest import Harvest, context_of
from .messages import Announcement, Kind, Message, heard, read_announcement
from .module import DOWN, STARTING, EmulatedModule
from .spec import Setup
from .verdict import ALIGNING

_ANNOUNCED, _RELAYED = b"A", b"R"
_SECRET_OCTETS = 32


class Sender(Emitter):
    """One of two senders; the hub says each tick which part it plays."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.taker = Taker(self.store, self.settings.block_octets)
        self.offerer = Offerer(self.store, self.settings.block_octets)
        self._takes = False
        self._digest = ""
        self._aligning = False

    def _on_service(self, message: optical.ServiceMessage) -> None:
        if self.state in (*DOWN, STARTING):
            return
        send = partial(self._relay, message.port_id)
        kind, rest = message.octets[:1], message.octets[1:]
        if kind == _RELAYED and self._takes:
            self._finish(self.taker.received(rest, self.time_s, send, self._digest))
        elif kind == _RELAYED:
            self._finish(self.offerer.received(rest, self.time_s, send))
        elif self._tick_open:
            self._on_announcement(read_announcement(rest) if kind == _ANNOUNCED else None, rest, message.port_id)

    def _on_announcement(self, said: Announcement | None, octets: bytes, hub: str) -> None:
        if said is None or not self._plausible(said):
            # The other sender waits for this one's part: what it gets does not open, and it gives up, too.
            self._relay(hub, Message(Kind.REFUSE, self._tick.number).seal(self._harvest_of(self._seed)))
            self._finish(Outcome(Kind.REFUSE, reason="TAMPERED"))
        elif said.kind is not Kind.OFFER:
            self._aligning = False
            self._finish(Outcome(said.kind))
        elif said.blocks == 0:
            self._finish(Outcome(Kind.OFFER, report=said.report))
        else:
            self._take_part(said, octets, partial(self._relay, hub))

    def _plausible(self, said: Announcement) -> bool:
        """Nobody need trust a hub: bits that are too few to make the blocks of would be known to it."""
        enough = max(_SECRET_OCTETS, said.blocks * said.octets)
        return (
            said.tick == self._tick.number
            and said.taker != said.offerer
            and self._port_id in (said.taker, said.offerer)
            and (said.kind is not Kind.OFFER or said.blocks == 0 or len(said.parity) >= enough)
        )

    def _take_part(self, said: Announcement, octets: bytes, send: partial[None]) -> None:
        self._digest = heard(octets)
        self._takes = self._port_id == said.taker
        harvest = self._harvest_of(self._bits(len(said.parity)), said.parity if not self._takes else b"")
        if self._takes:
            self.taker.realign, self._aligning = self._aligning, False
            self.taker.begin(said.tick, harvest)
            return
        blocks = said.blocks if said.octets == self.settings.block_octets and not self._aligning else 0
        outcome = self.offerer.offer(said.tick, harvest, blocks, said.report, send, heard=self._digest)
        if self._aligning:
            self._aligning = False
            outcome = Outcome(Kind.ALIGN)
        elif said.octets != self.settings.block_octets:
            outcome = Outcome(Kind.REFUSE, reason="PEER_MISMATCH")
        self._finish(outcome)

    def _bits(self, octets: int) -> bytes:
        """The bits of the train, as the plant makes them of the seed."""
        return hashlib.shake_256(self._seed).digest(octets)

    def _harvest_of(self, bits: bytes, parity: bytes = b"") -> Harvest:
        turned = bits
        if parity:
            turned = (int.from_bytes(bits, "big") ^ int.from_bytes(parity, "big")).to_bytes(len(bits), "big")
        return Harvest(turned, context_of((self.module_id, *self.peers), self._tick.number))

    def _relay(self, hub: str, octets: bytes) -> None:
        self._say(_RELAYED + octets, hub)

    def _finish(self, outcome: Outcome | None) -> None:
        if outcome is not None and self._tick_open:
            self._conclude(outcome)

    def _out_of_patience(self) -> None:
        outcome = self.taker.give_up() or self.offerer.give_up()
        self._conclude(outcome or Outcome(Kind.REFUSE, reason="PEER_SILENT"))

    def _end_of_dark_tick(self) -> None:
        self._out_of_patience()

    def _realign(self) -> None:
        self._aligning = True
        self._go(ALIGNING)

    def _forget_light(self) -> None:
        self.taker.give_up()
        self.offerer.give_up()

    def _forget_pairing(self) -> None:
        self.taker.forget()
        self.offerer.forget()


class Hub(EmulatedModule):
    """Interferes two senders' trains, announces what came of it, and passes their messages on. Keeps no bits."""

    role = pb.MODULE_ROLE_HUB
    direction = optical.DIRECTION_MEASURE
    peer_count = 2

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._detector = Detector(self.settings, self.rates)
        self._other_end: dict[str, str] = {}

    def _begin_tick(self, tick: optical.Tick) -> None:
        self._tick_done()  # acts on light when it comes

    def _end_of_dark_tick(self) -> None:
        if self.state in (*DOWN, STARTING):
            self._end_tick()
        else:
            self._detector.lose()
            self._dark_tick("LOSS_OF_LIGHT", "the trains of two senders did not come during the last interval")

    def _on_bell(self, outcome: optical.BellOutcome) -> None:
        one, other = sorted((outcome.one_port, outcome.other_port))
        self._other_end = {one: other, other: one}
        if self.state in (*DOWN, STARTING):
            self._announce(Announcement(outcome.tick, Kind.IDLE, one, other))
        elif not self._detector.locks():
            self._announce(Announcement(outcome.tick, Kind.ALIGN, one, other))
            self._conclude(Outcome(Kind.ALIGN))
        else:
            paths = (outcome.one_path, outcome.other_path)
            scene = Scene(paths, self._tick.temperature_c, self._tick.time_s, outcome.interval_s)
            # What everybody may know is enough to draw the fluctuation from.
            draw = Harvest(bytes(_SECRET_OCTETS), context_of((self.module_id, *self.peers), outcome.tick))
            report, due = self._detector.measure(scene, draw)
            octets = self.settings.block_octets
            blocks = min(due, len(outcome.parity) // octets) if len(outcome.parity) >= _SECRET_OCTETS else 0
            parity = outcome.parity[: max(_SECRET_OCTETS, blocks * octets)] if blocks else b""
            said = Announcement(outcome.tick, Kind.OFFER, one, other, blocks, octets, report.values(), parity)
            self._announce(said)
            self._conclude(Outcome(Kind.OFFER, blocks, report=report.values(), full=blocks < due))

    def _announce(self, said: Announcement) -> None:
        octets = _ANNOUNCED + said.octets_of()
        for port in (said.taker, said.offerer):
            self._say(octets, port)

    def _on_service(self, message: optical.ServiceMessage) -> None:
        if message.port_id in self._other_end:
            self._say(message.octets, self._other_end[message.port_id])

    def _realign(self) -> None:
        self._detector.lose()
        self._go(ALIGNING)

    def _forget_light(self) -> None:
        self._detector.lose()

    def _forget_pairing(self) -> None:
        self._detector.reset()
        self._other_end = {}
