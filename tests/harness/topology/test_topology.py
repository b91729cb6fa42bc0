"""What a topology says of itself: light, losses, keys, routes, and its drawing."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree as ET

import networkx as nx  # type: ignore[import-untyped]
import pytest

from harness.topology import Combining, Handover, draw, islands, key_graph, load, parsed, routes
from harness.topology.synthetic import synthetic

from .conftest import GOOD

RING = "barcelona-ring"


def test_what_a_file_leaves_out_is_filled_in() -> None:
    small = parsed(GOOD)
    assert (small.site("a").kme, small.site("a").saes, small.site("a").name) == ("kme-a", ("sae-a",), "a")
    assert small.link("ab").loss_o_db == pytest.approx(6.0)
    assert small.switches[0].ports == ("ab", "bc", "b/free-rx", "b/free-tx", "b/hub")
    assert small.module("b/hub").handover is Handover.NONE
    with pytest.raises(KeyError):
        small.site("z")


def test_light_goes_from_sender_to_receiver_and_loses_at_links_and_switches() -> None:
    small = parsed(GOOD)
    bypass, mdi = small.system("abc/free"), small.system("ac/mdi")
    [arm] = small.arms(bypass)
    assert [(hop.link.id, hop.origin, hop.destination) for hop in arm] == [("ab", "a", "b"), ("bc", "b", "c")]
    assert small.loss_db(bypass) == pytest.approx((4.0 + 1.0 + 2.0,))
    one, other = small.arms(mdi)
    assert [(hop.origin, hop.destination) for hop in (*one, *other)] == [("a", "b"), ("c", "b")]
    assert small.loss_db(mdi) == pytest.approx((4.0, 2.0))
    assert (mdi.ends, mdi.bypassed, bypass.bypassed) == (("a", "c"), False, True)
    assert small.loss_db(small.system("bc/fixed")) == pytest.approx((3.0,))  # O-band


def test_routes_are_shortest_both_ways_alike_and_the_first_by_name() -> None:
    ring = load(RING)
    found = routes(ring)
    assert set(found) == {(one.id, other.id) for one in ring.sites for other in ring.sites if one != other}
    assert all(ways == [way[::-1] for way in found[other, one]] for (one, other), ways in found.items())
    # the policies of the ring ask for two
    assert found["bcn-1", "bcn-3"] == [("bcn-1", "bcn-3"), ("bcn-1", "bcn-2", "bcn-3")]


def test_routes_of_a_larger_network_are_shortest_and_disjoint() -> None:
    large = synthetic(16, 3, 5)
    graph = key_graph(large)
    for (one, other), ways in routes(large, 3).items():
        assert len(ways[0]) - 1 == nx.shortest_path_length(graph, one, other) or len(ways) > 1
        assert all(graph.has_edge(*step) for way in ways for step in pairwise(way))
        inside = [site for way in ways for site in way[1:-1]]
        assert len(inside) == len(set(inside))
        if not graph.has_edge(one, other):
            assert len(ways) == min(3, nx.node_connectivity(graph, one, other))


def test_two_longer_ways_are_found_where_the_shortest_stands_between_them() -> None:
    graph = nx.Graph(["sa", "ab", "bt", "sc", "cb", "ad", "de", "et"])
    from harness.topology import disjoint_paths  # noqa: PLC0415 - beside its only use

    assert disjoint_paths(graph, "s", "t", 1) == [("s", "a", "b", "t")]
    assert disjoint_paths(graph, "s", "t", 2) == [("s", "c", "b", "t"), ("s", "a", "d", "e", "t")]


def test_relays_use_a_by_pass_only_where_nothing_else_leads() -> None:
    bypass = GOOD.replace('channel = "C-38"', 'channel = "C-38", active = true')
    bypass = bypass.replace('channel = "C-37", active = true', 'channel = "C-37"')
    small = parsed(bypass)  # a to c by-passes b; b to c is direct; nothing else leads from a to b
    assert routes(small)["a", "b"] == [("a", "c", "b")]


@pytest.mark.parametrize(("nodes", "domains", "seed"), [(2, 1, 0), (2, 2, 0), (9, 9, 1), (30, 3, 0), (100, 5, 2)])
def test_a_generated_network_is_as_it_was_asked_for(nodes: int, domains: int, seed: int) -> None:
    made = synthetic(nodes, domains, seed)
    assert (len(made.sites), len(made.domains)) == (nodes, domains)
    assert {site.domain for site in made.sites} == {domain.id for domain in made.domains}
    assert len(islands(made)) == 1
    if nodes > 2:
        assert {system.maker for system in made.systems} == {"hwdu", "idq", "toshiba"}
    for link in made.links:
        makers = [system.maker for system in made.systems if link.id in system.path]
        assert len(set(makers)) == len(makers) == (2 if link.border else 1)
        assert (link.combining is Combining.ALL_ELSE_REMAINING) is link.border
    assert made == synthetic(nodes, domains, seed)
    assert nodes < 3 or made != synthetic(nodes, domains, seed + 1)


def test_a_generated_network_is_the_same_on_every_machine() -> None:
    made = synthetic(12, 2, 7)
    drawn = [(site.id, site.at) for site in made.sites[:2]], made.links[0].ends, made.links[0].length_km
    assert drawn == ([("d1-n01", (30.35, 19.0)), ("d2-n02", (1.58, 36.35))], ("d1-n01", "d1-n06"), 27.6)


def test_a_drawing_names_everything_and_needs_nothing_else() -> None:
    madqci = load("madqci")
    text = draw(madqci)
    root = ET.fromstring(text)  # noqa: S314 - our own
    words = " ".join(root.itertext())
    assert not [site.name for site in madqci.sites if site.name not in words]
    assert not [link.id for link in madqci.links if link.id not in words]
    assert "link-4 · 6.7 km · 3.5 dB · border" in words
    assert "by-pass" in words
    assert text.count("http") == 1  # the name space
    assert text == draw(load("madqci"))


def test_names_cannot_break_a_drawing() -> None:
    text = draw(parsed(GOOD.replace('title = "', 'title = "<script>&')))
    assert "<script>" not in text
    ET.fromstring(text)  # noqa: S314 - our own
