"""The two ends of a point-to-point link: transmitter and receiver."""

from __future__ import annotations

import secrets
from functools import partial
from hashlib import sha256

from qkd.device.v1 import module_pb2 as pb
from qkd.optical.v1 import plant_pb2 as optical

from .detector import Detector
from .exchange import Offerer, Outcome, Taker
from .figures import Scene
from .harvest import Harvest, context_of
from .messages import Kind, Message
from .module import DOWN, REFUSED_CHANNEL, STARTING, EmulatedModule
from .spec import Setup
from .verdict import ALIGNING


class Emitter(EmulatedModule):
    """What a transmitter and a sender to a hub have in common: a train each tick, and an answer to wait for."""

    role = pb.MODULE_ROLE_TRANSMITTER
    direction = optical.DIRECTION_TRANSMIT
    _seed = b""

    def _begin_tick(self, tick: optical.Tick) -> None:
        if self._lapses(tick.time_s):
            self._forget_light()
            self._dark_tick("LAPSE", "away for a while; comes back by itself")
            return
        self.alarms.clear(self.time_s, "LAPSE")
        self._seed = secrets.token_bytes(32)
        self._emitted(tick.number)
        self._be_patient()
        self._send_plant(optical.AttachRequest(emit=optical.Emit(tick=tick.number, seed=self._seed)))

    def _emitted(self, tick: int) -> None:
        """A train with `_seed` is on its way."""

    def _on_dark(self, dark: optical.Dark) -> None:
        super()._on_dark(dark)
        if not self._tick_open or dark.tick != self._tick.number or self.state in (*DOWN, STARTING):
            return
        self._forget_light()
        if dark.reason == "RECEIVER_GONE":
            self._dark_tick("PEER_SILENT", dark.text)
        elif dark.reason in REFUSED_CHANNEL:
            self._dark_tick("CHANNEL_REFUSED", dark.text)
        else:
            self._dark_tick("LOSS_OF_LIGHT", f"{dark.reason}: {dark.text}")

    def _lapses(self, time_s: float) -> bool:
        """Whether the module is away: once in every period but the first, at a moment of its own."""
        every, lasts = self.settings.lapse_every_s, self.settings.lapse_s
        if every <= 0 or time_s < every:
            return False
        period = int(time_s // every)
        digest = sha256(f"{self.module_id} lapse {period}".encode()).digest()
        begins = period * every + int.from_bytes(digest[:7], "big") / 2**56 * max(0.0, every - lasts)
        return begins <= time_s < begins + lasts


class Transmitter(Emitter):
    """Sends trains, and takes what the receiver offers."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.taker = Taker(self.store, self.settings.block_octets)

    def _emitted(self, tick: int) -> None:
        self.taker.begin(tick, Harvest(self._seed, context_of((self.module_id, *self.peers), tick)))

    def _on_service(self, message: optical.ServiceMessage) -> None:
        if self.state in (*DOWN, STARTING):
            return
        outcome = self.taker.received(message.octets, self.time_s, partial(self._say, port_id=""))
        if outcome is not None and self._tick_open:
            self._conclude(outcome)

    def _out_of_patience(self) -> None:
        self._conclude(self.taker.give_up() or Outcome(Kind.REFUSE, reason="PEER_SILENT"))

    def _end_of_dark_tick(self) -> None:
        self._out_of_patience()

    def _realign(self) -> None:
        self.taker.realign = True
        self._go(ALIGNING)

    def _forget_light(self) -> None:
        self.taker.give_up()

    def _forget_pairing(self) -> None:
        self.taker.forget()


class Receiver(EmulatedModule):
    """Detects trains, works out what key they give, and offers it."""

    role = pb.MODULE_ROLE_RECEIVER
    direction = optical.DIRECTION_RECEIVE

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.offerer = Offerer(self.store, self.settings.block_octets)
        self._detector = Detector(self.settings, self.rates)
        self._last_light = -1

    def unplugged(self) -> None:
        """See `EmulatedModule`; another plant may count its ticks anew."""
        self._last_light = -1
        super().unplugged()

    def _begin_tick(self, tick: optical.Tick) -> None:
        self._tick_done()  # acts on light when it comes

    def _end_of_dark_tick(self) -> None:
        silent = self.offerer.give_up()
        if silent is not None:
            self._conclude(silent)
        elif self.state in (*DOWN, STARTING) or self._last_light == self._tick.number:
            self._end_tick()
        else:
            self._detector.lose()
            self._dark_tick("LOSS_OF_LIGHT", "no light came during the last interval")

    def _on_light(self, light: optical.Light) -> None:
        if light.tick <= self._last_light:
            return  # a train is good for one key
        self._last_light = light.tick
        harvest = Harvest(light.seed, context_of((self.module_id, *self.peers), light.tick))
        if self.state in (*DOWN, STARTING):
            self._say(Message(Kind.IDLE, light.tick).seal(harvest))
        elif not self._detector.locks():
            self._say(Message(Kind.ALIGN, light.tick).seal(harvest))
            self._conclude(Outcome(Kind.ALIGN))
        else:
            scene = Scene((light.path,), self._tick.temperature_c, self._tick.time_s, light.interval_s)
            report, blocks = self._detector.measure(scene, harvest)
            outcome = self.offerer.offer(light.tick, harvest, blocks, report.values(), self._say)
            if outcome is not None:
                self._conclude(outcome)

    def _on_service(self, message: optical.ServiceMessage) -> None:
        outcome = self.offerer.received(message.octets, self.time_s, self._say)
        if outcome is None or self.state in (*DOWN, STARTING):
            return
        if outcome.reason == "RESYNC":
            self._detector.lose()
        self._conclude(outcome)

    def _realign(self) -> None:
        self._detector.lose()
        self._go(ALIGNING)

    def _forget_light(self) -> None:
        self.offerer.give_up()
        self._detector.lose()

    def _forget_pairing(self) -> None:
        self.offerer.forget()
        self._detector.reset()
