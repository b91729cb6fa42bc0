"""What a receiver or hub makes of the light of a tick: figures, a judgement, and how many blocks are due."""

from __future__ import annotations

from dataclasses import replace

from .figures import RateModel, Reading, Report, Scene, fluctuated
from .harvest import Harvest
from .settings import ModuleSettings


class Detector:
    """Keeps count of alignment and of the secret bits that do not fill a block yet."""

    def __init__(self, settings: ModuleSettings, rates: RateModel) -> None:
        self._settings = settings
        self._rates = rates
        self._aligned = 0
        self._credit_bits = 0.0
        self._nominal_bps = settings.nominal_bps

    def reset(self) -> None:
        """Another peer: nothing of the last one counts."""
        self.lose()
        self._credit_bits = 0.0
        self._nominal_bps = self._settings.nominal_bps

    def lose(self) -> None:
        """Out of alignment."""
        self._aligned = 0

    def locks(self) -> bool:
        """Light has come: whether the detector is aligned, and makes bits of it."""
        self._aligned += 1
        return self._aligned > self._settings.align_ticks

    def measure(self, scene: Scene, draw: Harvest) -> tuple[Report, int]:
        """The figures of a tick, and how many whole blocks its secret bits and those left over make."""
        expected = self._rates.read(scene)
        reading = fluctuated(expected, scene.interval_s, self._settings.spread, draw)
        limits = self._rates.limits
        cause = expected.cause or ("QBER_HIGH" if limits.qber_abort and (reading.qber or 0) > limits.qber_abort else "")
        if cause:
            return Report(replace(reading, skr_bps=0.0, cause=cause)), 0
        self._nominal_bps = self._nominal_bps or expected.skr_bps
        block_bits = 8 * self._settings.block_octets
        self._credit_bits += reading.skr_bps * scene.interval_s
        blocks = int(self._credit_bits // block_bits)
        self._credit_bits -= blocks * block_bits
        return Report(reading, slow=self._slow(reading)), blocks

    def _slow(self, reading: Reading) -> bool:
        noisy, limits = self._settings.noisy_share, self._rates.limits
        return (
            reading.skr_bps < self._settings.degraded_share * self._nominal_bps
            or (reading.qber or 0.0) > noisy * (limits.qber_abort or 1.0)
            or (reading.excess_noise or 0.0) > noisy * (limits.excess_noise_abort or float("inf"))
        )
