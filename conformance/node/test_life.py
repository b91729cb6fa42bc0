"""The life of key bits: they expire, are booked, and outlive the process that holds them."""

from __future__ import annotations

from conformance.node.keys import exchange, take, touches
from conformance.node.lab import TTL_S, NodeLab
from conformance.node.test_account import balanced, told
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.node_plan import NodePlan, app, link_id
from harness.testbed.nodes import NodeBench

_NODES = ("n1", "n2")
_LINK = _NODES
_BLOCKS = 8


def _links(bench: NodeBench) -> dict[str, tuple[int, ...]]:
    """By node what came in, what is there, and what was delivered."""
    found: dict[str, tuple[int, ...]] = {}
    for node, peer in (_NODES, _NODES[::-1]):
        link = bench.link(node, peer)
        found[node] = (link.received_bits, link.in_stock_bits, link.delivered_bits, link.expired_bits)
    return found


def _arrived(bench: NodeBench) -> bool:
    bench.until(lambda: all(some[0] > 0 for some in _links(bench).values()))
    return bench.settled(lambda: {node: some[0] for node, some in _links(bench).items()})


@case("node.life.expiry", "NODE-TTL-1", "NODE-TTL-2", "NODE-TTL-3", "NODE-TTL-4", "NODE-STORE-6", ics={"expires": True})
def test_old_bits_expire(lab: NodeLab, check: Check) -> None:
    """Bits that nobody asked for in time are booked as expired at both ends, and become no key, also not later."""
    with lab.bench(
        NodePlan(_NODES, (_LINK,), stock={_LINK: _BLOCKS}, block_octets=1024, forwarders=False), ttl_s=TTL_S
    ) as bench:
        _arrived(bench)
        bench.until(lambda: all(bench.link(*ends).in_stock_bits == 0 for ends in (_NODES, _NODES[::-1])), 3 * TTL_S)
        for node, peer in (_NODES, _NODES[::-1]):
            link = bench.link(node, peer)
            held = link.expired_bits == link.received_bits > 0 and not link.in_stock_bits
            check("NODE-TTL-1", held, expected="all expired", got=f"{node}: {told(link)}")
            check("NODE-TTL-4", balanced(link), expected="received = the sum of the rest", got=f"{node}: {told(link)}")
            held = link.low and not link.stored_key_count
            got = f"{node}: low {link.low}, {link.stored_key_count} keys"
            check("NODE-STORE-6", held, expected="low, no key", got=got)
        late = take(bench, *_NODES, 1, wait=False)
        check("NODE-TTL-2", not late.taken, expected="refused", got=late.told)
        bench.extend(_LINK, _BLOCKS)
        fresh = exchange(bench, *_NODES, 2)
        source = bench.sources[_LINK]
        old = b"".join(source.block(link_id(_LINK), index) for index in range(_BLOCKS))
        stale = sum(touches(key, old) for key in fresh.taken.values())
        got = f"{len(fresh.taken)} keys ({fresh.told}), {stale} of expired bits"
        check("NODE-TTL-3", bool(fresh.taken) and not stale, expected="keys of new bits", got=got)


@case("node.life.restart", "NODE-RESTART-1", "NODE-RESTART-2", "NODE-RESTART-3", disturbs=True, last=True)
def test_a_restart_loses_nothing(lab: NodeLab, check: Check) -> None:
    """The process is killed and started again: stock and account are as before, no key comes twice or is lost."""
    lab.end_shared()  # they are in the same process
    with lab.bench(NodePlan(_NODES, (_LINK,), stock={_LINK: _BLOCKS}, block_octets=1024, forwarders=False)) as bench:
        _arrived(bench)
        first = exchange(bench, *_NODES, 4)
        kept = take(bench, *_NODES, 1)
        check.require(first.equal and bool(kept.taken), f"no keys before the restart: {first.told}")
        bench.settled(lambda: _links(bench))
        before = _links(bench)
        bench.restart()
        bench.until(lambda: _links(bench) == before, 3.0)
        for node, peer in (_NODES, _NODES[::-1]):
            link = bench.link(node, peer)
            held = _links(bench)[node] == before[node] and balanced(link)
            expected = "received {}, in stock {}, delivered {}, expired {}".format(*before[node])
            check("NODE-RESTART-1", held, expected=expected, got=f"{node}: {told(link)}")
        fetched = bench.app(_NODES[1]).get_key_with_ids(app(_NODES[0]), list(kept.taken))
        same = {key.id: key.material.octets() for key in fetched.keys} == kept.taken
        check("NODE-RESTART-3", same, expected="the key that was taken before", got=fetched.describe())
        later = exchange(bench, *_NODES, 4)
        earlier = {*first.taken.values(), *kept.taken.values()}
        again = sum(key in earlier for key in later.taken.values())
        got = f"{len(later.taken)} keys ({later.told}), equal: {later.equal}, {again} from before"
        check("NODE-RESTART-2", later.equal and not again, expected="4 new keys, equal", got=got)
