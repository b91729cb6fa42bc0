"""The alarms of one module."""

from __future__ import annotations

from collections.abc import AsyncIterator

from qkd.device.v1.module_pb2 import (
    SEVERITY_CRITICAL,
    SEVERITY_MAJOR,
    SEVERITY_MINOR,
    SEVERITY_WARNING,
    Severity,
    WatchAlarmsResponse,
)

from .feed import Feed

SEVERITIES = {
    "LOSS_OF_LIGHT": SEVERITY_MAJOR,
    "CHANNEL_REFUSED": SEVERITY_CRITICAL,
    "QBER_HIGH": SEVERITY_MAJOR,
    "EXCESS_NOISE_HIGH": SEVERITY_MAJOR,
    "LOSS_TOO_HIGH": SEVERITY_MAJOR,
    "VISIBILITY_LOW": SEVERITY_MAJOR,
    "NO_SECRET_KEY": SEVERITY_MAJOR,
    "PEER_SILENT": SEVERITY_MAJOR,
    "PEER_MISMATCH": SEVERITY_CRITICAL,
    "STORE_FULL": SEVERITY_WARNING,
    "TAMPERED": SEVERITY_CRITICAL,
    "UNPLUGGED": SEVERITY_MAJOR,
    "LAPSE": SEVERITY_MINOR,
}


class AlarmBoard:
    """Which alarms stand, and every change to whoever watches."""

    def __init__(self) -> None:
        self._standing: dict[str, WatchAlarmsResponse] = {}
        self._feed: Feed[WatchAlarmsResponse] = Feed()

    @property
    def standing(self) -> frozenset[str]:
        """The codes of the alarms that stand."""
        return frozenset(self._standing)

    def set(self, code: str, time_s: float, text: str = "") -> None:
        """Raises an alarm of `SEVERITIES`; one that stands stays as it is."""
        if code not in self._standing:
            severity: Severity.ValueType = SEVERITIES[code]
            alarm = WatchAlarmsResponse(time_s=time_s, severity=severity, code=code, text=text)
            self._standing[code] = alarm
            self._feed.publish(alarm)

    def clear(self, time_s: float, *codes: str) -> None:
        """The alarms of these codes stand no longer."""
        for code in codes:
            alarm = self._standing.pop(code, None)
            if alarm is not None:
                text, severity = alarm.text, alarm.severity
                self._feed.publish(
                    WatchAlarmsResponse(time_s=time_s, severity=severity, code=code, text=text, cleared=True)
                )

    def watch(self) -> AsyncIterator[WatchAlarmsResponse]:
        """Those that stand, then every change."""
        return self._feed.watch(tuple(self._standing.values()))
