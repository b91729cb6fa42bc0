"""Faults in what an agent says by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from qkd.node.v1 import agent_pb2 as model
from qkd.node.v1.agent_pb2 import WatchNotificationsResponse as Notice

from .behind import Behind
from .catalogue import fault


class _Silent(Behind):
    """Leaves some notifications out."""

    left_out: tuple[str, ...] = ()

    def said(self, one: Notice) -> list[Notice]:
        """See `Behind`."""
        return [] if one.WhichOneof("notification") in self.left_out else [one]


def _silent(name: str, requirement: str, kind: str, about: str) -> None:
    fault(name, requirement)(type("Silent", (_Silent,), {"__doc__": about, "left_out": (kind,)}))


_silent("link-down-silent", "ETSI015-NOTE-DOWN-1", "sdqkdn_link_down", "A link that goes down is not told.")
_silent("perf-update-silent", "ETSI015-NOTE-PERF-1", "sdqkdn_link_perf_update", "Changes of the rate are not told.")
_silent("overload-silent", "ETSI015-NOTE-OVER-1", "sdqkdn_link_overloaded", "Overload is not told.")
_silent("interface-down-silent", "ETSI015-NOTE-IFDOWN-1", "sdqkdn_interface_down", "Failed interfaces are not told.")
_silent("interface-out-silent", "ETSI015-NOTE-IFOUT-1", "sdqkdn_interface_out", "What is uninstalled is not told.")
_silent("interface-new-silent", "ETSI015-NOTE-IFNEW-1", "sdqkdn_interface_new", "What is installed is not told.")
_silent("application-new-silent", "ETSI015-NOTE-NEW-1", "sdqkdn_application_new", "Unknown applications are not told.")
_silent("expiry-silent", "ETSI015-NOTE-GONE-1", "sdqkdn_application_disconnected", "Expired applications are not told.")
_silent("alarms-silent", "ETSI015-NOTE-ALARM-1", "alarm", "Alarms of modules are not told.")


@fault("no-reason", "ETSI015-NOTE-DOWN-1")
class NoReason(Behind):
    """What went down is told without a reason."""

    def said(self, one: Notice) -> list[Notice]:
        """See `Behind`."""
        if one.HasField("sdqkdn_link_down"):
            one.sdqkdn_link_down.reason = ""
        return [one]


@fault("stale-rate", "ETSI015-NOTE-PERF-1")
class StaleRate(Behind):
    """A change of the rate is told with the rate of the beginning."""

    def said(self, one: Notice) -> list[Notice]:
        """See `Behind`."""
        if one.HasField("sdqkdn_link_perf_update"):
            one.sdqkdn_link_perf_update.performance.skr = 2000
        return [one]


@fault("alarms-are-events", "ETSI015-NOTE-ALARM-1")
class AlarmsAreEvents(Behind):
    """Alarms are sent as events."""

    def said(self, one: Notice) -> list[Notice]:
        """See `Behind`."""
        return [Notice(event_time=one.event_time, event=one.alarm)] if one.HasField("alarm") else [one]


@fault("alarms-are-minor", "ETSI015-NOTE-ALARM-1")
class AlarmsAreMinor(Behind):
    """Every alarm is MINOR."""

    def said(self, one: Notice) -> list[Notice]:
        """See `Behind`."""
        if one.HasField("alarm"):
            one.alarm.interface.severity = model.HAPPENING_SEVERITY_MINOR
        return [one]


@fault("nameless-node", "ETSI015-NOTE-NEW-2")
class NamelessNode(Behind):
    """An application that asks is told without its node."""

    def said(self, one: Notice) -> list[Notice]:
        """See `Behind`."""
        if one.HasField("sdqkdn_application_new"):
            one.sdqkdn_application_new.local_qkdn_id = ""
        return [one]


@fault("new-without-a-place", "ETSI015-NOTE-IFNEW-1")
class NewWithoutAPlace(Behind):
    """What is installed is told without its attachment point."""

    def said(self, one: Notice) -> list[Notice]:
        """See `Behind`."""
        if one.HasField("sdqkdn_interface_new"):
            one.sdqkdn_interface_new.device = ""
        return [one]


@fault("names-for-ids", "ETSI015-NOTE-VALID-1")
class NamesForIds(Behind):
    """Links are named by words where the model has UUIDs."""

    def said(self, one: Notice) -> list[Notice]:
        """See `Behind`."""
        if one.HasField("sdqkdn_link_perf_update"):
            one.sdqkdn_link_perf_update.qkdl_id = "link to b"
        return [one]


@fault("down-when-stopped", "ETSI015-NOTE-DOWN-2")
class DownWhenStopped(Behind):
    """A link that makes no keys is told as down, also when it was disabled."""

    def said(self, one: Notice) -> list[Notice]:
        """See `Behind`."""
        update = one.sdqkdn_link_perf_update
        if one.HasField("sdqkdn_link_perf_update") and not update.performance.skr:
            down = model.LinkTrouble(qkdl_id=update.qkdl_id, reason="no keys come")
            return [one, Notice(event_time=one.event_time, sdqkdn_link_down=down)]
        return [one]


@fault("overload-at-once", "ETSI015-NOTE-OVER-1")
class OverloadAtOnce(Behind):
    """A link is told as overloaded as soon as somebody uses it."""

    def said(self, one: Notice) -> list[Notice]:
        """See `Behind`."""
        update = one.sdqkdn_link_perf_update
        if one.HasField("sdqkdn_link_perf_update") and update.performance.expected_consumption:
            return [one, Notice(event_time=one.event_time, sdqkdn_link_overloaded=update)]
        return [one]


@fault("cries-wolf", "ETSI015-NOTE-QUIET-1")
class CriesWolf(Behind):
    """An alarm is sent every half second, so that somebody looks."""

    async def notifications(self) -> AsyncIterator[Notice]:
        """See `Behind`."""
        real = self.real.notifications()
        following = asyncio.ensure_future(anext(real))
        try:
            while True:
                await asyncio.wait({following}, timeout=0.5)
                if following.done():
                    yield following.result()
                    following = asyncio.ensure_future(anext(real))
                else:
                    happening = model.InterfaceHappening(
                        qkdi_id=1,
                        message="look here",
                        severity=model.HAPPENING_SEVERITY_MINOR,
                        qkdi_status=model.INTERFACE_STATUS_ENABLED,
                    )
                    made = Notice(alarm=model.Happening(interface=happening))
                    made.event_time.GetCurrentTime()
                    yield made
        finally:
            following.cancel()
