"""Questions that readers ask of the network in a run record. Pure functions, as in `harness.record.views`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.record import words
from harness.record.views import NETWORK
from qkd.run.v1 import run_record_pb2 as pb

# A rate or an error rate further than this from the published one is pointed out, per cent. Nobody's requirement:
# what is emulated fluctuates, and is seen for a short time only.
FAR_OFF_PERCENT = 10.0


@dataclass(frozen=True)
class LinkBits:
    """What both ends of a link together say of its key bits."""

    account: pb.LinkAccount
    received: int
    in_stock: int
    delivered: int
    relay: int
    gone: int


def whole(record: pb.RunRecord) -> bool:
    """Whether all that was judged of the network holds; no network, or one of which nothing was judged, is not."""
    cases = judged(record)
    return bool(cases) and all(case.verdict == pb.VERDICT_PASS for case in cases)


def judged(record: pb.RunRecord) -> tuple[pb.Case, ...]:
    """The cases of the network."""
    return tuple(case for case in record.cases if case.suite == NETWORK)


def alone(record: pb.RunRecord) -> bool:
    """Whether the record is of a network and of nothing else."""
    return record.HasField("network") and all(case.suite == NETWORK for case in record.cases)


def in_order(fault: pb.NetworkFault) -> bool:
    """Whether a fault was put on the network and did no harm that lasts."""
    noticed = not fault.HasField("noticed") or fault.noticed
    return fault.applied and not fault.keys_wrong and noticed and fault.HasField("again_s") and fault.balanced


def bits(network: pb.Network) -> tuple[LinkBits, ...]:
    """The accounts, both ends of a link taken together; `gone` is expired or destroyed."""
    return tuple(
        LinkBits(
            account,
            sum(end.received_bits for end in account.kmes),
            sum(end.in_stock_bits + end.reserved_bits for end in account.kmes),
            sum(end.delivered_bits for end in account.kmes),
            sum(end.relay_bits for end in account.kmes),
            sum(end.expired_bits + end.destroyed_bits for end in account.kmes),
        )
        for account in network.accounts
    )


def farthest(links: Iterable[pb.NetworkLink]) -> float | None:
    """The largest deviation of a rate from the published one, either way, per cent; None = nothing to compare."""
    found = [abs(link.skr_deviation_percent) for link in links if link.HasField("skr_deviation_percent")]
    return max(found, default=None)


def headline(record: pb.RunRecord) -> str:
    """One line: ``madqci: ready in 21.3 s; 36 of 36 pairs have equal keys; 8 of 8 faults survived; …``."""
    network = record.network
    ready = f"ready in {network.ready_s:.1f} s" if network.HasField("ready_s") else "not ready"
    parts = [ready, f"{network.pairs_equal} of {words.count(network.pairs, 'pair')} have equal keys"]
    parts.append(f"{words.count(network.mismatches, 'mismatch', 'mismatches')} in {network.keys_compared} keys")
    if network.faults:
        survived = sum(map(in_order, network.faults))
        parts.append(f"{survived} of {words.count(len(network.faults), 'fault')} survived")
    if network.accounts:
        balanced = sum(account.balanced for account in network.accounts)
        parts.append(f"{balanced} of {words.count(len(network.accounts), 'account')} balanced")
    return f"{network.scenario}: {'; '.join(parts)}"
