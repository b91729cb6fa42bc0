"""What changes at interfaces and links, as notifications."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from qkd.device.v1 import module_pb2 as pb
from qkd.node.v1 import agent_pb2 as model

from .modules import Module
from .notices import Notices
from .settings import NodeSettings

FAILED, ENABLED = model.INTERFACE_STATUS_FAILED, model.INTERFACE_STATUS_ENABLED


@dataclass(slots=True)
class _Reported:
    """Of a link: what was reported last and when, and whether it was overloaded."""

    status: model.LinkStatus.ValueType
    performance: model.LinkPerformance
    since: float
    reported: model.LinkStatus.ValueType
    overloaded: bool = False


class Changes:
    """Compares what is observed with what was, and says what matters.

    Args:
        steady: seconds, never set back; for the rate of reports.
    """

    def __init__(self, settings: NodeSettings, notices: Notices, steady: Callable[[], float]) -> None:
        self._settings = settings
        self._notices = notices
        self._steady = steady
        self._interfaces: dict[int, model.InterfaceStatus.ValueType] = {}
        self._links: dict[str, _Reported] = {}

    # -- interfaces ----------------------------------------------------------------------------------

    def interface(self, module: Module, shown: model.QkdInterface) -> None:
        """How an interface is now."""
        number, status = shown.qkdi_id, shown.qkdi_status
        before = self._interfaces.get(number)
        if before is None:
            if module.capabilities is not None:  # one that has never answered is not new yet
                self._interfaces[number] = status
                new = model.QkdInterface()
                new.CopyFrom(shown)
                new.ClearField("qkdi_status")
                self._notices.say(model.WatchNotificationsResponse(sdqkdn_interface_new=new))
            return
        if status == before:
            return
        self._interfaces[number] = status
        reason = _trouble(module, status)
        if reason:
            trouble = model.InterfaceTrouble(qkdi_id=number, reason=reason)
            self._notices.say(model.WatchNotificationsResponse(sdqkdn_interface_down=trouble))
        else:
            text = "the interface is in operation" if status == ENABLED else "the interface is off"
            self.happening(number, status, text, model.HAPPENING_SEVERITY_MINOR, stands=False)

    def out(self, number: int) -> None:
        """An interface is not there any more."""
        self._interfaces.pop(number, None)
        self._notices.say(model.WatchNotificationsResponse(sdqkdn_interface_out=number))

    def alarm(self, number: int, status: model.InterfaceStatus.ValueType, said: pb.WatchAlarmsResponse) -> None:
        """An alarm of a module: `alarm` while it stands, `event` when it is over."""
        major = said.severity in {pb.SEVERITY_MAJOR, pb.SEVERITY_CRITICAL}
        severity = model.HAPPENING_SEVERITY_MAJOR if major else model.HAPPENING_SEVERITY_MINOR
        text = f"{said.code}: {said.text}" if said.text else said.code
        self.happening(number, status, f"{text} (over)" if said.cleared else text, severity, stands=not said.cleared)

    def happening(
        self,
        number: int,
        status: model.InterfaceStatus.ValueType,
        text: str,
        severity: model.HappeningSeverity.ValueType,
        *,
        stands: bool,
    ) -> None:
        """Something at an interface."""
        one = model.InterfaceHappening(qkdi_id=number, qkdi_status=status, message=text, severity=severity)
        said = model.Happening(interface=one)
        self._notices.say(
            model.WatchNotificationsResponse(alarm=said) if stands else model.WatchNotificationsResponse(event=said)
        )

    # -- links ---------------------------------------------------------------------------------------

    def links(self, shown: Mapping[str, model.QkdLink], why: Mapping[str, str]) -> None:
        """How all links are now; `why`: of those that are meant to work, what keeps them from it, for people."""
        for link_id in self._links.keys() - shown.keys():
            del self._links[link_id]
        for link_id, link in shown.items():
            self._link(link_id, link, why.get(link_id, ""))

    def _link(self, link_id: str, link: model.QkdLink, why: str) -> None:
        status, figures = link.qkdl_status, link.qkdl_performance
        known = self._links.get(link_id)
        if known is None:
            empty = model.LinkPerformance()
            known = self._links[link_id] = _Reported(status, empty, float("-inf"), model.LINK_STATUS_UNSPECIFIED)
        if known.status == model.LINK_STATUS_ACTIVE != status and why:
            trouble = model.LinkTrouble(qkdl_id=link_id, reason=why)
            self._notices.say(model.WatchNotificationsResponse(sdqkdn_link_down=trouble))
        known.status = status
        known_rate = status == model.LINK_STATUS_ACTIVE and figures.HasField("skr")
        overloaded = known_rate and figures.expected_consumption > figures.skr
        if overloaded and not known.overloaded:
            report = model.LinkReport(qkdl_id=link_id, performance=figures)
            report.performance.ClearField("phys_perf")
            self._notices.say(model.WatchNotificationsResponse(sdqkdn_link_overloaded=report))
        known.overloaded = overloaded
        now = self._steady()
        changed = status != known.reported or self._differs(known.performance, figures)
        if changed and now - known.since >= self._settings.perf_interval_s:
            known.performance, known.since, known.reported = figures, now, status
            report = model.LinkReport(qkdl_id=link_id, performance=figures)
            self._notices.say(model.WatchNotificationsResponse(sdqkdn_link_perf_update=report))

    def _differs(self, before: model.LinkPerformance, now: model.LinkPerformance) -> bool:
        """Whether a figure has changed by more than it may."""
        old = {one.perf_type: one.value for one in before.phys_perf} | {-1: before.skr, -2: before.eskr}
        new = {one.perf_type: one.value for one in now.phys_perf} | {-1: now.skr, -2: now.eskr}
        return before.expected_consumption != now.expected_consumption or any(
            abs(new.get(kind, 0.0) - old.get(kind, 0.0)) > self._settings.perf_change * abs(old.get(kind, 0.0))
            for kind in old.keys() | new.keys()
        )


def _trouble(module: Module, status: model.InterfaceStatus.ValueType) -> str:
    """Why an interface is down; empty = it is not, or because it was told so."""
    if status == FAILED:
        return "no key can be made: loss or noise is too high" if module.reachable else "the module does not answer"
    return "the module is under maintenance" if module.state == pb.MODULE_STATE_MAINTENANCE else ""
