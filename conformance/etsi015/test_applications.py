"""Applications: who may have keys, until when, and what is said of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from conformance.etsi015.desk import Desk, named
from conformance.etsi015.lab import AgentLab
from conformance.etsi015.test_interfaces import NOTICE_S, hearing
from conformance.etsi015.test_links import working
from conformance.etsi015.words import Json, application, short
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.agents import AgentBench

_WAIT: Final = 8.0


def _admitted(bench: AgentBench, app: Json) -> Any:
    """What the KME was told of an application; None = it is not admitted."""
    return next((one for one in bench.kme.applications if one.app_id == app["app_id"]), None)


def _status(desk: Desk, app: Json) -> str:
    return short(desk.app(app["app_id"]).get("app_status"))


@case("015.application.admitted", "ETSI015-APP-1", "ETSI015-APP-2", "ETSI015-APP-3", "ETSI015-APP-4", needs=("node",))
def test_an_application_is_admitted(bench: AgentBench, desk: Desk, check: Check) -> None:
    """The KME is told its SAEs, priority and bandwidth; it is ON, and read back as it was written."""
    qos = {"max_bandwidth": 4096, "min_bandwidth": 256, "ttl": 60}
    app = application(bench, bench.far["b"], app_qos=qos)
    answer = desk.put_app(app)
    check("ETSI015-APP-1", answer.ok, expected="2xx", got=answer)
    bench.until(lambda: _admitted(bench, app) is not None, _WAIT)
    told = _admitted(bench, app)
    who = (told.server_sae_id, list(told.client_sae_ids)) if told else None
    check("ETSI015-APP-1", who == ("app-a", ["app-b"]), expected="app-a with app-b", got=str(who or "nobody"))
    limits = (told.priority, told.max_bandwidth) if told else None
    check("ETSI015-APP-2", limits == (3, 4096), expected="priority 3, 4096 bit/s", got=str(limits))
    held = bench.until(lambda: _status(desk, app) == "ON", _WAIT)
    check("ETSI015-APP-3", held, expected="ON", got=_status(desk, app) or "no status")
    served = desk.app(app["app_id"])
    odd = [name for name, value in app.items() if value and served.get(name) != value]
    check("ETSI015-APP-4", not odd, expected="as it was written", got=", ".join(odd) or "as it was written")


@case("015.application.unknown-peer", "ETSI015-APP-5", needs=("node",))
def test_no_keys_while_the_other_node_is_unknown(bench: AgentBench, desk: Desk, check: Check) -> None:
    """While remote_qkdn_id is not known the KME is not told to serve the application; then it is."""
    app = application(bench, None)
    answer = desk.put_app(app)
    check.require(answer.ok, f"an application without remote_qkdn_id is not taken: {answer.describe()}")
    held = bench.until(lambda: _admitted(bench, app) is not None, 0.5)
    check("ETSI015-APP-5", not held, expected="not admitted", got="the KME was told to serve it")
    check.require(desk.put_app(app | {"remote_qkdn_id": bench.far["b"].qkdn_id}).ok, "remote_qkdn_id is not taken")
    held = bench.until(lambda: _admitted(bench, app) is not None, _WAIT)
    check("ETSI015-APP-5", held, expected="admitted", got="it is not")


@case("015.application.deleted", "ETSI015-APP-6", needs=("node",))
def test_an_application_is_deleted(bench: AgentBench, desk: Desk, check: Check) -> None:
    """An application that is deleted is gone, and the KME no longer serves it."""
    app = application(bench, bench.far["b"])
    check.require(desk.put_app(app).ok, "the agent does not take an application")
    check.require(bench.until(lambda: _admitted(bench, app) is not None, _WAIT), "the KME is not told")
    answer = desk.delete_app(app["app_id"])
    check("ETSI015-APP-6", answer.ok, expected="2xx", got=answer)
    held = bench.until(lambda: _admitted(bench, app) is None, _WAIT)
    check("ETSI015-APP-6", held, expected="not admitted", got="it still is")
    check("ETSI015-APP-6", not desk.app(app["app_id"]), expected="no such application", got="it is still served")


@case("015.application.expires", "ETSI015-APP-7", "ETSI015-NOTE-GONE-1", needs=("node",), ics={"notifications": True})
def test_an_application_expires(bench: AgentBench, desk: Desk, check: Check) -> None:
    """After expiration_time an application is OUT-OF-TIME, and sdqkdn_application_disconnected names it."""
    end = datetime.now(UTC) + timedelta(seconds=4)
    app = application(bench, bench.far["b"], expiration_time=end.isoformat(timespec="milliseconds"))
    with hearing(desk, check) as stream:
        answer = desk.put_app(app)
        check.require(answer.ok, f"the agent does not take expiration_time: {answer.describe()}")
        seen = stream.until(named("sdqkdn_application_disconnected", lambda one: _about(one, app)), NOTICE_S)
        got = seen.data if seen else f"{len(stream.events)} other events"
        check("ETSI015-NOTE-GONE-1", seen is not None, expected="sdqkdn_application_disconnected", got=got)
    held = bench.until(lambda: _status(desk, app) == "OUT-OF-TIME", _WAIT)
    check("ETSI015-APP-7", held, expected="OUT-OF-TIME", got=_status(desk, app) or "no status")


@case("015.application.new", "ETSI015-NOTE-NEW-1", "ETSI015-NOTE-NEW-2", needs=("node",), ics={"notifications": True})
def test_an_unknown_application_asks(bench: AgentBench, desk: Desk, check: Check) -> None:
    """When SAEs that are no application ask for keys, sdqkdn_application_new names them and the node, no app_id."""
    with hearing(desk, check) as stream:
        bench.call(bench.kme.ask, "app-a9", "app-b9")
        seen = stream.until(named("sdqkdn_application_new", _asks), NOTICE_S)
        got = seen.data if seen else f"{len(stream.events)} other events"
        check("ETSI015-NOTE-NEW-1", seen is not None, expected="sdqkdn_application_new, app-a9 and app-b9", got=got)
        own = seen.content["qkd_application"].get("local_qkdn_id") if seen else None
        check("ETSI015-NOTE-NEW-2", own == bench.qkdn_id, expected=f"local_qkdn_id {bench.qkdn_id}", got=str(own))


def _asks(content: Any) -> bool:
    one = content["qkd_application"]
    clients = one["client_app_id"]
    return "app-a9" in one["server_app_id"] and any("app-b9" in client for client in clients) and "app_id" not in one


@case("015.application.qos", "ETSI015-NOTE-QOS-1", "ETSI015-APP-2", needs=("node",), ics={"notifications": True})
def test_quality_changes(bench: AgentBench, desk: Desk, check: Check) -> None:
    """When priority and bandwidth change, the KME is told, and sdqkdn_application_qos_update has the new ones."""
    app = application(bench, bench.far["b"])
    check.require(desk.put_app(app).ok, "the agent does not take an application")
    with hearing(desk, check) as stream:
        qos = {"max_bandwidth": 1024, "min_bandwidth": 512}
        check.require(desk.put_app(app | {"app_priority": 7, "app_qos": qos}).ok, "a change is not taken")
        fits = named("sdqkdn_application_qos_update", lambda one: _about(one, app) and _priority(one) == 7)
        seen = stream.until(fits, 3.0)
        got = seen.data if seen else f"{len(stream.events)} other events"
        check("ETSI015-NOTE-QOS-1", seen is not None, expected="sdqkdn_application_qos_update, priority 7", got=got)

    def told() -> bool:
        one = _admitted(bench, app)
        return one is not None and (one.priority, one.max_bandwidth) == (7, 1024)

    check("ETSI015-APP-2", bench.until(told, _WAIT), expected="priority 7, 1024 bit/s", got="the KME has others")


@case("015.application.creation", "ETSI015-APP-8", needs=("node",))
def test_creation_time(bench: AgentBench, desk: Desk, check: Check) -> None:
    """creation_time is the moment when the application was made (within five minutes), and does not change."""
    app = application(bench, bench.far["b"])
    check.require(desk.put_app(app).ok, "the agent does not take an application")
    bench.until(lambda: "creation_time" in desk.app(app["app_id"]), 3.0)
    first = str(desk.app(app["app_id"]).get("creation_time", ""))
    try:
        away = abs(datetime.fromisoformat(first) - datetime.now(UTC))
    except (ValueError, TypeError):
        away = timedelta.max
    check("ETSI015-APP-8", away < timedelta(minutes=5), expected="about now", got=first or "no creation_time")
    desk.put_app(app | {"app_priority": 4})
    second = str(desk.app(app["app_id"]).get("creation_time", ""))
    check("ETSI015-APP-8", first == second, expected=f"still {first}", got=second)


def _periods(desk: Desk, app: Json) -> list[Json]:
    held = desk.app(app["app_id"]).get("app_statistics", {})
    found = held.get("statistics", []) if isinstance(held, dict) else []
    return list(found)


@case(
    "015.application.statistics", "ETSI015-APP-9", "ETSI015-APP-10", needs=("node",),
    applies=lambda ics: "" if ics.number("period_s", 0) else "the length of a statistics period is not claimed",
    ics={"application_statistics": True},
)  # fmt: skip
def test_statistics(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """The bits that an application took stand in periods that do not overlap, and add up to what it took."""
    app = application(bench, bench.far["b"], working(lab, bench, desk, check))
    check.require(desk.put_app(app).ok, "the agent does not take an application")
    check.require(bench.until(lambda: _admitted(bench, app) is not None, _WAIT), "the KME is not told")
    bench.kme.consumed[app["app_id"]] = 12_800
    bench.until(lambda: sum(one.get("consumed_bits", 0) for one in _periods(desk, app)) >= 12_800, 10.0)
    bench.kme.consumed[app["app_id"]] = 20_480
    bench.until(lambda: sum(one.get("consumed_bits", 0) for one in _periods(desk, app)) >= 20_480, 10.0)
    found = _periods(desk, app)
    total = sum(one.get("consumed_bits", 0) for one in found)
    check("ETSI015-APP-9", total == 20_480, expected="20480 bits", got=f"{total} bits in {len(found)} periods")
    spans = sorted((_moment(one, "start_time"), _moment(one, "end_time")) for one in found)
    odd = [f"{a} and {b}" for a, b in pairwise(spans) if a[1] > b[0]]
    odd += [str(one) for one in spans if not 0 < one[0] <= one[1]]
    check("ETSI015-APP-10", not odd, expected="periods that do not overlap", got="".join(odd[:1]) or "none overlap")


def _moment(period: Json, name: str) -> float:
    try:
        return datetime.fromisoformat(str(period.get(name))).timestamp()
    except ValueError:
        return 0.0


def _about(content: Any, app: Json) -> bool:
    return bool(content["qkd_application"]["app_id"] == app["app_id"])


def _priority(content: Any) -> object:
    return content["qkd_application"]["app_priority"]
