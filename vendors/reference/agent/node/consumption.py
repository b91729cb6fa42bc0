"""What applications have consumed, by periods that do not overlap."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from qkd.node.v1.agent_pb2 import ApplicationStatistics

_LARGEST = 0xFFFFFFFF  # consumed_bits is a uint32


class Consumption:
    """The periods of one application.

    A period ends after `period_s`, or before its bits would no longer fit.

    Args:
        now: when it begins, seconds since 1970.
        kept: how many periods are kept.
    """

    def __init__(self, now: float, period_s: float, kept: int) -> None:
        self._period_s = period_s
        self._begun = self._looked = now
        self._bits = 0
        self._counter = 0
        self._ended: deque[tuple[float, float, int]] = deque(maxlen=kept)

    def count(self, counter: int, now: float) -> None:
        """The KME's counter of bits, which only grows, and begins anew when the KME does."""
        came = counter - self._counter if counter >= self._counter else counter
        self._counter = counter
        if self._bits and self._bits + came > _LARGEST:
            self._end(self._looked)
        first, pieces = self._looked, -(-came // _LARGEST)
        for number in range(1, pieces):  # as if it had flowed evenly
            self._bits = _LARGEST
            self._end(first + (now - first) * number / pieces)
            came -= _LARGEST
        self._bits += came
        self._looked = now
        if now - self._begun >= self._period_s:
            self._end(now)

    def _end(self, now: float) -> None:
        if now > self._begun:
            self._ended.append((self._begun, now, self._bits))
            self._begun, self._bits = now, 0

    def periods(self) -> Sequence[ApplicationStatistics]:
        """Those that have ended, the oldest first."""
        return [
            ApplicationStatistics(start_time=_stamp(begun), end_time=_stamp(ended), consumed_bits=bits)
            for begun, ended, bits in self._ended
        ]


def _stamp(seconds: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromMicroseconds(round(seconds * 1e6))
    return stamp
