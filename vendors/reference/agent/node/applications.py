"""How the applications of the node do: status, periods, and what is to be said when they change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qkd.kms.v1.control_pb2 import ApplicationUse, WatchRequestsResponse
from qkd.node.v1 import agent_pb2 as model

from .consumption import Consumption
from .memory import Memory
from .notices import Notices
from .plan import World, admitted
from .settings import NodeSettings

ON = model.APPLICATION_STATUS_ON


class ApplicationBook:
    """All applications as last applied, with what the node alone knows of them.

    ON: it may have keys. OUT_OF_TIME: its expiration_time has come. DISCONNECTED: its other node is not known, or its
    SAEs have asked for keys once and not for `idle_s`.
    """

    def __init__(self, settings: NodeSettings, memory: Memory, notices: Notices) -> None:
        self._settings = settings
        self._memory = memory
        self._notices = notices
        self._consumed: dict[str, Consumption] = {}
        self._status: dict[str, model.ApplicationStatus.ValueType] = {}
        self.applied: Sequence[model.QkdApplication] = ()

    def use(self, applications: Sequence[model.QkdApplication], now: float) -> None:
        """These from now on."""
        before = {one.app_id: one for one in self.applied}
        self.applied = applications
        ids = {one.app_id for one in applications}
        for app_id in ids - self._memory.created.keys():
            self._memory.created[app_id] = now
        for app_id in self._memory.created.keys() - ids:
            del self._memory.created[app_id]
        for app_id in self._consumed.keys() - ids:
            del self._consumed[app_id]
            self._status.pop(app_id, None)
        for one in applications:
            was = before.get(one.app_id)
            if was is not None and (was.app_qos, was.app_priority) != (one.app_qos, one.app_priority):
                update = model.QkdApplication(app_id=one.app_id, app_qos=one.app_qos, app_priority=one.app_priority)
                self._notices.say(model.WatchNotificationsResponse(sdqkdn_application_qos_update=update))

    def asked(self, request: WatchRequestsResponse, qkdn_id: str) -> None:
        """SAEs want to be an application."""
        new = model.QkdApplication(
            app_type=model.APPLICATION_TYPE_CLIENT,
            server_app_id=f"sae:{request.server_sae_id}",
            client_app_ids=[f"sae:{sae_id}" for sae_id in request.client_sae_ids],
            local_qkdn_id=qkdn_id,
        )
        self._notices.say(model.WatchNotificationsResponse(sdqkdn_application_new=new))

    def look(self, uses: Mapping[str, ApplicationUse], world: World, now: float) -> None:
        """Counts what was consumed, and says who has gone."""
        period, kept = self._settings.statistics_period_s, int(self._settings.statistics_periods)
        for one in self.applied:
            use = uses.get(one.app_id)
            if one.app_id not in self._consumed:
                self._consumed[one.app_id] = Consumption(now, period, kept)
            if use is not None:
                self._consumed[one.app_id].count(use.consumed_bits, now)
            status = self._status_of(one, use, world, now)
            before = self._status.get(one.app_id)
            self._status[one.app_id] = status
            if before == ON and status != ON:
                self._notices.say(model.WatchNotificationsResponse(sdqkdn_application_disconnected=one.app_id))

    def _status_of(
        self, one: model.QkdApplication, use: ApplicationUse | None, world: World, now: float
    ) -> model.ApplicationStatus.ValueType:
        if one.HasField("expiration_time") and one.expiration_time.ToNanoseconds() / 1e9 <= now:
            return model.APPLICATION_STATUS_OUT_OF_TIME
        if one.app_type == model.APPLICATION_TYPE_INTERNAL:
            return ON
        asked = use.last_asked.ToNanoseconds() / 1e9 if use is not None and use.HasField("last_asked") else None
        if not admitted(one, world) or (asked is not None and now - asked > self._settings.idle_s):
            return model.APPLICATION_STATUS_DISCONNECTED
        return ON

    def observed(self) -> list[model.QkdApplication]:
        """See `LiveNode.observed`."""
        shown = []
        for one in self.applied:
            app = model.QkdApplication(app_id=one.app_id, app_status=self._status.get(one.app_id, ON))
            app.creation_time.FromMicroseconds(round(self._memory.created.get(one.app_id, 0.0) * 1e6))
            if one.app_id in self._consumed:
                app.statistics.extend(self._consumed[one.app_id].periods())
            shown.append(app)
        return shown
