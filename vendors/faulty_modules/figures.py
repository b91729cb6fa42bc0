"""Faults of the figures that are reported."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from qkd.device.v1 import module_pb2 as pb
from vendors.emulation.figures import Reading
from vendors.emulation.module import EmulatedModule

from .catalogue import fault
from .models import CV


@fault("rate-overstated", caught_by=["DEV-PERF-1"])
class RateOverstated(EmulatedModule):
    """The rate that is reported is that before privacy amplification: twice what becomes key."""

    def _end_tick(self, reading: Reading | None = None, skr_bps: float = 0.0) -> None:
        super()._end_tick(reading, 2.0 * skr_bps)


@fault("rate-in-kbit", caught_by=["DEV-PERF-1"])
class RateInKbit(EmulatedModule):
    """The rate is reported in kbit/s."""

    def _end_tick(self, reading: Reading | None = None, skr_bps: float = 0.0) -> None:
        super()._end_tick(reading, skr_bps / 1000.0)


@fault("rate-of-better-days", caught_by=["DEV-PERF-2"])
class RateOfBetterDays(EmulatedModule):
    """While no key is made the rate that is reported is the last that there was."""

    def _end_tick(self, reading: Reading | None = None, skr_bps: float = 0.0) -> None:
        last = skr_bps or self.__dict__.get("_last_bps", 0.0)
        self.__dict__["_last_bps"] = last
        super()._end_tick(reading, last)


@fault("qber-in-percent", caught_by=["DEV-PERF-5"])
class QberInPercent(EmulatedModule):
    """The QBER is reported in per cent."""

    def _end_tick(self, reading: Reading | None = None, skr_bps: float = 0.0) -> None:
        if reading is not None and reading.qber is not None:
            reading = replace(reading, qber=100.0 * reading.qber)
        super()._end_tick(reading, skr_bps)


@fault("qber-constant", caught_by=["DEV-EVE-1", "DEV-ABORT-1"])
class QberConstant(EmulatedModule):
    """The QBER that is reported is that of the data sheet."""

    def _end_tick(self, reading: Reading | None = None, skr_bps: float = 0.0) -> None:
        super()._end_tick(replace(reading, qber=0.02) if reading is not None else None, skr_bps)


@fault("no-qber", caught_by=["DEV-PERF-3"])
class NoQber(EmulatedModule):
    """The QBER is not reported: it is the maker's secret."""

    def _end_tick(self, reading: Reading | None = None, skr_bps: float = 0.0) -> None:
        super()._end_tick(replace(reading, qber=None) if reading is not None else None, skr_bps)


@fault("qber-of-zero-without-qber", caught_by=["DEV-PERF-4"], models=(CV,))
class QberWithoutQber(EmulatedModule):
    """Continuous variables, and a QBER of 0 is reported: "no errors"."""

    def _end_tick(self, reading: Reading | None = None, skr_bps: float = 0.0) -> None:
        super()._end_tick(replace(reading, qber=0.0) if reading is not None else None, skr_bps)


@fault("performance-without-the-latest", caught_by=["DEV-PERF-6"])
class WithoutTheLatest(EmulatedModule):
    """WatchPerformance is silent until the next interval ends."""

    def watch_performance(self) -> AsyncIterator[pb.WatchPerformanceResponse]:
        """What comes."""
        return self._performances.watch(())


@fault("every-other-interval", caught_by=["DEV-PERF-7"])
class EveryOtherInterval(EmulatedModule):
    """Every other interval is left out of the figures."""

    def _end_tick(self, reading: Reading | None = None, skr_bps: float = 0.0) -> None:
        if self._tick.number % 2:
            self._unpublished = False
        super()._end_tick(reading, skr_bps)
