"""Looks at an agent before anything is planned: what it claims, and which of the optional things it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rapidfuzz import process

from conformance.etsi015.desk import STATE_PATH, Desk
from conformance.etsi015.lab import AgentLab
from conformance.etsi015.words import phys, virt
from harness.campaign.ics import Claim, Ics, IcsValue, Origin
from harness.campaign.suite import SuiteUnreachable, Survey
from harness.hosting import HostingError
from harness.testbed.agents import AgentBench

CLAIMS: Final[Mapping[str, tuple[type, str]]] = {
    "agent_settings": (tuple, "name=value of settings that every agent gets; short intervals make quick tests"),
    "notifications": (bool, "whether it sends notifications over an event stream of RESTCONF"),
    "virtual": (bool, "whether virtual links can be configured"),
    "link_statistics": (bool, "whether it shows the performance of links (link_stats_support)"),
    "application_statistics": (bool, "whether it shows the statistics of applications (application_stats_support)"),
    "period_s": (int, "length of a statistics period under agent_settings, seconds. Absent = statistics not awaited"),
}
"""What a maker can claim under ``[ics.etsi015]`` in a target file: type and meaning."""


def survey(lab: AgentLab, claims: Mapping[str, IcsValue]) -> Survey:
    """Make the ICS as used.

    Raises:
        SuiteUnreachable: the agent does not come up, or does not serve its node.
    """
    notes = []
    told: dict[str, IcsValue] = {}
    for name, value in claims.items():
        if name not in CLAIMS:
            near = process.extractOne(name, CLAIMS.keys(), score_cutoff=60)
            notes.append(f"ICS: {name!r} is not known and not used" + (f"; is {near[0]!r} meant?" if near else ""))
        elif not isinstance(value, CLAIMS[name][0]):
            notes.append(f"ICS: {name} is not of type {CLAIMS[name][0].__name__} and not used")
        else:
            told[name] = value
    settings = told.get("agent_settings", ())
    if isinstance(settings, tuple):
        lab.claims["agent_settings"] = tuple(text for text in settings if "=" in text)
    try:
        bench, desk = lab.shared()
    except HostingError as wrong:
        raise SuiteUnreachable(f"the agent does not come up: {wrong}") from None
    node, answer = desk.read()
    if not node:
        raise SuiteUnreachable(f"the agent does not serve qkd_node by RESTCONF: {answer.describe()}")
    seen = _seen(bench, desk, notes)
    lab.leaves = seen["phys_leaves"]
    used = [Claim(name, value, Origin.CLAIMED, "ICS") for name, value in told.items()]
    used += [Claim(name, value, Origin.DISCOVERED, "survey") for name, value in seen.items() if name not in told]
    return Survey(Ics(tuple(used)), frozenset({"node"}), tuple(notes))


def _seen(bench: AgentBench, desk: Desk, notes: list[str]) -> dict[str, bool]:
    """What the agent has, by trying; a link that is tried is taken away again."""
    far = bench.far["b"]
    whole, bare = phys(bench, far), phys(bench, far, leaves=False)
    published = False
    if not desk.put_link(whole).ok:
        published = desk.put_link(bare).ok
    desk.clear()
    # an agent that is only wrong about virtual links is to be caught: without phys_* there cannot be virt_*
    virtual = not published or desk.put_link(virt(bench, bench.far["c"], after=far)).ok
    desk.clear()
    if published:
        notes.append("phys_* leaves are refused, as the published model has it: links are written without them")
    able = desk.node().get("qkdn_capabilities", {})
    able = able if isinstance(able, dict) else {}
    names = _capabilities(desk)
    return {
        "phys_leaves": not published,
        "virtual": virtual and able.get("key_relay_mode_enable", True) is not False,
        "notifications": bool(desk.stream_location()),
        "link_statistics": able.get("link_stats_support", True) is not False,
        "application_statistics": able.get("application_stats_support", True) is not False,
        "depth": "depth" in names,
        "fields": "fields" in names,
        "grpc": bool(bench.endpoints.grpc_address),
        "netconf": bool(bench.endpoints.netconf_address),
    }


def _capabilities(desk: Desk) -> set[str]:
    """Names of RESTCONF capabilities ("depth", "fields", …; RFC 8040, 9.1.1)."""
    document = desk.client.get(STATE_PATH).document
    try:
        listed = document["ietf-restconf-monitoring:restconf-state"]["capabilities"]["capability"]
        return {str(one).split(":capability:")[-1].partition(":")[0] for one in listed}
    except (TypeError, KeyError):
        return set()
