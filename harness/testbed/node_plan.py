"""What a bench of nodes consists of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from harness.testbed.key_source import KeySource
from harness.testbed.toy_source import ToySource
from qkd.vendor.v1 import vendor_pb2

MONITOR = "harness-monitor"
"""Common name of the certificate that may read the stores."""
_STOCK = 256  # blocks, enough for some thousand messages; gRPC would read megabytes ahead of an endless one
Ends = tuple[str, str]


@dataclass(frozen=True)
class NodePlan:
    """Nodes, and who shares keys with whom.

    Attributes:
        nodes: KME IDs.
        hops: neighbours: their forwarding modules know each other, a key source feeds the link of their KMEs.
        relayed: pairs whose KMEs are fed by their forwarding modules.
        fed: links that toy modules feed in place of the key source.
        combining: what becomes of several of these.
        routes: by (origin, destination) the paths, each without the origin; both directions are told.
        stock: how many blocks a hop has to give; absent = 256.
        block_octets: of the key source.
        forwarders: whether there are any.
    """

    nodes: tuple[str, ...]
    hops: tuple[Ends, ...] = ()
    relayed: tuple[Ends, ...] = ()
    fed: Mapping[Ends, Sequence[ToySource]] = field(default_factory=dict)
    combining: vendor_pb2.Combining.ValueType = vendor_pb2.COMBINING_UNSPECIFIED
    routes: Mapping[Ends, Sequence[Sequence[str]]] = field(default_factory=dict)
    stock: Mapping[Ends, int] = field(default_factory=dict)
    block_octets: int = 8192
    forwarders: bool = True

    def neighbours(self, node: str) -> Iterator[str]:
        """Those that a node has a hop with."""
        return (other_end(ends, node) for ends in self.hops if node in ends)

    def routes_of(self, node: str) -> dict[str, list[list[str]]]:
        """By destination the paths from a node, those given for the other direction turned round."""
        found = {}
        for (one, other), paths in self.routes.items():
            if node == one:
                found[other] = [list(path) for path in paths]
            elif node == other:
                found[one] = [[*reversed([one, *path[:-1]])] for path in paths]
        return found

    def sources(self) -> dict[Ends, KeySource]:
        """By hop the key source that feeds it; hops of the same stock share one."""
        by_stock: dict[int, list[Ends]] = {}
        for ends in self.hops:
            by_stock.setdefault(self.stock.get(ends, _STOCK), []).append(ends)
        found = {}
        for blocks, together in by_stock.items():
            source = KeySource(map(link_id, together), block_octets=self.block_octets, total_blocks=blocks)
            found.update(dict.fromkeys(together, source))
        return found


def chain(length: int) -> tuple[str, ...]:
    """Names of so many nodes in a row, in the order of their IDs."""
    return tuple(f"n{number}" for number in range(1, length + 1))


def hops_of(nodes: Sequence[str]) -> tuple[Ends, ...]:
    """Those of a row of nodes."""
    return tuple(pairwise(nodes))


def link_id(ends: Ends) -> str:
    """The same at both ends."""
    return "--".join(ends)


def other_end(ends: Ends, node: str) -> str:
    """The end that the node is not."""
    return ends[1] if node == ends[0] else ends[0]


def app(node: str) -> str:
    """SAE ID of a node's application."""
    return f"app-{node}"


def forwarder(node: str) -> str:
    """SAE ID of a node's forwarding module."""
    return f"fwd-{node}"
