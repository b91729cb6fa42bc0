"""What is raised for a topology."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.topology import Combining, load
from harness.twin.layout import lay_out
from harness.twin.settings import TwinSettings
from harness.twin.world import plant_of
from qkd.optical.v1.plant_pb2 import PathState


def test_every_two_production_sites_share_keys() -> None:
    layout = lay_out(load("madqci"))
    assert len(layout.pairs) == 36
    assert set(layout.pairs) <= {link.ends for link in layout.links}
    assert all(one < other for one, other in layout.pairs)


def test_a_link_is_relayed_where_no_modules_join_its_ends() -> None:
    topology = load("madqci")
    layout = lay_out(topology)
    joined = {link.ends for link in layout.links if not link.relayed}
    wanted = {tuple(sorted(topology.site(end).kme for end in system.ends)) for system in topology.active_systems}
    assert joined == wanted
    assert sum(link.relayed for link in layout.links) == len(layout.links) - len(joined)


def test_the_border_link_combines_two_makers() -> None:
    layout = lay_out(load("madqci"))
    (border,) = (link for link in layout.links if len(link.systems) > 1 and link.combining is not Combining.ANY)
    assert {system.maker for system in border.systems} == {"hwdu", "idq"}
    assert border.combining is Combining.ALL_ELSE_REMAINING


def test_in_a_large_network_each_node_has_a_few_partners() -> None:
    layout = lay_out(load("euroqci-synthetic:30,3"), seed=1)
    partners = [sum(kme_id in pair for pair in layout.pairs) for kme_id in layout.sites]
    assert min(partners) >= 2
    assert len(layout.pairs) < 30 * 29 / 2 / 2
    assert lay_out(load("euroqci-synthetic:30,3"), seed=1).pairs == layout.pairs


@pytest.mark.parametrize("name", ["madqci", "mdi-madrid", "barcelona-ring", "iberianqci", "euroqci-synthetic:12,2"])
def test_the_plant_connects_all_active_systems(name: str) -> None:
    topology = load(name)
    plan = plant_of(topology)
    ends = {port for path in plan.paths for port in (path.one_port, path.other_port)}
    assert ends == {module for system in topology.active_systems for module in system.modules}
    assert {port.port_id for port in plan.ports} == {module.id for module in topology.modules}


def test_modules_are_told_what_is_published_of_their_system() -> None:
    topology = load("madqci")
    system = topology.system("link-4/idq")
    path = PathState(loss_db=5.25, length_km=6.7, noise_photons_per_s_nm=10.0, error_probability=0.002)
    told = TwinSettings().for_module(topology, topology.module(system.receiver), system, [path])
    assert told["sold_with"] == system.transmitters[0]
    assert float(told["measured_skr_bps"]) == 1400.0
    assert float(told["measured_qber"]) == pytest.approx(0.042)
    assert told["measured_paths"] == "5.25,6.7,10.0,0.002"
    free = topology.system("link-1/hwdu")
    assert "sold_with" not in TwinSettings().for_module(topology, topology.module(free.receiver), free)


def test_a_system_that_is_not_active_is_not_raised() -> None:
    topology = load("madqci")
    without = [replace(system, active=system.active and system.id != "link-4/idq") for system in topology.systems]
    layout = lay_out(replace(topology, systems=tuple(without)))
    border = next(link for link in layout.links if any(system.id.startswith("link-4/") for system in link.systems))
    assert [system.maker for system in border.systems] == ["hwdu"]


def test_a_large_network_ticks_less_often_and_stocks_less() -> None:
    settings, few, many = TwinSettings(), ("f",) * 9, ("f",) * 30
    assert settings.tick_for(9) < settings.tick_for(30)
    small, large = settings.for_kme("k", few), settings.for_kme("k", many)
    for name in ("high_water_octets", "relayed_high_water_octets"):
        assert int(small[name]) > int(large[name])
    assert float(settings.for_forwarder(9)["hold_s"]) < float(settings.for_forwarder(30)["hold_s"])


def test_what_is_said_goes_before_what_the_size_would_have() -> None:
    told = TwinSettings(tick_s=2.0, kme={"high_water_octets": "1"}, forwarder={"hold_s": "1.0"})
    assert told.tick_for(30) == 2.0
    assert told.for_kme("k", ("f",) * 30)["high_water_octets"] == "1"
    assert told.for_forwarder(30)["hold_s"] == "1.0"
