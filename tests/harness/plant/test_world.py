"""Connections, channels and disturbances, without modules and without a wire."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.contract import ContractError
from harness.plant import ClassicalPort, Path, PlantPlan, PortPlan, Span, SwitchPlan
from harness.plant.world import World
from qkd.optical.v1 import plant_pb2
from tests.harness.plant.conftest import line, star


def disturb(world: World, link: str, *, clear: bool = False, **kind: Any) -> None:
    world.disturb(plant_pb2.Disturbance(link_id=link, **kind), clear=clear)


def loss(world: World, port: str, channel: str) -> float:
    return world.path_state(port, channel, 0.0).loss_db


def test_a_path_over_a_switch_adds_up_its_spans_connectors_and_switch() -> None:
    world = World(line())
    assert world.way("a3").end == "c1"
    assert world.way("c1").end == "a3"
    assert loss(world, "a3", "C-37") == pytest.approx(3.0 + 5.0 + 2 * 0.12 + 1.0)
    assert loss(world, "a3", "O") == pytest.approx(4.5 + 7.5 + 2 * 0.12 + 1.0)
    assert world.path_state("a3", "C-37", 0.0).length_km == 30.0
    assert world.fabric.connections() == [("sw-b", "sw-b/ab/3", "sw-b/bc/1")]


def test_disturbances_add_and_are_taken_away() -> None:
    world = World(line())
    before = loss(world, "a1", "C-37")
    disturb(world, "ab", added_loss_db=2.0)
    disturb(world, "ab", bend_loss_db=3.0)
    disturb(world, "ab", added_loss_db=1.0)  # takes the place of the first
    assert loss(world, "a1", "C-37") == pytest.approx(before + 4.0)
    assert loss(world, "a1", "O") == pytest.approx(4.5 + 0.24 + 2.0)
    disturb(world, "ab", intercept_resend=0.25)
    assert world.path_state("a1", "C-37", 0.0).intercepted == 0.25
    assert {d.WhichOneof("kind") for d in world.disturbances()} == {"added_loss_db", "bend_loss_db", "intercept_resend"}
    for kind in ({"added_loss_db": 0.0}, {"bend_loss_db": 0.0}, {"intercept_resend": 0.0}):
        disturb(world, "ab", clear=True, **kind)
    assert loss(world, "a1", "C-37") == before
    assert list(world.disturbances()) == []


def test_a_cut_is_found_and_healed() -> None:
    world = World(line())
    disturb(world, "bc", cut=plant_pb2.Cut())
    assert world.cut_link(world.way("a3")) == "bc"
    assert world.cut_link(world.way("a1")) == ""
    disturb(world, "bc", cut=plant_pb2.Cut(), clear=True)
    assert world.cut_link(world.way("a3")) == ""


def test_warmth_reaches_the_modules_at_the_ends_of_the_span_and_the_error() -> None:
    world = World(line())
    ports = ("a1", "b1", "a3", "c1")
    before = {port: world.temperature_c(port, 60.0) for port in ports}
    error = world.path_state("a1", "O", 60.0).error_probability
    disturb(world, "ab", temperature_offset_c=15.0)
    after = {port: world.temperature_c(port, 60.0) for port in ports}
    assert {port: after[port] - before[port] for port in ports} == pytest.approx(
        {"a1": 15, "b1": 15, "a3": 15, "c1": 0}
    )
    assert world.path_state("a1", "O", 60.0).error_probability > error


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (plant_pb2.Disturbance(link_id="xy", added_loss_db=1), "UNKNOWN_LINK"),
        (plant_pb2.Disturbance(link_id="ab"), "NO_KIND"),
    ],
)
def test_a_disturbance_that_makes_no_sense_is_refused(request_: plant_pb2.Disturbance, reason: str) -> None:
    with pytest.raises(ContractError) as caught:
        World(line()).disturb(request_)
    assert caught.value.reason == reason


def test_a_classical_channel_is_never_lit() -> None:
    world = World(line())
    refusal = world.light("a3", "C-40")
    assert refusal is not None
    assert refusal.reason == "SLA_CLASSICAL"
    assert "C-40" in refusal.text
    assert "link ab" in refusal.text
    assert world.spectrum.channels("ab") == []


def test_a_channel_is_lit_once_a_fibre_and_the_other_direction_is_another_fibre() -> None:
    world = World(line())
    assert world.light("a1", "C-37") is None
    refusal = world.light("a2", "C-37")
    assert refusal is not None
    assert refusal.reason == "WAVELENGTH_OCCUPIED"
    assert all(word in refusal.text for word in ("C-37", "link ab", "a1"))
    assert world.light("a2", "C-38") is None
    assert world.light("c1", "C-37") is None  # comes from the other side
    assert world.spectrum.channels("ab") == ["C-37", "C-38"]
    world.spectrum.douse("a1")
    assert world.light("a2", "C-37") is None
    assert world.spectrum.channels("ab") == ["C-37"]


def test_two_pairs_of_fibres_take_a_channel_twice() -> None:
    plan = line()
    world = World(replace(plan, spans=tuple(replace(span, fibre_pairs=2) for span in plan.spans)))
    assert [world.light(port, "C-37") for port in ("a1", "a2")] == [None, None]
    assert getattr(world.light("a3", "C-37"), "reason", "") == "WAVELENGTH_OCCUPIED"


def test_a_switch_changes_the_path_and_the_light_follows() -> None:
    world = World(line())
    assert world.light("a3", "C-37") is None
    world.cross_connect("sw-b", "sw-b/ab/3", "sw-b/bc/1", opened=True)
    assert world.way("a3").end == ""
    assert world.spectrum.channels("ab") == ["C-37"]  # it still shines into the first link
    assert world.spectrum.channels("bc") == []
    world.cross_connect("sw-b", "sw-b/ab/3", "b3")
    assert world.way("a3").end == "b3"
    world.cross_connect("sw-b", "sw-b/ab/3", "b3")  # it is so already
    assert loss(world, "a3", "C-37") == pytest.approx(3.0 + 0.12 + 1.0)


def test_all_opened_stays_open() -> None:
    plan = PlantPlan(
        ports=tuple(PortPlan(port_id=name, site="b", switch="sw-b") for name in ("b1", "b2", "b3")),
        switches=(SwitchPlan(switch_id="sw-b", site="b"),),
        paths=(Path(one_port="b1", other_port="b2", switches=("sw-b",)),),
    )
    world = World(plan)
    world.cross_connect("sw-b", "b1", "b2", opened=True)
    assert world.fabric.connections() == []
    world.cross_connect("sw-b", "b3", "b2")
    assert world.way("b3").end == "b2"
    assert world.fabric.connections() == [("sw-b", "b2", "b3")]


def crossing() -> World:
    """Light of a3 on C-37 ends open at b; light of b3 on C-37 runs to c1; bc has a classical channel."""
    plan = line()
    spans = (plan.spans[0], replace(plan.spans[1], classical_channels=("C-39",)))
    switch = replace(plan.switches[0], classical=(ClassicalPort(port_id="x1", channel="C-40", owner="telco"),))
    world = World(replace(plan, spans=spans, switches=(switch,)))
    world.cross_connect("sw-b", "sw-b/ab/3", "sw-b/bc/1", opened=True)
    world.cross_connect("sw-b", "b3", "sw-b/bc/1")
    assert world.light("b3", "C-37") is None
    return world


@pytest.mark.parametrize(
    ("channel", "ports", "reason", "words"),
    [
        ("C-37", ("sw-b/ab/3", "sw-b/bc/2"), "WAVELENGTH_OCCUPIED", ("C-37", "link bc", "b3", "a3")),
        ("C-39", ("sw-b/ab/3", "sw-b/bc/2"), "SLA_CLASSICAL", ("C-39", "link bc", "classical")),
        ("C-36", ("sw-b/ab/3", "x1"), "SLA_CLASSICAL", ("x1", "C-40", "telco")),
        ("C-36", ("sw-b/ab/3", "sw-b/bc/1"), "PORT_IN_USE", ("sw-b/bc/1", "b3")),
        ("C-36", ("sw-b/ab/3", "sw-b/ab/1"), "PORT_IN_USE", ("sw-b/ab/1", "b1")),
        ("C-36", ("sw-b/ab/3", "sw-b/ab/3"), "SAME_PORT", ("sw-b/ab/3",)),
        ("C-36", ("sw-b/ab/3", "b1"), "UNKNOWN_PORT", ("b1",)),
        ("C-36", ("sw-b/ab/3", "sw-b/bc/17"), "UNKNOWN_PORT", ("sw-b/bc/17",)),
        ("C-36", ("sw-b/ab/3", "sw-b/bc/02"), "UNKNOWN_PORT", ("sw-b/bc/02",)),
    ],
)
def test_light_is_not_switched_to_where_it_must_not_come(
    channel: str, ports: tuple[str, str], reason: str, words: tuple[str, ...]
) -> None:
    world = crossing()
    assert world.light("a3", channel) is None
    before = world.fabric.connections(), world.spectrum.channels("ab"), world.spectrum.channels("bc")
    with pytest.raises(ContractError) as caught:
        world.cross_connect("sw-b", *ports)
    assert caught.value.reason == reason
    assert all(word in caught.value.message for word in words), caught.value.message
    assert (world.fabric.connections(), world.spectrum.channels("ab"), world.spectrum.channels("bc")) == before


def test_the_valid_twin_is_switched() -> None:
    world = crossing()
    assert world.light("a3", "C-36") is None
    world.cross_connect("sw-b", "sw-b/ab/3", "sw-b/bc/2")
    assert world.spectrum.channels("bc") == ["C-36", "C-37"]


def test_what_is_not_connected_is_not_opened() -> None:
    with pytest.raises(ContractError) as caught:
        World(line()).cross_connect("sw-b", "b3", "sw-b/bc/2", opened=True)
    assert caught.value.reason == "NOT_CONNECTED"


def test_every_sender_of_a_hub_has_an_arm() -> None:
    world = World(star(3))
    assert [world.way(f"hub/arm-{n}").end for n in (1, 2, 3)] == ["s1", "s2", "s3"]
    assert [world.way(f"s{n}").end for n in (1, 2, 3)] == ["hub/arm-1", "hub/arm-2", "hub/arm-3"]


def test_a_switch_before_a_hub_chooses_its_senders() -> None:
    plan = star(3)
    ports = (
        *(replace(port, link=f"h{n}") for n, port in enumerate(plan.ports[:3], 1)),
        replace(plan.ports[3], switch="mqs"),
    )
    paths = tuple(replace(path, switches=("mqs",)) for path in plan.paths[:2])
    hubs = (replace(plan.hubs[0], arms=2),)
    switches = (SwitchPlan(switch_id="mqs", site="h"),)
    world = World(replace(plan, ports=ports, paths=paths, hubs=hubs, switches=switches))
    assert [world.way(f"s{n}").end for n in (1, 2, 3)] == ["hub/arm-1", "hub/arm-2", ""]
    world.cross_connect("mqs", "mqs/h2/1", "hub/arm-2", opened=True)
    world.cross_connect("mqs", "mqs/h3/1", "hub/arm-2")
    assert [world.way(f"hub/arm-{n}").end for n in (1, 2)] == ["s1", "s3"]
    assert world.way("s2").end == ""


A, B = PortPlan(port_id="a", site="a"), PortPlan(port_id="b", site="b")
AB = Span(link_id="ab", one_site="a", other_site="b", length_km=1, loss_c_db=1, loss_o_db=1)


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        ({"ports": (A, A)}, "port 'a' is empty or given 2 times"),
        ({"ports": (replace(A, switch="sw"),)}, "no switch sw at a"),
        ({"ports": (replace(A, link="xy"),)}, "no link xy at a"),
        ({"spans": (replace(AB, length_km=float("nan")),)}, "link ab"),
        ({"spans": (replace(AB, loss_c_db=-1),)}, "link ab"),
        ({"ports": (A, B), "paths": (Path(one_port="a", other_port="c"),)}, "no port c"),
        ({"ports": (A, B), "paths": (Path(one_port="a", other_port="b"),)}, "end at a, but b is at b"),
        ({"ports": (A, B), "paths": (Path(one_port="a", other_port="b", links=("bc",)),)}, "no link bc at a"),
        ({"ports": (A, B), "paths": (Path(one_port="a", other_port="b", links=("ab",)),) * 2}, "connected already"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused_in_words(plan: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        World(PlantPlan(**{"spans": (AB,), **plan}))


def test_a_port_patched_to_a_link_waits_for_the_switch_at_its_far_end() -> None:
    plan = PlantPlan(
        spans=(AB,),
        ports=(replace(A, link="ab"), replace(B, switch="sw")),
        switches=(SwitchPlan(switch_id="sw", site="b"),),
    )
    world = World(plan)
    assert world.way("a").stops_at == "ab at b"
    world.cross_connect("sw", "b", "sw/ab/1")
    assert world.way("a").end == "b"


def test_no_token_is_in_a_repr() -> None:
    assert "hush" not in repr(replace(A, token="hush"))
