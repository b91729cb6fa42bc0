"""All notifications that came in the campaign, judged together; and a few that are asked for here."""

from __future__ import annotations

from typing import Final

from conformance.etsi015.desk import Desk
from conformance.etsi015.lab import AgentLab
from conformance.etsi015.model import notification
from conformance.etsi015.test_interfaces import hearing
from conformance.etsi015.words import MODULE, application, phys
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.agents import AgentBench
from harness.wire.restconf import Event
from qkd.device.v1 import module_pb2 as device

_ALL: Final = (
    "sdqkdn_application_new", "sdqkdn_application_qos_update", "sdqkdn_application_disconnected",
    "sdqkdn_interface_new", "sdqkdn_interface_down", "sdqkdn_interface_out", "sdqkdn_link_down",
    "sdqkdn_link_perf_update", "sdqkdn_link_overloaded", "alarm", "event",
)  # fmt: skip


@case("015.notification.valid", "ETSI015-NOTE-VALID-1", needs=("node",), ics={"notifications": True}, last=True)
def test_every_notification_is_valid(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """Each notification that came, here and in the cases before, is one of the eleven and valid by the model."""
    with hearing(desk, check) as stream:
        link = phys(bench, bench.far["b"], leaves=lab.leaves)
        desk.put_link(link)
        desk.put_app(application(bench, bench.far["b"], link))
        bench.call(bench.kme.ask, "app-a8", "app-b8")
        bench.module(1, device.MODULE_STATE_RUNNING)
        stream.until(lambda one: one.name.endswith("perf_update"), 11.0)
        bench.call(bench.modules[1].alarm, "QBER_HIGH", "too noisy", device.SEVERITY_MAJOR)
        bench.module(1, skr_bps=10.0)
        stream.until(lambda one: one.name.endswith("overloaded"), 3.0)
        bench.module(1, device.MODULE_STATE_ABORTED)
        stream.until(lambda one: one.name.endswith("link_down"), 3.0)
        stream.until(lambda one: one.name.endswith("application_new"), 3.0)
    events = desk.heard
    check.require(bool(events), "no notification came")
    judged = {f"{event.name}: {_problem(event)}" for event in events if _problem(event)}
    got = "; ".join(sorted(judged)[:3]) or f"{len(events)} valid notifications"
    check("ETSI015-NOTE-VALID-1", not judged, expected="valid by the model", got=got)
    seen = {event.name.removeprefix(f"{MODULE}:") for event in events}
    missing = [name for name in _ALL if name not in seen]
    check.observe(
        f"{len(_ALL) - len(missing)} of the 11 kinds were seen" + f"; not {', '.join(missing)}" * bool(missing)
    )


def _problem(event: Event) -> str:
    return notification(event.name, event.content) if event.name else "no single notification in the envelope"
