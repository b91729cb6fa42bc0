"""Several sources on one link: what keys are made of, what happens when one falls silent, and what is reported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from conformance.node.keys import Keys, combined_from, cut_from, drain, exchange, take, touches
from conformance.node.lab import PATIENCE_S, NodeLab
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.node_plan import NodePlan
from harness.testbed.nodes import NodeBench
from harness.testbed.toy_source import ToySource
from qkd.kms.v1.store_pb2 import SourceStore
from qkd.vendor.v1 import vendor_pb2

_PAIR = ("a", "b")
_MANY = 30
_WAIT_S = 3 * PATIENCE_S
_MIXED = 1
"""Keys that may be cut from bits of before a change and of after it."""


@contextmanager
def _fed(lab: NodeLab, combining: vendor_pb2.Combining.ValueType) -> Iterator[tuple[NodeBench, ToySource, ToySource]]:
    """Two KMEs with two sources, each of which has made some blocks."""
    one, other = ToySource("toy-1", _PAIR), ToySource("toy-2", _PAIR)
    plan = NodePlan(_PAIR, fed={_PAIR: (one, other)}, combining=combining, forwarders=False)
    patience = PATIENCE_S if "patience_settings" in lab.claims else 0.0
    with lab.bench(plan, patience_s=patience) as bench:
        for number in (0, 1):
            bench.make_blocks(_PAIR, number, _MANY)
        yield bench, one, other


def _octets(source: ToySource, first: int = 0) -> list[bytes]:
    return [block.octets for block in source.made[first:]]


def _combined(keys: Keys, one: ToySource, other: ToySource) -> int:
    here, there = b"".join(_octets(one)), b"".join(_octets(other))
    return sum(combined_from(key, here, there) for key in keys.taken.values())


def _alone(keys: Keys, *sources: ToySource) -> int:
    return sum(any(touches(key, b"".join(_octets(source))) for source in sources) for key in keys.taken.values())


def _silent(bench: NodeBench, source: str) -> list[bool]:
    """What both ends say."""
    return [one.silent for node in _PAIR for one in bench.store(node).sources if one.source_id == source]


@case("node.combining.all", "NODE-COMB-1", "NODE-COMB-2", "NODE-COMB-3", "NODE-SRC-1")
def test_all_sources_are_combined(lab: NodeLab, check: Check) -> None:
    """ALL: each key is the exclusive or of both sources; while one is silent there are none; then they come again."""
    with _fed(lab, vendor_pb2.COMBINING_ALL) as (bench, one, other):
        keys = exchange(bench, "a", "b", 6)
        made, alone = _combined(keys, one, other), _alone(keys, one, other)
        got = f"{len(keys.taken)} keys ({keys.told}), {made} of both sources, {alone} of one alone, equal: {keys.equal}"
        held = keys.equal and made == len(keys.taken) and not alone
        check("NODE-COMB-1", held, expected="6 keys, equal, the exclusive or of both", got=got)
        _judge_sources(bench, check)
        drain(bench, "a", "b")
        bench.make_blocks(_PAIR, 0, _MANY)
        more: list[Keys] = []
        bench.until(lambda: bool(_tried(bench, more).taken), _WAIT_S)
        got = f"{len(more[-1].taken)} keys from one source alone"
        check("NODE-COMB-2", not more[-1].taken, expected="none while a source is silent", got=got)
        bench.make_blocks(_PAIR, 1, _MANY)
        keys = exchange(bench, "a", "b", 2)
        made = _combined(keys, one, other)
        got = f"{len(keys.taken)} keys ({keys.told}), {made} of both sources, equal: {keys.equal}"
        check("NODE-COMB-3", keys.equal and made == len(keys.taken), expected="2 keys of both", got=got)


def _tried(bench: NodeBench, into: list[Keys]) -> Keys:
    into.append(take(bench, "a", "b", 1, wait=False))
    return into[-1]


def _judge_sources(bench: NodeBench, check: Check) -> None:
    for node in _PAIR:
        there = {source.source_id: source for source in bench.store(node).sources}
        for name in ("toy-1", "toy-2"):
            said = there.get(name, SourceStore())
            wanted = (next(end for end in _PAIR if end != node), "bench", f"{node}/{name}")
            held = (said.peer_kme_id, said.maker, said.module_id) == wanted and said.received_bits > 0
            got = f"{node} {name}: {said.peer_kme_id}, {said.maker}, {said.module_id}, {said.received_bits} bits"
            check("NODE-SRC-1", held, expected=", ".join(wanted) + ", some bits", got=got)


@case("node.combining.else-remaining", "NODE-COMB-4", "NODE-COMB-5", "NODE-SRC-2", "NODE-SRC-3", ics={"patience": True})
def test_the_others_go_on(lab: NodeLab, check: Check) -> None:
    """ALL_ELSE_REMAINING: combined while both give; without the silent one after a time, as is reported; and back."""
    with _fed(lab, vendor_pb2.COMBINING_ALL_ELSE_REMAINING) as (bench, one, other):
        keys = exchange(bench, "a", "b", 4)
        made = _combined(keys, one, other)
        drain(bench, "a", "b")
        bench.make_blocks(_PAIR, 0, _MANY)
        later = exchange(bench, "a", "b", 2)
        alone = sum(cut_from(key, b"".join(_octets(one))) for key in later.taken.values())
        got = f"{len(later.taken)} keys ({later.told}), {alone} of the source that is left, equal: {later.equal}"
        held = later.equal and alone >= len(later.taken) - _MIXED
        check("NODE-COMB-5", held, expected="keys of the source that is left", got=got)
        told = bench.until(lambda: _silent(bench, "toy-2") == [True, True])
        check("NODE-SRC-2", told, expected="silent at both ends", got=f"silent: {_silent(bench, 'toy-2')}")
        last: list[Keys] = []

        def again() -> bool:
            """A source that has run out may be taken for silent: blocks are made until both are used."""
            for number in (0, 1):
                bench.make_blocks(_PAIR, number, 4)
            last.append(exchange(bench, "a", "b", 2, wait=False))
            return _combined(last[-1], one, other) > 0

        combined = bench.until(again)
        back = bench.until(lambda: not any(_silent(bench, "toy-2")))
        check("NODE-SRC-3", back, expected="not silent any more", got=f"silent: {_silent(bench, 'toy-2')}")
        equal = all(some.equal for some in last if some.taken)
        got = f"{made} of {len(keys.taken)} keys before of both sources, {'some' if combined else 'none'} afterwards"
        held = keys.equal and equal and made == len(keys.taken) and combined
        check("NODE-COMB-4", held, expected="all before, some afterwards, equal", got=got)


@case("node.combining.any", "NODE-COMB-6", "NODE-INTAKE-1", "NODE-INTAKE-2", "NODE-SRC-4")
def test_any_source_will_do(lab: NodeLab, check: Check) -> None:
    """ANY: keys of each source as they come, also from one alone; blocks that one end lacks never become keys."""
    with _fed(lab, vendor_pb2.COMBINING_ANY) as (bench, one, other):
        bench.make_blocks(_PAIR, 0, 4, only="a")
        lacking = b"".join(_octets(one, _MANY))
        bench.make_blocks(_PAIR, 0, _MANY)
        keys = [exchange(bench, "a", "b", 8)]
        while (more := exchange(bench, "a", "b", 8, wait=False)).taken and len(keys) < 8:
            keys.append(more)
        every = b"".join([*_octets(one), *_octets(other)])
        taken = [key for some in keys for key in some.taken.values()]
        plain = sum(cut_from(key, every) for key in taken)
        got = f"{len(taken)} keys ({keys[0].told}), {plain} of one source each"
        check("NODE-COMB-6", bool(taken) and plain == len(taken), expected="keys of one source each", got=got)
        equal = sum(some.equal for some in keys)
        check("NODE-INTAKE-1", equal == len(keys), expected="equal", got=f"{equal} of {len(keys)} batches are equal")
        wrong = sum(touches(key, lacking) for key in taken)
        got = f"{wrong} of {len(taken)} keys of blocks that b never had"
        check("NODE-INTAKE-2", not wrong, expected="none", got=got)
        waiting = 8 * len(lacking)
        told = bench.until(lambda: _left(bench, "a", "toy-1") >= waiting, _WAIT_S)
        got = f"{_left(bench, 'a', 'toy-1')} bits"
        check("NODE-SRC-4", told, expected=f"{waiting} bits or more, pending or dropped", got=got)


def _left(bench: NodeBench, node: str, source: str) -> int:
    """What a KME says that waits or was dropped."""
    found = [one for one in bench.store(node).sources if one.source_id == source]
    return sum(one.pending_bits + one.dropped_bits for one in found)
