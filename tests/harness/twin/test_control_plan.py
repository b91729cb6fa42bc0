"""What hangs where in a controlled network, and what has to be carried elsewhere: without raising any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.plant import FibrePlant
from harness.plant.fabric import Fabric
from harness.topology import System, Topology, load
from harness.twin.arrangement import Arrangement, building, second_node, wavelength_of
from harness.twin.layout import lay_out
from harness.twin.stand_ins import in_groups, moved, original, with_stand_ins
from harness.twin.world import controlled_plant_of

SQUARE = str(Path(__file__).with_name("square.toml"))


@pytest.fixture(scope="module", params=[SQUARE, "madqci"])
def topology(request: pytest.FixtureRequest) -> Topology:
    return with_stand_ins(load(request.param))


def test_nothing_is_connected_at_the_start_but_what_no_switch_reaches(topology: Topology) -> None:
    arrangement = Arrangement(topology)
    fabric = Fabric(controlled_plant_of(arrangement))
    assert fabric.connections() == []
    through = {system.id for system in arrangement.patched_through()}
    for system in topology.active_systems:
        ends = [topology.module(name).port for name in system.modules]
        assert (fabric.way(ends[0]).end == ends[1]) == (system.id in through), system.id


def test_switches_join_the_modules_of_a_system_at_their_attachment_points(topology: Topology) -> None:
    """One or several switches: whoever connects the ports that interfaces name joins just these two modules."""
    arrangement = Arrangement(topology)
    named = {(port.device, port.port): port.port_id for port in arrangement.ports}
    tried = 0
    for system in topology.systems:
        one, other = (arrangement.interfaces[name] for name in system.modules)
        if one.device and one.device == other.device:
            fabric = Fabric(controlled_plant_of(arrangement))
            fabric.connect(one.device, named[one.device, one.port], named[other.device, other.port])
            assert fabric.way(one.module.port).end == other.module.port, system.id
            assert [hop.link_id for hop in fabric.way(one.module.port).hops] == list(system.path)
            assert {building(end) for end in system.ends} == {building(end.module.site) for end in (one, other)}
            tried += 1
    assert tried


def test_lines_between_switches_have_the_same_number_at_both_ends(topology: Topology) -> None:
    ends: dict[tuple[str, int], set[str]] = {}
    for port in Arrangement(topology).ports:
        if port.link_id:
            ends.setdefault((port.link_id, port.line), set()).add(port.switch_id)
    assert ends
    assert all(len(switches) == 2 for switches in ends.values())


def test_ports_and_interfaces_have_names_of_their_own(topology: Topology) -> None:
    arrangement = Arrangement(topology)
    places = [(port.device, port.port) for port in arrangement.ports]
    names = [(port.switch_id, port.port_id) for port in arrangement.ports]
    assert len(set(places)) == len(places)
    assert len(set(names)) == len(names)
    for site in topology.sites:
        numbers = [one.qkdi_id for one in arrangement.at(site.id)]
        assert numbers == list(range(1, len(numbers) + 1))


def test_modules_know_beforehand_the_path_that_they_will_have() -> None:
    topology = load(SQUARE)
    arrangement = Arrangement(topology)
    later = FibrePlant(controlled_plant_of(arrangement, connected=True))
    now = FibrePlant(controlled_plant_of(arrangement))
    for system in topology.active_systems:
        port = topology.module(system.transmitters[0]).port
        link = topology.link(system.path[0])
        assert later.path_state(port, system.channel).length_km == link.length_km
        assert later.path_state(port, system.channel).loss_db > link.loss_db(system.channel)
        assert now.path_state(port, system.channel).length_km < link.length_km or not arrangement.hangs_on(port)


def test_a_hub_is_not_controlled() -> None:
    with pytest.raises(ValueError, match="hubs are not controlled yet"):
        Arrangement(load("mdi-madrid"))


# -- stand-ins ------------------------------------------------------------------------------------------


def test_what_no_switch_can_make_says_what_it_needs() -> None:
    topology = load("madqci")
    arrangement = Arrangement(topology)
    why = {one.id: text for one in topology.systems if (text := arrangement.hindrance(one))}
    assert why == {
        "link-5/hwdu": "needs concepcion/hwdu-tx at link-5",
        "path-4-3-2/hwdu-c37": "needs quijote/hwdu-rx at rm-b",
        "path-4-3-2/hwdu-c38": "needs quijote/hwdu-rx at rm-b",
        "path-3-4-6/hwdu-c37": "needs norte/hwdu-rx at concepcion",
        "path-3-4-6/hwdu-c38": "needs norte/hwdu-rx at concepcion",
    }


def test_with_stand_ins_every_system_can_be_made(topology: Topology) -> None:
    arrangement = Arrangement(topology)
    assert not [system.id for system in topology.systems if arrangement.hindrance(system)]
    assert [system for system in topology.systems if moved(system)]
    assert all(not moved(system) for system in topology.active_systems)


def test_a_stand_in_is_where_it_is_needed_and_its_module_stays(topology: Topology) -> None:
    for system in topology.systems:
        for name in moved(system):
            place = name.partition("@")[2]
            stands = topology.module(name)
            at_home = topology.module(original(name))
            assert stands.site == (place if place in {site.id for site in topology.sites} else at_home.site)
            assert stands == replace(at_home, id=name, site=stands.site)
            assert stands.site != at_home.site or place in {link.id for link in topology.links}
        assert {topology.module(name).site for name in system.modules} == set(system.ends)


def test_a_network_without_need_of_them_has_none() -> None:
    ring = load("barcelona-ring")
    assert with_stand_ins(ring) == ring


# -- groups ---------------------------------------------------------------------------------------------


def test_groups_hold_every_system_once_and_none_that_meet(topology: Topology) -> None:
    groups = in_groups(topology.systems)
    assert sorted(one.id for group in groups for one in group) == sorted(one.id for one in topology.systems)
    for group in groups:
        modules = [original(name) for system in group for name in system.modules]
        assert len(set(modules)) == len(modules), "a stand-in is never at work beside the module itself"
        light = [(link, system.channel) for system in group for link in system.path]
        assert len(set(light)) == len(light)
    assert len(groups) < len(topology.systems)


def test_a_stand_in_waits_for_its_module() -> None:
    topology = with_stand_ins(load("madqci"))
    stand_in = topology.system("path-4-3-2/hwdu-c37")
    itself = topology.system("link-2/hwdu-c38")
    assert not {*stand_in.modules} & {*itself.modules}
    assert in_groups((stand_in, itself)) == [[stand_in], [itself]]
    far: System = topology.system("link-9/toshiba")
    assert in_groups((stand_in, far)) == [[stand_in, far]]


def test_with_links_back_to_back_there_are_as_many_as_the_paper_counts() -> None:
    topology = with_stand_ins(load("madqci"))
    makers = [system.maker for system in topology.systems]
    assert {name: makers.count(name) for name in makers} == {"hwdu": 36, "idq": 4, "toshiba": 4, "ait": 1}
    back = [system for system in topology.systems if not system.path]
    assert sorted((system.ends[0], system.channel) for system in back) == [
        (site, channel) for site in ("norte", "quevedo", "quijote") for channel in ("C-37", "C-38")
    ]


def test_a_link_back_to_back_joins_two_nodes_beside_one_switch() -> None:
    topology = with_stand_ins(load(SQUARE))
    [system] = [one for one in topology.systems if not one.path]
    assert system.ends == ("a", second_node("a"))
    sender, receiver = (topology.module(name) for name in system.modules)
    assert (sender.id, receiver.id) == ("a/hwdu-tx", "a/hwdu-rx@a.2")
    assert [topology.site(end).kme for end in system.ends] == ["kme-a", "kme-a.2"]
    layout = lay_out(topology)
    assert "kme-a.2" in layout.sites
    assert not [pair for pair in layout.pairs if "kme-a.2" in pair], "nobody else shares keys with it"


def test_channels_are_written_as_the_model_has_them() -> None:
    assert [wavelength_of(channel) for channel in ("C-37", "O")] == ["37", "1310"]


def test_a_network_has_the_same_names_every_time() -> None:
    one, other = Arrangement(load("madqci")), Arrangement(load("madqci"))
    layout = lay_out(load("madqci"))
    nodes = {one.qkdn_id(site.id) for site in layout.sites.values()}
    assert len(nodes) == len(layout.sites)
    assert nodes == {other.qkdn_id(site.id) for site in layout.sites.values()}
