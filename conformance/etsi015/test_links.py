"""Physical links: what the node does when a controller writes one, and what it says of it."""

from __future__ import annotations

from typing import Any, Final

from conformance.etsi015.desk import Desk, named
from conformance.etsi015.lab import AgentLab
from conformance.etsi015.test_interfaces import NOTICE_S, hearing
from conformance.etsi015.words import Json, application, phys, short
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.agents import AgentBench
from qkd.device.v1 import module_pb2 as device

_WAIT: Final = 8.0


def status(desk: Desk, link: Json) -> str:
    """qkdl_status without its module."""
    return short(desk.link(link["qkdl_id"]).get("qkdl_status"))


def figures(desk: Desk, link: Json) -> Json:
    """qkdl_performance."""
    held = desk.link(link["qkdl_id"]).get("qkdl_performance", {})
    return held if isinstance(held, dict) else {}


def measured(desk: Desk, link: Json, kind: str) -> float | None:
    """A value of phys_perf; None = there is none."""
    for one in figures(desk, link).get("phys_perf", ()):
        if short(one.get("perf_type")) == kind:
            try:
                return float(one["value"])
            except (KeyError, ValueError, TypeError):
                return None
    return None


def working(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check, number: int = 1) -> Json:
    """A link that is ACTIVE; a case for which there is none is inconclusive."""
    link = phys(bench, bench.far["b"], number, leaves=lab.leaves)
    answer = desk.put_link(link)
    check.require(answer.ok, f"the agent does not take a link: {answer.describe()}")
    check.require(bench.until(lambda: status(desk, link) == "ACTIVE", _WAIT), f"not ACTIVE: {status(desk, link)}")
    return link


