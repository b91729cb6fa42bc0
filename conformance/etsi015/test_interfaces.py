"""Interfaces: what is installed, how it does, and what is said when that changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from conformance.etsi015.desk import Desk, named
from conformance.etsi015.lab import AgentLab
from conformance.etsi015.words import Json, T, phys, short
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.agents import AgentBench
from harness.wire.restconf import EventStream
from qkd.device.v1 import module_pb2 as device

NOTICE_S: Final = 10.0
_WAIT: Final = 8.0
_TYPES: Final = {1: ("DV-QKD", "DV-QKD-2Ws"), 2: ("DV-QKD", "DV-QKD-2Ws"), 3: ("CV-QKD",)}
_ROLES: Final = {device.MODULE_ROLE_TRANSMITTER: "TRANSMITTER", device.MODULE_ROLE_RECEIVER: "RECEIVER"}


@contextmanager
def hearing(desk: Desk, check: Check) -> Iterator[EventStream]:
    """The stream of notifications; a case for which it does not open is inconclusive."""
    try:
        opened = desk.listening()
        with opened as stream:
            yield stream
    except OSError as wrong:
        check.require(False, f"the event stream does not open: {wrong}")


@case("015.interface.shown", "ETSI015-IF-1", "ETSI015-IF-2", "ETSI015-IF-3", "ETSI015-IF-4", needs=("node",))
def test_every_module_is_an_interface(bench: AgentBench, desk: Desk, check: Check) -> None:
    """Each module of the node is one interface, with its type, role, attachment point, channels and largest loss."""
    bench.until(lambda: len(desk.entries("qkd_interfaces", "qkd_interface")) == len(bench.shown), _WAIT)
    found = {one.get("qkdi_id"): one for one in desk.entries("qkd_interfaces", "qkd_interface")}
    check(
        "ETSI015-IF-1", sorted(map(str, found)) == ["1", "2", "3"], expected="1, 2, 3", got=", ".join(map(str, found))
    )
    for number, module in bench.modules.items():
        one: Json = found.get(number, {})
        able, place = one.get("qkdi_capabilities", {}), one.get("qkdi_att_point", {})
        said = f"{number}: {short(one.get('qkdi_type'))} {short(able.get('role_support'))}"
        fits = short(one.get("qkdi_type")) in _TYPES[number]
        fits &= short(able.get("role_support")) in (_ROLES[module.kind.role], "TRANSCEIVER")
        check("ETSI015-IF-2", fits, expected=f"{_TYPES[number][0]} {_ROLES[module.kind.role]}", got=said)
        point = (place.get("device"), place.get("port"))
        expected = (module.kind.att_device, module.kind.att_port)
        check("ETSI015-IF-3", point == expected, expected=str(expected), got=f"{number}: {point}")
        channels = {int(name.partition("-")[2]) for name in module.kind.channels}
        got = f"{number}: {able.get('wavelength_range')}, {able.get('max_absorption')} dB"
        fits = _channels(able.get("wavelength_range")) == channels and _number(able) == module.kind.max_loss_db
        check("ETSI015-IF-4", fits, expected=f"{sorted(channels)}, {module.kind.max_loss_db} dB", got=got)


def _channels(text: object) -> set[int]:
    made: set[int] = set()
    for part in str(text).split(","):
        first, _, last = part.partition("-")
        if not first.isdigit() or not (last or first).isdigit():
            return set()
        made |= set(range(int(first), int(last or first) + 1))
    return made


def _number(able: Json) -> float | None:
    try:
        return float(able["max_absorption"])
    except (KeyError, TypeError, ValueError):
        return None


def _status(desk: Desk, number: int) -> str:
    return short(desk.interface(number).get("qkdi_status"))


@case("015.interface.status", "ETSI015-IF-5", "ETSI015-IF-6", "ETSI015-IF-7", needs=("node",))
def test_status_follows_the_module(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """ENABLED while the module makes keys, FAILED when it cannot, not ENABLED when it is off; ENABLED again."""
    link = phys(bench, bench.far["b"], leaves=lab.leaves)
    check.require(desk.put_link(link).ok, "the agent does not take a link")
    for text in ("at first", "when it works again"):
        bench.module(1, device.MODULE_STATE_RUNNING)
        held = bench.until(lambda: _status(desk, 1) == "ENABLED", _WAIT)
        check("ETSI015-IF-5", held, expected="ENABLED", got=f"{text}: {_status(desk, 1)}")
        bench.module(1, device.MODULE_STATE_ABORTED)
        held = bench.until(lambda: _status(desk, 1) == "FAILED", _WAIT)
        check("ETSI015-IF-6", held, expected="FAILED", got=_status(desk, 1))
    bench.module(2, device.MODULE_STATE_OFF)
    held = bench.until(lambda: _status(desk, 2) in ("DISABLED", ""), _WAIT)
    check("ETSI015-IF-7", held, expected="DISABLED", got=f"a module that is off: {_status(desk, 2)}")


@case("015.interface.gone", "ETSI015-IF-6", "ETSI015-TREE-6", needs=("node",))
def test_a_module_that_does_not_answer(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """An interface whose module has gone away is not shown as ENABLED, nor the node as OPERATING; both come back."""
    link = phys(bench, bench.far["b"], 2, leaves=lab.leaves)
    check.require(desk.put_link(link).ok, "the agent does not take a link")
    check.require(
        bench.until(lambda: _status(desk, 2) == "ENABLED", _WAIT), f"not ENABLED at first: {_status(desk, 2)}"
    )
    bench.stop_module(2)
    try:
        held = bench.until(lambda: _status(desk, 2) != "ENABLED")
        check("ETSI015-IF-6", held, expected="FAILED", got=_status(desk, 2))
        whole = f"{T}OPERATING"
        held = bench.until(lambda: desk.node().get("qkdn_status") != whole, _WAIT)
        check("ETSI015-TREE-6", held, expected="DOWN", got=str(desk.node().get("qkdn_status")))
    finally:
        bench.start_module(2)
    back = bench.until(lambda: _status(desk, 2) == "ENABLED" and desk.node().get("qkdn_status") == whole)
    check(
        "ETSI015-TREE-6", back, expected="OPERATING again", got=f"{desk.node().get('qkdn_status')} {_status(desk, 2)}"
    )


@case(
    "015.interface.down", "ETSI015-NOTE-IFDOWN-1", "ETSI015-NOTE-ALARM-1", needs=("node",), ics={"notifications": True}
)
def test_a_failure_is_told(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """When a module aborts, sdqkdn_interface_down names its interface and says why; its alarm is an alarm."""
    check.require(desk.put_link(phys(bench, bench.far["b"], leaves=lab.leaves)).ok, "the agent does not take a link")
    check.require(bench.until(lambda: _status(desk, 1) == "ENABLED", _WAIT), "the interface does not come up")
    with hearing(desk, check) as stream:
        bench.call(bench.modules[1].alarm, "QBER_HIGH", "too noisy", device.SEVERITY_MAJOR)
        bench.module(1, device.MODULE_STATE_ABORTED)
        seen = stream.until(named("sdqkdn_interface_down", lambda one: _about(one, 1)), NOTICE_S)
        got = seen.data if seen else f"{len(stream.events)} other events"
        held = seen is not None and bool(seen.content["qkd_interface"].get("reason"))
        check("ETSI015-NOTE-IFDOWN-1", held, expected="sdqkdn_interface_down, qkdi_id 1, a reason", got=got)
        alarm = stream.until(named("alarm", _is_alarm), NOTICE_S)
        got = alarm.data if alarm else f"{len(stream.events)} other events"
        check("ETSI015-NOTE-ALARM-1", alarm is not None, expected="alarm, interface 1, MAJOR", got=got)


def _about(content: Any, number: int) -> bool:
    return bool(content["qkd_interface"]["qkdi_id"] == number)


def _is_alarm(content: Any) -> bool:
    one = content["interface"]
    return bool(one["qkdi_id"] == 1 and one["severity"] == f"{T}MAJOR" and one["message"])


@case(
    "015.interface.comes-and-goes", "ETSI015-NOTE-IFOUT-1", "ETSI015-NOTE-IFNEW-1", "ETSI015-IF-1",
    needs=("node",), ics={"notifications": True},
)  # fmt: skip
def test_a_module_is_taken_out_and_put_in(bench: AgentBench, desk: Desk, check: Check) -> None:
    """A module that is uninstalled is told as out and no longer shown; one that is installed is told as new."""
    with hearing(desk, check) as stream:
        bench.connect((1, 2))
        out = stream.until(named("sdqkdn_interface_out", lambda one: _about(one, 3)), NOTICE_S)
        got = out.data if out else f"{len(stream.events)} other events"
        check("ETSI015-NOTE-IFOUT-1", out is not None, expected="sdqkdn_interface_out, qkdi_id 3", got=got)
        held = bench.until(lambda: not desk.interface(3), _WAIT)
        check("ETSI015-IF-1", held, expected="interfaces 1, 2", got="3 is shown, which is not there")
        mark = len(stream.events)
        bench.connect()
        new = stream.until(named("sdqkdn_interface_new", lambda one: _about(one, 3)), NOTICE_S, since=mark)
        if new is None:
            with hearing(desk, check) as other:  # a stream may end when the agent is told of another node
                new = other.until(named("sdqkdn_interface_new", lambda one: _about(one, 3)), 1.0)
        got = new.data if new else f"{len(stream.events)} other events"
        held = new is not None and _whole(new.content["qkd_interface"])
        check("ETSI015-NOTE-IFNEW-1", held, expected="sdqkdn_interface_new, all of interface 3", got=got)
        held = bench.until(lambda: bool(desk.interface(3)), _WAIT)
        check("ETSI015-IF-1", held, expected="interface 3 again", got="it is not shown")


def _whole(one: Json) -> bool:
    place = one.get("qkdi_att_point", {})
    return all(one.get(name) for name in ("qkdi_model", "qkdi_type", "qkdi_capabilities")) and place == {
        "device": "switch-2",
        "port": 7,
    }
