"""The bundled networks are those that their sources describe."""

from __future__ import annotations

import pytest

from harness.topology import Combining, Link, Role, SiteKind, load, routes, scenario_names

MADQCI = load("madqci")

# Table 1 of the paper: links of the path, maker, channel, kbit/s, QBER per cent
TABLE_1 = """
1 hwdu C-37 3.3 -; 2 hwdu C-37 5.5 -; 2 hwdu C-38 6.2 -; 2 idq C-34 1.9 2.4; 3 idq O 2.04 2.2
3 hwdu C-37 4 -; 3 hwdu C-38 2.25 -; 3 hwdu C-37 11 -; 3 hwdu C-38 7.8 -
4 idq O 1.4 4.2; 4 hwdu C-37 8.7 -; 4 hwdu C-38 12 -; 4 hwdu C-37 9 -; 4 hwdu C-38 6.2 -
5 hwdu C-34 0.09 -; 5 toshiba O 1039.9 3.4; 6 hwdu C-37 8.1 -; 6 hwdu C-38 8.4 -; 6 idq C-32 1.5 3.3
7 hwdu C-37 7.4 -; 7 toshiba O 242.3 4.0; 8 toshiba O 37.2 3; 9 toshiba O 2857.1 2.5
6+7 hwdu C-37 0.11 -; 4+7 hwdu C-37 2.4 -; 3+4 hwdu C-37 7.1 -; 3+4 hwdu C-38 5.2 -
2+3+4 hwdu C-37 0.07 -; 2+3+4 hwdu C-38 0.01 -; 4+6 hwdu C-37 4.3 -; 4+6 hwdu C-38 4.3 -
2+3+4 hwdu C-37 1.8 -; 2+3+4 hwdu C-38 1.7 -; 3+4+6 hwdu C-37 0.04 -; 3+4+6 hwdu C-38 0.04 -
3+4 hwdu C-37 6.0 -; 3+4 hwdu C-38 6.6 -; 1+3 hwdu C-37 0.07 -; remote ait C-35 14 -
"""
CLASSICAL = {1: 4, 2: 6, 3: 5, 4: 4, 5: 6, 6: 3, 7: 3, 8: 5, 9: 5}
# the direction in Table 1: sites that the light passes, by systems with that prefix
DIRECTED = {
    "link-3/hwdu-there": "quijote quevedo", "link-3/hwdu-back": "quevedo quijote",
    "link-4/hwdu-there": "quevedo norte", "link-4/hwdu-back": "norte quevedo",
    "path-4-7": "quevedo norte distrito", "path-3-4/": "quijote quevedo norte",
    "path-2-3-4": "rm-b quijote quevedo norte", "path-6-4": "concepcion norte quevedo",
    "path-4-3-2": "norte quevedo quijote rm-b", "path-3-4-6": "quijote quevedo norte concepcion",
    "path-4-3/": "norte quevedo quijote", "path-3-1": "quevedo quijote rm-a",
}  # fmt: skip


def test_every_row_of_table_1_is_a_system_and_every_system_a_row() -> None:
    rows = []
    for row in TABLE_1.replace("\n", ";").strip(";").split(";"):
        path, maker, channel, rate, qber = row.split()
        rows.append((path, maker, channel, round(float(rate) * 1000), None if qber == "-" else float(qber)))
    ours = []
    for system in MADQCI.systems:
        assert system.table1_skr_bps is not None
        path = "+".join(sorted(name.removeprefix("link-") for name in system.path))
        percent = None if system.table1_qber is None else round(system.table1_qber * 100, 6)
        ours.append((path, system.maker, system.channel, round(system.table1_skr_bps), percent))
    assert sorted(ours, key=str) == sorted(rows, key=str)


@pytest.mark.parametrize("prefix", DIRECTED)
def test_light_goes_the_way_that_table_1_says(prefix: str) -> None:
    systems = [system for system in MADQCI.systems if system.id.startswith(prefix)]
    assert systems
    for system in systems:
        [arm] = MADQCI.arms(system)
        assert " ".join((arm[0].origin, *(hop.destination for hop in arm))) == DIRECTED[prefix]


