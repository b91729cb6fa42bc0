"""Faults of alarms."""

from __future__ import annotations

from collections.abc import AsyncIterator

from qkd.device.v1.module_pb2 import WatchAlarmsResponse
from vendors.emulation.alarms import AlarmBoard

from .catalogue import fault


@fault("no-alarms", caught_by=["DEV-CUT-3", "DEV-ALARM-1", "DEV-EVE-6"])
class NoAlarms(AlarmBoard):
    """Alarms go to the maker's own server only."""

    def set(self, code: str, time_s: float, text: str = "") -> None:
        """Nothing."""


@fault("alarms-never-cleared", caught_by=["DEV-CUT-5", "DEV-EVE-8", "DEV-TAMPER-4"])
class NeverCleared(AlarmBoard):
    """An alarm stands until somebody acknowledges it at the module."""

    def clear(self, time_s: float, *codes: str) -> None:
        """Nothing."""


@fault("standing-alarms-not-told", caught_by=["DEV-ALARM-3"])
class StandingNotTold(AlarmBoard):
    """Who watches later hears of changes only."""

    def watch(self) -> AsyncIterator[WatchAlarmsResponse]:
        """Every change."""
        return self._feed.watch(())


@fault("alarm-with-time-of-day", caught_by=["DEV-ALARM-2"])
class AlarmWithoutTime(AlarmBoard):
    """Alarms bear the time of day instead of the plant's."""

    def set(self, code: str, time_s: float, text: str = "") -> None:
        """Some day in 2026."""
        super().set(code, 1.79e9 + time_s, text)


@fault("tampering-not-told", caught_by=["DEV-TAMPER-2"])
class TamperingNotTold(AlarmBoard):
    """Messages that do not verify are dropped, and nobody is told."""

    def set(self, code: str, time_s: float, text: str = "") -> None:
        """All but that."""
        if code != "TAMPERED":
            super().set(code, time_s, text)


@fault("noise-is-loss", caught_by=["DEV-EVE-6"])
class NoiseIsLoss(AlarmBoard):
    """An eavesdropper is told as a loss of light: there is one lamp only."""

    def set(self, code: str, time_s: float, text: str = "") -> None:
        """One code."""
        super().set("LOSS_OF_LIGHT" if code in ("QBER_HIGH", "NO_SECRET_KEY") else code, time_s, text)


@fault("full-store-not-told", caught_by=["DEV-FULL-1"])
class FullStoreNotTold(AlarmBoard):
    """A module whose store is full makes no more keys, and leaves it at that."""

    def set(self, code: str, time_s: float, text: str = "") -> None:
        """All but that."""
        if code != "STORE_FULL":
            super().set(code, time_s, text)