@case("015.link.made", "ETSI015-LINK-1", "ETSI015-LINK-2", "ETSI015-LINK-3", "ETSI015-LINK-4", needs=("node",))
def test_a_link_is_made(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """The module is configured for its peer and started, the KME is told whom it serves, the link becomes ACTIVE."""
    far = bench.far["b"]
    link = phys(bench, far, leaves=lab.leaves)
    answer = desk.put_link(link)
    check.require(answer.ok, f"the agent does not take a link: {answer.describe()}")
    expected = [f"configure {far.module(1)} C-37", "start"]
    bench.until(lambda: bench.modules[1].told[-2:] == expected, _WAIT)
    told = bench.modules[1].told[-2:]
    check("ETSI015-LINK-1", told == expected, expected=", ".join(expected), got=", ".join(told) or "nothing was told")
    others = [one for number in (2, 3) for one in bench.modules[number].told if one == "start"]
    check("ETSI015-LINK-1", not others, expected="no other module started", got=f"{len(others)} started")
    pairs = [(one.module_id, one.peer_kme_id, one.peer_module_id) for one in bench.kme.pairings]
    wanted = ("a/m1", far.kme_id, far.module(1))
    check("ETSI015-LINK-2", pairs == [wanted], expected=str([wanted]), got=str(pairs))
    held = bench.until(lambda: status(desk, link) == "ACTIVE", _WAIT)
    check("ETSI015-LINK-3", held, expected="ACTIVE", got=status(desk, link) or "no status")
    served = desk.link(link["qkdl_id"])
    odd = [f"{name}={served.get(name)!r}" for name, value in link.items() if not _same(value, served.get(name))]
    check("ETSI015-LINK-4", not odd, expected="as it was written", got=", ".join(odd) or "as it was written")


def _same(written: Any, served: Any) -> bool:
    if isinstance(written, str) and isinstance(served, str) and "." in written:
        return written.rstrip("0") == served.rstrip("0")
    return bool(written == served)


@case("015.link.begins", "ETSI015-LINK-3", "ETSI015-PERF-1", needs=("node",), ics={"link_statistics": True})
def test_a_link_that_makes_no_keys_yet(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """While the module starts and there are no keys, the link is neither ACTIVE nor PASSIVE and has no key rate."""
    bench.modules[1].begins = device.MODULE_STATE_STARTING
    link = phys(bench, bench.far["b"], leaves=lab.leaves)
    check.require(desk.put_link(link).ok, "the agent does not take a link")
    check.require(bench.until(lambda: "start" in bench.modules[1].told, _WAIT), "the module is not started")
    bench.until(lambda: bool(status(desk, link)), 2.0)
    seen = {status(desk, link) for _ in range(5)}
    check("ETSI015-LINK-3", not seen & {"ACTIVE", "PASSIVE"}, expected="PENDING (or OFF)", got=", ".join(sorted(seen)))
    rate = figures(desk, link).get("skr", 0)
    check("ETSI015-PERF-1", rate == 0, expected="skr 0", got=f"skr {rate}")
    bench.module(1, device.MODULE_STATE_RUNNING)
    held = bench.until(lambda: status(desk, link) == "ACTIVE", _WAIT)
    check("ETSI015-LINK-3", held, expected="ACTIVE once there are keys", got=status(desk, link))


@case("015.link.disabled", "ETSI015-LINK-5", "ETSI015-LINK-6", "ETSI015-LINK-7", needs=("node",))
def test_a_link_is_disabled(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """qkdl_enable=false stops the module; the link is PASSIVE while there are keys, then OFF; true starts it again."""
    far, stock = bench.far["b"], bench.kme.stock
    link = working(lab, bench, desk, check)
    stock[far.kme_id] = 100_000
    check.require(desk.put_link(link | {"qkdl_enable": False}).ok, "the agent does not take qkdl_enable=false")
    held = bench.until(lambda: bench.modules[1].state == device.MODULE_STATE_OFF, _WAIT)
    check("ETSI015-LINK-5", held, expected="the module is stopped", got=", ".join(bench.modules[1].told))
    held = bench.until(lambda: status(desk, link) == "PASSIVE", _WAIT)
    check("ETSI015-LINK-6", held, expected="PASSIVE: there are keys left", got=status(desk, link))
    stock[far.kme_id] = 0
    held = bench.until(lambda: status(desk, link) == "OFF", _WAIT)
    check("ETSI015-LINK-6", held, expected="OFF: no keys are left", got=status(desk, link))
    check.require(desk.put_link(link).ok, "the agent does not take qkdl_enable=true")
    held = bench.until(lambda: status(desk, link) == "ACTIVE", _WAIT)
    check("ETSI015-LINK-7", held, expected="ACTIVE again", got=status(desk, link))


@case("015.link.deleted", "ETSI015-LINK-8", "ETSI015-LINK-2", needs=("node",))
def test_a_link_is_deleted(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """A link that is deleted is gone, its module is stopped, and the KME no longer pairs it."""
    link = working(lab, bench, desk, check)
    answer = desk.delete_link(link["qkdl_id"])
    check("ETSI015-LINK-8", answer.ok, expected="2xx", got=answer)
    gone = bench.until(lambda: bench.modules[1].state == device.MODULE_STATE_OFF, _WAIT)
    check("ETSI015-LINK-8", gone, expected="the module is stopped", got=", ".join(bench.modules[1].told))
    check("ETSI015-LINK-8", not desk.link(link["qkdl_id"]), expected="no such link", got="it is still served")
    held = bench.until(lambda: not bench.kme.pairings, _WAIT)
    check("ETSI015-LINK-2", held, expected="no pairing", got=f"{len(bench.kme.pairings)} pairings")


@case(
    "015.link.figures", "ETSI015-PERF-1", "ETSI015-PERF-2", "ETSI015-PERF-3", needs=("node",),
    ics={"link_statistics": True},
)  # fmt: skip
def test_figures_are_those_of_the_module(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """Skr is what the module makes, eskr not more, QBER what it measures (as a fraction or in per cent)."""
    link = working(lab, bench, desk, check)
    for rate, qber in ((2500.0, 0.031), (900.0, 0.045)):
        bench.module(1, skr_bps=rate, qber=qber)
        held = bench.until(lambda rate=rate: figures(desk, link).get("skr") == rate, _WAIT)  # type: ignore[misc]
        seen = figures(desk, link)
        check("ETSI015-PERF-1", held, expected=f"skr {rate:g}", got=f"skr {seen.get('skr')}")
        most = seen.get("skr", 0)
        check("ETSI015-PERF-2", seen.get("eskr", 0) <= most, expected=f"eskr <= {most}", got=f"eskr {seen.get('eskr')}")
        if bench.until(lambda qber=qber: _near(measured(desk, link, "QBER"), qber), _WAIT if lab.leaves else 1.0):  # type: ignore[misc]
            check("ETSI015-PERF-3", True, expected="QBER", got=f"QBER {measured(desk, link, 'QBER')} for {qber:g}")
        elif not lab.leaves and measured(desk, link, "QBER") is None:
            check.not_judged("ETSI015-PERF-3", "phys_perf cannot stand in the model as published")
        else:
            got = f"QBER {measured(desk, link, 'QBER')}"
            check("ETSI015-PERF-3", False, expected=f"QBER {100 * qber:g} (or {qber:g})", got=got)


def _near(shown: float | None, qber: float) -> bool:
    """As a fraction, or in per cent: the model names no unit."""
    return shown is not None and (abs(shown - 100 * qber) < 0.01 or abs(shown - qber) < 0.001)


@case("015.link.continuous", "ETSI015-PERF-4", needs=("node",), ics={"link_statistics": True, "phys_leaves": True})
def test_a_link_of_continuous_variables(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """A module that measures no QBER has none in phys_perf; what it measures is its SNR."""
    link = working(lab, bench, desk, check, 3)
    bench.until(lambda: measured(desk, link, "SNR") is not None, 2.0)
    qber = measured(desk, link, "QBER")
    check("ETSI015-PERF-4", qber is None, expected="no QBER", got=f"QBER {qber}")
    check.observe(f"SNR of 0.5 (linear) is shown as {measured(desk, link, 'SNR')}")


@case("015.link.consumption", "ETSI015-PERF-5", needs=("node",), ics={"link_statistics": True})
def test_expected_consumption(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """expected_consumption is the sum of the bandwidths of the applications that the link backs."""
    link = working(lab, bench, desk, check)
    far, total = bench.far["b"], 0
    for bandwidth in (512, 256):
        qos = {"max_bandwidth": bandwidth, "min_bandwidth": bandwidth}
        app = application(bench, far, link, app_qos=qos, server_app_id=f"sae:app-a{bandwidth}")
        answer = desk.put_app(app)
        check.require(answer.ok, f"the agent does not take an application: {answer.describe()}")
        total += bandwidth
        held = bench.until(lambda sum_=total: figures(desk, link).get("expected_consumption") == sum_, _WAIT)  # type: ignore[misc]
        got = figures(desk, link).get("expected_consumption")
        check("ETSI015-PERF-5", held, expected=f"{total} bit/s", got=f"{got} bit/s")


@case("015.link.down", "ETSI015-NOTE-DOWN-1", "ETSI015-LINK-3", needs=("node",), ics={"notifications": True})
def test_a_link_goes_down(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """When a module aborts, sdqkdn_link_down names its link and says why, and the link is not ACTIVE."""
    link = working(lab, bench, desk, check)
    with hearing(desk, check) as stream:
        bench.module(1, device.MODULE_STATE_ABORTED)
        seen = stream.until(named("sdqkdn_link_down", lambda one: _about(one, link)), NOTICE_S)
        got = seen.data if seen else f"{len(stream.events)} other events"
        held = seen is not None and bool(seen.content["qkd_link"].get("reason"))
        check("ETSI015-NOTE-DOWN-1", held, expected="sdqkdn_link_down, this link, a reason", got=got)
    held = bench.until(lambda: status(desk, link) not in ("ACTIVE", ""), _WAIT)
    check("ETSI015-LINK-3", held, expected="not ACTIVE", got=status(desk, link))


@case("015.link.stopped-is-not-down", "ETSI015-NOTE-DOWN-2", needs=("node",), ics={"notifications": True})
def test_a_link_that_is_disabled_is_not_down(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """A link that the controller itself disables is not told as down."""
    link = working(lab, bench, desk, check)
    with hearing(desk, check) as stream:
        check.require(desk.put_link(link | {"qkdl_enable": False}).ok, "the agent does not take qkdl_enable=false")
        bench.until(lambda: status(desk, link) != "ACTIVE", _WAIT)
        seen = stream.until(named("sdqkdn_link_down", lambda one: _about(one, link)), 1.0)
    check("ETSI015-NOTE-DOWN-2", seen is None, expected="no sdqkdn_link_down", got=seen.data if seen else "none")


@case("015.link.performance", "ETSI015-NOTE-PERF-1", needs=("node",), ics={"notifications": True})
def test_performance_changes(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """When the key rate falls by half, sdqkdn_link_perf_update gives the new one."""
    link = working(lab, bench, desk, check)
    with hearing(desk, check) as stream:
        bench.module(1, skr_bps=1000.0)
        fits = named("sdqkdn_link_perf_update", lambda one: _about(one, link) and _rate(one) == 1000)
        seen = stream.until(fits, 2 * NOTICE_S)  # reports may be limited to one in ten seconds
        got = seen.data if seen else f"{len(stream.events)} other events"
        check("ETSI015-NOTE-PERF-1", seen is not None, expected="sdqkdn_link_perf_update, skr 1000", got=got)


@case("015.link.overloaded", "ETSI015-NOTE-OVER-1", needs=("node",), ics={"notifications": True})
def test_a_link_is_overloaded(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """sdqkdn_link_overloaded comes when applications want more than the link makes, and not before."""
    link = working(lab, bench, desk, check)
    with hearing(desk, check) as stream:
        desk.put_app(application(bench, bench.far["b"], link))
        bench.until(lambda: figures(desk, link).get("expected_consumption") == 512, _WAIT)
        early = stream.until(named("sdqkdn_link_overloaded"), 0.3)
        check("ETSI015-NOTE-OVER-1", early is None, expected="nothing at 512 of 2000 bit/s", got=_data(early))
        bench.module(1, skr_bps=100.0)
        seen = stream.until(named("sdqkdn_link_overloaded", lambda one: _about(one, link)), NOTICE_S)
        got = seen.data if seen else f"{len(stream.events)} other events"
        check("ETSI015-NOTE-OVER-1", seen is not None, expected="sdqkdn_link_overloaded, this link", got=got)


@case("015.link.quiet", "ETSI015-NOTE-QUIET-1", needs=("node",), ics={"notifications": True})
def test_nothing_is_said_when_nothing_happens(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """While nothing changes no notification of trouble comes."""
    working(lab, bench, desk, check)
    with hearing(desk, check) as stream:
        wrong = ("sdqkdn_link_down", "sdqkdn_link_overloaded", "sdqkdn_interface_down", "sdqkdn_interface_out", "alarm")
        seen = stream.until(lambda one: any(named(name)(one) for name in wrong), 1.5)
    check("ETSI015-NOTE-QUIET-1", seen is None, expected="no trouble told", got=_data(seen))


@case("015.link.restart", "ETSI015-LINK-9", needs=("node",), disturbs=True)
def test_links_outlive_the_process(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """After the agent's process was killed, the link is configured as before and becomes ACTIVE by itself."""
    link = working(lab, bench, desk, check)
    bench.restart()
    again = lab.reopened()
    held = bench.until(lambda: status(again, link) == "ACTIVE")
    check("ETSI015-LINK-9", held, expected="the link, ACTIVE", got=status(again, link) or "no such link")


def _about(content: Any, link: Json) -> bool:
    return bool(content["qkd_link"]["qkdl_id"] == link["qkdl_id"])


def _rate(content: Any) -> object:
    return content["qkd_link"]["performance"]["skr"]


def _data(event: Any) -> str:
    return event.data if event is not None else "none"