def test_modules_and_sites_are_those_of_the_paper() -> None:
    makers = [module.maker for module in MADQCI.modules]
    assert {maker: makers.count(maker) for maker in makers} == {"hwdu": 10, "idq": 8, "toshiba": 8, "ait": 2}
    hwdu = [module for module in MADQCI.modules if module.maker == "hwdu"]
    assert sum(module.role is Role.TRANSMITTER for module in hwdu) == 5
    assert len({module.site for module in hwdu}) == 7
    assert len(MADQCI.production_sites) == len(MADQCI.production_links) == 9
    assert len(list(MADQCI.pairs())) == 36
    assert [generator.name for generator in MADQCI.generators] == ["Quside"]
    assert [site.id for site in MADQCI.sites if not site.production] == ["ait-a", "ait-b"]
    telefonica = {site.name for site in MADQCI.sites if site.domain == "telefonica"}
    assert telefonica == {"Norte", "Concepción", "Distrito"}


def test_links_are_those_of_the_paper() -> None:
    links = {int(link.id.removeprefix("link-")): link for link in MADQCI.production_links}
    assert {number: len(link.classical_channels) for number, link in links.items()} == CLASSICAL
    lengths = sorted(link.length_km for link in links.values())
    losses = sorted(link.loss_c_db for link in links.values())
    assert (lengths[0], lengths[-1], losses[0], losses[-1]) == (1.9, 33.1, 2.0, 14.3)
    assert (links[8].length_km, links[8].loss_c_db) == (33.1, 11.8)
    assert [number for number, link in links.items() if link.fibre_pairs == 2] == [3]


def test_all_modules_are_at_work_and_every_link_makes_keys() -> None:
    at_work = [module for system in MADQCI.active_systems for module in system.modules]
    assert sorted(at_work) == sorted(module.id for module in MADQCI.modules)

    def direct(link: Link) -> list[str]:
        return [system.maker for system in MADQCI.active_systems if system.path == (link.id,)]

    assert not [link.id for link in MADQCI.links if not direct(link)]
    [border] = [link for link in MADQCI.links if link.border]
    assert sorted(direct(border)) == ["hwdu", "idq"]
    assert border.combining is Combining.ALL_ELSE_REMAINING


def test_keys_cross_the_border_over_the_border_link() -> None:
    ways = routes(MADQCI)
    for (one, other), paths in ways.items():
        across = MADQCI.site(one).domain != MADQCI.site(other).domain
        over = any({"quevedo", "norte"} <= set(path) for path in paths)
        assert over is across or (one in {"quevedo", "norte"} and other in {"quevedo", "norte"}), (one, other)
    assert len(ways["quevedo", "concepcion"]) == 2
    assert ("ait-a", "quijote") not in ways


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_holds_and_every_node_reaches_every_other(name: str) -> None:
    topology = load(name)
    ways = routes(topology)
    assert not [(one.id, other.id) for one, other in topology.pairs() if (one.id, other.id) not in ways]


def test_the_hub_of_mdi_madrid_never_has_a_key_and_every_pair_has_its_turn() -> None:
    mdi = load("mdi-madrid")
    hub = mdi.site("hub")
    assert (hub.kind, hub.kme, hub.saes) == (SiteKind.CENTRAL, "", ())
    assert {frozenset(system.ends) for system in mdi.active_systems} == {
        frozenset((one.id, other.id)) for one, other in mdi.pairs()
    }
    assert sum(mdi.share(system) for system in mdi.active_systems) == pytest.approx(1.0)
    for system in mdi.active_systems:
        assert 30 <= sum(mdi.link(name).length_km for name in system.path) <= 50


def test_iberianqci_has_two_operators_and_a_relay_without_applications() -> None:
    iberian = load("iberianqci")
    [border] = [link for link in iberian.links if link.border]
    assert set(border.ends) == {"vigo", "valenca"}
    assert len({system.maker for system in iberian.systems_between(*border.ends)}) == 2
    assert [site.saes for site in iberian.sites if site.kind is SiteKind.RELAY] == [()]
    assert iberian.notes
