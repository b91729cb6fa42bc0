"""Looks at a node before anything is planned: what it claims, and whether a small network of it comes up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rapidfuzz import process

from conformance.node.lab import NodeLab
from harness.campaign.ics import Claim, Ics, IcsValue, Origin
from harness.campaign.suite import SuiteUnreachable, Survey
from harness.contract import ContractError
from harness.hosting import HostingError
from harness.testbed.node_plan import NodePlan, chain, hops_of

CLAIMS: Final[Mapping[str, tuple[type, str]]] = {
    "kme_settings": (tuple, "name=value of settings that every KME gets; {forwarders} = SAE IDs of forwarding modules"),
    "forwarder_settings": (tuple, "name=value of settings that every forwarding module gets"),
    "ttl_settings": (tuple, "name=value that sets the time to live of key bits; {seconds}. Absent = not tested"),
    "patience_settings": (
        tuple,
        "name=value that sets how long a source may be silent; {seconds}. Absent = not tested",
    ),
}
"""What a maker can claim under ``[ics.node]`` in a target file: type and meaning. Small blocks make quick tests."""


def survey(lab: NodeLab, claims: Mapping[str, IcsValue]) -> Survey:
    """Make the ICS as used.

    Raises:
        SuiteUnreachable: not even two nodes come up.
    """
    notes: list[str] = []
    for name, value in claims.items():
        if name not in CLAIMS:
            near = process.extractOne(name, CLAIMS.keys(), score_cutoff=60)
            notes.append(f"ICS: {name!r} is not known and not used" + (f"; is {near[0]!r} meant?" if near else ""))
        elif not isinstance(value, tuple) or not all("=" in text for text in value):
            notes.append(f"ICS: {name} is no list of name=value and not used")
        else:
            lab.claims[name] = value
    nodes = chain(2)
    try:
        with lab.bench(NodePlan(nodes, hops_of(nodes))) as bench:
            bench.store(nodes[0])
            grpc = bool(bench.kmes[nodes[0]].grpc_address)
    except (HostingError, ContractError) as wrong:
        raise SuiteUnreachable(f"two nodes do not come up: {wrong}") from None
    found: dict[str, IcsValue] = {
        "expires": "ttl_settings" in lab.claims,
        "patience": "patience_settings" in lab.claims,
        "grpc": grpc,
    }
    used = [Claim(name, value, Origin.CLAIMED, "ICS") for name, value in lab.claims.items()]
    used += [Claim(name, value, Origin.DISCOVERED, "ICS") for name, value in found.items()]
    return Survey(Ics(tuple(used)), frozenset(), tuple(notes))
