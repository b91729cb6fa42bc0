"""Fixtures of the cases: `lab`, and two networks that cases share: `line` (four in a row), `diamond` (two paths)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.node.lab import NodeLab
from harness.campaign.campaign import Campaign
from harness.testbed.node_plan import NodePlan, chain, hops_of
from harness.testbed.nodes import NodeBench

_LINE = chain(4)
LINE = NodePlan(
    _LINE,
    hops_of(_LINE),
    relayed=(("n1", "n4"),),
    routes={("n1", "n3"): [["n2", "n3"]], ("n1", "n4"): [["n2", "n3", "n4"]], ("n2", "n4"): [["n3", "n4"]]},
)
DIAMOND = NodePlan(
    ("a", "b", "c", "d"),
    (("a", "b"), ("a", "c"), ("b", "c"), ("b", "d"), ("c", "d")),
    routes={("a", "d"): [["b", "d"], ["c", "d"]]},
)


@pytest.fixture(scope="session")
def lab(campaign: Campaign) -> NodeLab:
    """Where nodes are raised."""
    assert isinstance(campaign.reached, NodeLab)
    return campaign.reached


@pytest.fixture
def line(lab: NodeLab) -> Iterator[NodeBench]:
    """Four nodes in a row, n1 to n4; the KMEs of n1 and n4 are fed by their forwarding modules."""
    bench = lab.shared("line", LINE)
    yield bench
    for tap in bench.taps.values():
        tap.rule = None


@pytest.fixture
def diamond(lab: NodeLab) -> Iterator[NodeBench]:
    """Two ways from a to d, over b and over c, which are neighbours, too."""
    bench = lab.shared("diamond", DIAMOND)
    bench.set_routes("a", {"d": [["b", "d"], ["c", "d"]]})
    yield bench
    for tap in bench.taps.values():
        tap.rule = None
