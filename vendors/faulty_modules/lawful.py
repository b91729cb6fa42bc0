"""Variants that differ from the emulated module and break nothing."""

from __future__ import annotations

from dataclasses import replace

from qkd.device.v1.module_pb2 import HANDOVER_ETSI014, HANDOVER_TCP_PUSH
from vendors.emulation.alarms import AlarmBoard
from vendors.emulation.detector import Detector
from vendors.emulation.figures import Reading, Report, Scene, performance
from vendors.emulation.harvest import Harvest
from vendors.emulation.module import EmulatedModule

from .catalogue import Models, variant
from .models import CV, MDI_SERIES


@variant("small-blocks", settings={"block_octets": 32})
class SmallBlocks(EmulatedModule):
    """Blocks of 256 bits."""


@variant("large-blocks", settings={"block_octets": 8192, "store_octets": 4 << 20})
class LargeBlocks(EmulatedModule):
    """Blocks of 8 KiB, and a larger store."""


@variant("odd-blocks", settings={"block_octets": 111})
class OddBlocks(EmulatedModule):
    """Blocks of 111 octets: no power of two, no multiple of 4."""


@variant("slow-to-align", settings={"start_ticks": 5, "align_ticks": 20})
class SlowToAlign(EmulatedModule):
    """A module takes its time to start and to align."""


@variant("keys-by-014")
def keys_by_014(models: Models) -> Models:
    """Keys are handed over by ETSI GS QKD 014."""
    return tuple(replace(model, handover=HANDOVER_ETSI014) for model in models)


@variant("keys-by-014-from-both-ends", settings={"masters": "both"})
def keys_by_014_from_both_ends(models: Models) -> Models:
    """Keys are handed over by ETSI GS QKD 014, half of them at the one end first, half at the other."""
    return keys_by_014(models)


@variant("keys-pushed")
def keys_pushed(models: Models) -> Models:
    """Keys are pushed over TCP."""
    return tuple(replace(model, handover=HANDOVER_TCP_PUSH) for model in models)


@variant("pairs-freely")
def pairs_freely(models: Models) -> Models:
    """Any module of the model is a peer; one channel only."""
    return tuple(replace(model, free_pairing=True, channels=("C-51",)) for model in models)


@variant("continuous-variables", models=(CV,))
class ContinuousVariables(EmulatedModule):
    """No QBER, but excess noise and SNR."""


@variant("two-senders-and-a-hub", models=MDI_SERIES)
class TwoSendersAndAHub(EmulatedModule):
    """Measurement-device-independent."""


@variant("unsteady", settings={"spread": 0.1})
class Unsteady(EmulatedModule):
    """The rate goes up and down by a tenth."""


@variant("never-quite-content", settings={"noisy_share": 0.05})
class NeverQuiteContent(EmulatedModule):
    """DEGRADED all the time: the maker calls nothing normal that has errors."""


@variant("in-bursts")
class InBursts(Detector):
    """Signals are processed in long blocks: keys come with every sixth interval, all at once."""

    def measure(self, scene: Scene, draw: Harvest) -> tuple[Report, int]:
        """Keeps blocks back."""
        report, blocks = super().measure(scene, draw)
        if report.reading.cause:
            self.__dict__["_waiting"] = 0
            return report, 0
        count = self.__dict__["_count"] = self.__dict__.get("_count", 0) + 1
        waiting = self.__dict__.get("_waiting", 0) + blocks
        self.__dict__["_waiting"] = 0 if count % 6 == 0 else waiting
        return report, waiting if count % 6 == 0 else 0


@variant("long-intervals")
class LongIntervals(EmulatedModule):
    """Figures are those of four ticks together; in between there is no message."""

    def _end_tick(self, reading: Reading | None = None, skr_bps: float = 0.0) -> None:
        if self._unpublished:
            rates: list[float] = self.__dict__.setdefault("_rates", [])
            rates.append(skr_bps)
            if len(rates) < 4:
                self._unpublished = False
            else:
                mean, length = sum(rates) / len(rates), len(rates) * self._tick.interval_s
                rates.clear()
                self._unpublished = False
                figures = performance(reading, mean, self.time_s, length)
                self._latest.performance.CopyFrom(figures)
                self._latest.state = self.state
                said = type(self._latest)()
                said.CopyFrom(self._latest)
                self._latest = said
                self._performances.publish(said)
        super()._end_tick(reading, skr_bps)


@variant("talkative-alarms")
class TalkativeAlarms(AlarmBoard):
    """Alarms are raised again, with new words, as long as their cause lasts."""

    def set(self, code: str, time_s: float, text: str = "") -> None:
        """Each time anew."""
        self._standing.pop(code, None)
        super().set(code, time_s, f"{text} ({time_s:.0f} s)")
