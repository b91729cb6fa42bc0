"""Back-pressure: hop keys are scarce, and are not burned on what cannot be delivered."""

from __future__ import annotations

from typing import Final

from conformance.node.lab import NodeLab
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.node_plan import NodePlan, chain, hops_of
from harness.testbed.node_reading import Reading
from harness.testbed.nodes import NodeBench

_NODES = chain(3)
_DRY = ("n2", "n3")
_BLOCKED_S: Final = 2.0
_MOST: Final = 64
"""Blocks that an origin may spend keys on while none can be delivered, until so long after the last one."""


@case("node.pressure.dry-link", "NODE-PRESSURE-1", "NODE-PRESSURE-2")
def test_a_link_runs_dry(lab: NodeLab, check: Check) -> None:
    """The second hop has no keys left: the origin spends few of its own, and blocks flow when there are more."""
    plan = NodePlan(
        _NODES,
        hops_of(_NODES),
        routes={("n1", "n3"): [["n2", "n3"]]},
        stock={_DRY: 6, ("n1", "n2"): 2000},
        block_octets=1024,
    )
    with lab.bench(plan) as bench:
        one, other = bench.both("n1", "n3")
        check.require(bench.until(lambda: len(one) > 0), "no block was carried before")
        check.require(bench.settled(lambda: len(other), 0.5), "the link does not run dry")
        bench.until(lambda: _wasted(bench, other) > _MOST, _BLOCKED_S)
        spent = _wasted(bench, other)
        got = f"{spent} hop keys spent on blocks that did not arrive, {_BLOCKED_S:g} s after the last one that did"
        check("NODE-PRESSURE-1", spent <= _MOST, expected=f"{_MOST} at most", got=got)
        had = len(one)
        bench.extend(_DRY, 20)
        flows = bench.until(lambda: len(one) >= had + 3)
        check("NODE-PRESSURE-2", flows, expected="3 blocks", got=f"{len(one) - had} blocks")


@case("node.pressure.nobody-reads", "NODE-PRESSURE-3", "NODE-PRESSURE-4")
def test_nobody_reads(line: NodeBench, check: Check) -> None:
    """While nobody reads at the origin nothing is sent; while nobody reads at the destination, little."""
    one, other = line.both("n1", "n3")
    check.require(line.until(lambda: len(one) >= 2), "no block was carried before")
    one.stop()
    line.settled(lambda: _to_n3(line))
    before = _to_n3(line)
    line.until(lambda: _to_n3(line) > before, 0.5)
    other.stop()
    more = _to_n3(line) - before
    check("NODE-PRESSURE-3", not more, expected="no share", got=f"{more} shares without a reader at the origin")
    one = line.read("n1", "n3")
    line.settled(lambda: len(one), 0.4)
    before = _to_n3(line)
    line.until(lambda: _to_n3(line) > before + _MOST, _BLOCKED_S)
    more = _to_n3(line) - before
    one.stop()
    got = f"{more} shares in {_BLOCKED_S:g} s without a reader at the destination"
    check("NODE-PRESSURE-4", more <= _MOST, expected=f"{_MOST} at most", got=got)


def _wasted(bench: NodeBench, other: Reading) -> int:
    """Blocks that the origin has sent and the destination has not had."""
    return len(bench.sent("n1", "n3") - set(other.ids))


def _to_n3(bench: NodeBench) -> int:
    return sum(frame.header.share.hops[-1:] == ["n3"] for frame in bench.taps["n1", "n2"].frames if frame.is_share)
