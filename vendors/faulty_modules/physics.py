"""Faults in what a module makes of its light: of cuts, eavesdroppers, tampered messages."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from qkd.device.v1.module_pb2 import MODULE_ROLE_TRANSMITTER
from qkd.optical.v1.plant_pb2 import PathState
from vendors.emulation.exchange import Outcome, Send, Taker
from vendors.emulation.figures import Reading, Scene
from vendors.emulation.handover.source import Block
from vendors.emulation.harvest import Harvest
from vendors.emulation.messages import open_message
from vendors.emulation.module import EmulatedModule
from vendors.emulation.published import PublishedRates
from vendors.emulation.store import KeyBlockStore

from .catalogue import fault


def _with(scene: Scene, **changed: float) -> Scene:
    paths = []
    for path in scene.paths:
        other = PathState()
        other.CopyFrom(path)
        for name, factor in changed.items():
            setattr(other, name, factor * getattr(other, name))
        paths.append(other)
    return replace(scene, paths=paths)


@fault("most-errors-not-counted", caught_by=["DEV-EVE-4", "DEV-EVE-1"])
class MostErrorsNotCounted(PublishedRates):
    """Nine tenths of the errors that an eavesdropper makes are left out of the estimate: abort never comes."""

    def read(self, scene: Scene) -> Reading:
        """Without most of them."""
        return super().read(_with(scene, intercepted=0.1))


@fault("qber-halved", caught_by=["DEV-EVE-1", "DEV-ABORT-1"])
class QberHalved(PublishedRates):
    """The QBER that is reported, and judged by, is half of the truth."""

    def read(self, scene: Scene) -> Reading:
        """Half."""
        reading = super().read(_with(scene, intercepted=0.5))
        return replace(reading, qber=(reading.qber or 0.0) / 2)


@fault("blind-to-loss", caught_by=["DEV-LOSS-1", "DEV-LOSS-2", "DEV-LOSS-3"])
class BlindToLoss(PublishedRates):
    """The rate is that of the link on the day when it was installed, whatever the fibre does."""

    def read(self, scene: Scene) -> Reading:
        """The first."""
        calm = self.__dict__.setdefault("_first", scene)
        now = scene.paths[0].intercepted
        return super().read(scene) if now else super().read(calm)


class _LastBlock(KeyBlockStore):
    """Remembers the last block."""

    def add(self, block_id: bytes, octets: bytes, time_s: float) -> Block:
        """And keeps its octets in mind."""
        self.__dict__["_last"] = octets
        return super().add(block_id, octets, time_s)


@fault("goes-on-after-a-cut", caught_by=["DEV-CUT-1"], also=[_LastBlock])
class GoesOnAfterACut(EmulatedModule):
    """Without light both ends stretch the last key, so that the KMS does not run dry."""

    def _dark_tick(self, code: str, text: str) -> None:
        last: bytes | None = self.store.__dict__.get("_last")
        if last is not None and self.store.room(len(last)):
            stream = hashlib.shake_256(last).digest(16 + len(last))
            self.store.add(stream[:16], stream[16:], self.time_s)
        super()._dark_tick(code, text)


@fault("messages-not-verified", caught_by=["DEV-TAMPER-1"], only=MODULE_ROLE_TRANSMITTER)
class MessagesNotVerified(Taker):
    """The last message of an exchange is acted on whether or not it verifies; its bits go into the key."""

    def received(self, octets: bytes, time_s: float, send: Send, heard: str = "") -> Outcome | None:
        """Takes what comes."""
        harvest, offer = self._harvest, self._offer
        if harvest is None or offer is None or open_message(octets, harvest) is not None:
            return super().received(octets, time_s, send, heard)
        self.__dict__["_turned"] = True
        return self._added(offer, harvest, time_s)

    def _add(self, harvest: Harvest, blocks: int, time_s: float) -> None:
        if not self.__dict__.pop("_turned", False):
            super()._add(harvest, blocks, time_s)
            return
        for block_id, key in harvest.blocks(blocks, self._octets):
            self._store.add(block_id, bytes([key[0] ^ 1]) + key[1:], time_s)


@fault("tampering-ends-it", caught_by=["DEV-TAMPER-3"])
class TamperingEndsIt(EmulatedModule):
    """A message that does not verify takes a module out of service until somebody comes."""

    def _conclude(self, outcome: Any) -> None:
        super()._conclude(outcome)
        if outcome.reason == "TAMPERED":
            self.set_maintenance(maintenance=True)


@fault("warmth-changes-keys", caught_by=["DEV-TEMP-1"], only=MODULE_ROLE_TRANSMITTER)
class WarmthChangesKeys(EmulatedModule):
    """When it is warm one bit of the transmitter's key memory flips."""

    def _on_tick(self, tick: Any) -> None:
        if abs(tick.temperature_c - 22.0) > 8.0:
            for block in self.store.ready()[:1]:
                warm = replace(block, octets=bytes([block.octets[0] ^ 1]) + block.octets[1:])
                self.store._blocks[block.sequence] = warm  # noqa: SLF001 - it is the memory that flips
        super()._on_tick(tick)
