"""The account of a network: what became of every bit of key, link by link. No I/O.

Per link, once nothing is under way:

    module (each end):   distilled = handed over + in store + destroyed
    hand-over (each end): handed over = taken into the link + pending + dropped      (as its KME counts)
    both ends:           have taken the same from each source, and hold the same
    KME (each end):      received = in stock + reserved + delivered + relay + expired + destroyed
    relays (each end):   relay (KME) = pad + MAC + held + discarded                  (as its forwarding module counts)

What dies with a process cannot be counted any more. The `Ledger` knows which lives have ended so; from the other
side of the same hand-over it follows how much was lost. A loss is never negative: who has got more than was given
shows a bit that is counted, or worse used, twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from harness.topology import Combining
from harness.twin.layout import KeyLink, Layout
from qkd.device.v1.module_pb2 import GetStatusResponse
from qkd.kms.v1.store_pb2 import GetStoreResponse, LinkStore, SourceStore
from qkd.node.v1.forwarding_pb2 import GetForwardingResponse, Neighbour

_KME_FIGURES = ("in_stock", "reserved", "delivered", "relay", "expired", "destroyed")


@dataclass(frozen=True)
class Readings:
    """What everybody says: modules by ID, KMEs and forwarding modules by KME ID."""

    modules: Mapping[str, GetStatusResponse]
    stores: Mapping[str, GetStoreResponse]
    forwarders: Mapping[str, GetForwardingResponse]


class Ledger:
    """What is known of lives that have ended. All in bits.

    Attributes:
        handed_over: by modules in lives that are over.
        spent: by forwarding modules (KME ID, KME ID of the neighbour) in lives that are over.
        lost: in crashes, by module ID or by both KME IDs of a hop.
    """

    def __init__(self) -> None:
        self.handed_over: Counter[str] = Counter()
        self.spent: Counter[tuple[str, str]] = Counter()
        self.lost: Counter[str | tuple[str, str]] = Counter()
        self._modules: dict[str, GetStatusResponse] = {}
        self._hops: dict[tuple[str, str], Neighbour] = {}
        self._kmes: set[str] = set()

    def module_ended(self, module_id: str, status: GetStatusResponse) -> None:
        """A module was taken away in good order, with `status` as its last word."""
        self.handed_over[module_id] += status.handed_over_bits

    def module_crashed(self, module_id: str, status: GetStatusResponse) -> None:
        """A module died; `status` was seen shortly before."""
        self._modules[module_id] = status

    def forwarder_crashed(self, kme_id: str, answer: GetForwardingResponse) -> None:
        """A forwarding module died; `answer` was seen shortly before."""
        for one in answer.neighbours:
            self._hops[kme_id, one.kme_id] = one

    def kmes_crashed(self, kme_ids: Iterable[str]) -> None:
        """KMEs died; what was on its way to them, or from them, may be lost."""
        self._kmes.update(kme_ids)

    def given(self, module_id: str, now: int, kme_id: str, arrived: int) -> int:
        """How many bits a module has handed over in all its lives; what a crash took away is deduced."""
        total = self.handed_over[module_id] + now
        last = self._modules.pop(module_id, None)
        if last is not None:
            # The life that was cut short has handed over what arrived; the rest of what it had died with it.
            most = last.distilled_bits - last.destroyed_bits
            in_that_life = min(max(arrived - total, last.handed_over_bits), most)
            self.handed_over[module_id] += in_that_life
            self.lost[module_id] += most - in_that_life
            total += in_that_life
        if kme_id in self._kmes and total > arrived:
            self.lost[module_id] += total - arrived
            self.handed_over[module_id] -= total - arrived
            return arrived
        return total

    def used(self, hop: tuple[str, str], now: int, taken: int) -> int:
        """How many bits a forwarding module has had for a hop in all its lives; likewise."""
        total = self.spent[hop] + now
        seen = self._hops.pop(hop, None)
        if seen is not None:
            # It may have had more from the KME after it was last seen, and never less.
            in_that_life = max(taken - total, _spent(seen))
            self.spent[hop] += in_that_life
            self.lost[hop] += in_that_life - _spent(seen) + seen.held_bits
            total += in_that_life
        if hop[0] in self._kmes and taken > total:
            self.spent[hop] += taken - total
            self.lost[hop] += taken - total
            return taken
        return total

    def settled(self) -> None:
        """All crashes so far are accounted for; from now on everything has to fit again."""
        self._modules.clear()
        self._hops.clear()
        self._kmes.clear()


@dataclass
class LinkAccount:
    """One link. All in bits; `figures` by the KME ID of an end, or by the module ID."""

    link: KeyLink
    figures: dict[str, dict[str, int]] = field(default_factory=dict)
    lost: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        """Whether everything fits."""
        return not self.problems


@dataclass
class Account:
    """Of a whole network; `settled` = nothing was under way any more when it was read."""

    links: list[LinkAccount]
    settled: bool = True

    @property
    def balanced(self) -> bool:
        """Whether everything fits everywhere."""
        return all(link.balanced for link in self.links)

    @property
    def problems(self) -> list[str]:
        """What does not fit, for people."""
        return [f"{one.link.id}: {problem}" for one in self.links for problem in one.problems]

    @property
    def lost(self) -> int:
        """Bits that crashes took, so far."""
        return sum(link.lost for link in self.links)


def balance(layout: Layout, readings: Readings, ledger: Ledger) -> Account:
    """Compares everything, to the bit."""
    account = Account([_of_link(link, readings, ledger) for link in layout.links])
    _modules(account, readings, ledger)
    ledger.settled()
    return account


def _of_link(link: KeyLink, readings: Readings, ledger: Ledger) -> LinkAccount:
    account = LinkAccount(link)
    stores = {end: _store_of(readings.stores[end], link.peer_of(end)) for end in link.ends}
    for end, store in stores.items():
        account.problems += _kme(end, store)
        account.figures[end] = {"received": store.received_bits} | {
            name: getattr(store, f"{name}_bits") for name in _KME_FIGURES
        }
        if not link.relayed:
            hop = (end, link.peer_of(end))
            here = [one for one in readings.forwarders[end].neighbours if one.kme_id == hop[1]]
            used = ledger.used(hop, sum(map(_spent, here)), store.relay_bits)
            account.lost += ledger.lost[hop]
            if used != store.relay_bits:
                account.problems.append(
                    f"{end} gave {store.relay_bits} bits to its forwarding module, which had {used}"
                )
    sources = {end: list(_sources_of(readings.stores[end], link.peer_of(end))) for end in link.ends}
    account.problems += _both_ends(link, stores, sources)
    return account


def _kme(end: str, store: LinkStore) -> Iterator[str]:
    booked = sum(getattr(store, f"{name}_bits") for name in _KME_FIGURES)
    if store.received_bits != booked:
        yield f"{end} received {store.received_bits} bits and has booked {booked}"


def _both_ends(
    link: KeyLink, stores: Mapping[str, LinkStore], sources: Mapping[str, list[SourceStore]]
) -> Iterator[str]:
    one, other = ({source.source_id: source.received_bits for source in sources[end]} for end in link.ends)
    if one != other:
        yield f"the ends have taken different amounts from their sources: {one} and {other}"
    held, taken = sum(store.received_bits for store in stores.values()), list(one.values())
    every = link.combining is Combining.ALL
    fits = all(bits == held for bits in taken) if every else max(taken, default=0) <= held <= sum(taken)
    if not fits:
        yield f"{held} bits are in the link, made of {taken}"


def _modules(account: Account, readings: Readings, ledger: Ledger) -> None:
    """Module by module, as one that takes turns feeds several links of its KME."""
    arrived: Counter[tuple[str, str]] = Counter()
    fed: dict[str, LinkAccount] = {}
    by_id = {one.link.ends: one for one in account.links}
    for kme_id, store in readings.stores.items():
        for source in store.sources:
            if source.module_id:
                arrived[kme_id, source.module_id] += source.received_bits + source.pending_bits + source.dropped_bits
                ends = (min(kme_id, source.peer_kme_id), max(kme_id, source.peer_kme_id))
                fed[source.module_id] = by_id[ends]
    for (kme_id, name), bits in arrived.items():
        link, status = fed[name], readings.modules.get(name, GetStatusResponse())
        given = ledger.given(name, status.handed_over_bits, kme_id, bits)
        link.lost += ledger.lost[name]
        link.figures[name] = {
            "distilled": status.distilled_bits,
            "handed_over": status.handed_over_bits,
            "in_store": status.in_store_bits,
            "destroyed": status.destroyed_bits,
            "arrived": bits,
        }
        booked = status.handed_over_bits + status.in_store_bits + status.destroyed_bits
        if status.distilled_bits != booked:
            link.problems.append(f"{name} distilled {status.distilled_bits} bits and has booked {booked}")
        if given != bits:
            link.problems.append(f"{name} handed over {given} bits, and {kme_id} has {bits} of them")


def _store_of(answer: GetStoreResponse, peer: str) -> LinkStore:
    return next((one for one in answer.links if one.peer_kme_id == peer), LinkStore(peer_kme_id=peer))


def _sources_of(answer: GetStoreResponse, peer: str) -> Iterator[SourceStore]:
    return (one for one in answer.sources if one.peer_kme_id == peer)


def _spent(one: Neighbour) -> int:
    return one.pad_bits + one.mac_bits + one.held_bits + one.discarded_bits
