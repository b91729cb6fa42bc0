"""What the agent serves: valid, encoded as RFC 7951 says, of the right node, and without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from conformance.etsi015.desk import NODE_PATH, Desk
from conformance.etsi015.lab import AgentLab
from conformance.etsi015.model import opinion
from conformance.etsi015.words import NODE, T, application, phys, virt
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.campaign.ics import Ics
from harness.testbed.agents import AgentBench

_IDENTITIES: Final = frozenset(
    {
        "qkdn_status", "app_status", "app_type", "qkdi_type", "role_support", "qkdi_status", "qkdl_status", "qkdl_type",
        "phys_qkd_role", "perf_type",
    }
)  # fmt: skip
_DECIMALS: Final = frozenset({"max_absorption", "phys_channel_att", "value"})
_NUMBERS: Final = frozenset(
    {
        "qkdi_id", "port", "app_priority", "consumed_bits", "max_bandwidth", "min_bandwidth", "jitter", "ttl",
        "virt_bandwidth", "expected_consumption", "skr", "eskr",
    }
)  # fmt: skip
_DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]{1,3})?")
_V1_NAMES: Final = frozenset({"link_id", "qkd_node", "interface", "prev_hop", "next_hop", "channel_att"})


def inhabited(bench: AgentBench, desk: Desk, ics: Ics, *, leaves: bool) -> list[str]:
    """Gives the node something of everything; says what the agent did not take."""
    link = phys(bench, bench.far["b"], leaves=leaves)
    answers = [desk.put_link(link), desk.put_app(application(bench, bench.far["b"], link))]
    if ics.flag("virtual"):
        answers.append(desk.put_link(virt(bench, bench.far["c"], after=bench.far["b"])))
    bench.until(lambda: "qkdl_performance" in desk.link(link["qkdl_id"]), 3.0)
    return [answer.describe() for answer in answers if not answer.ok]


def leaves_of(value: Any) -> Iterator[tuple[str, Any]]:
    """Every member name with each value in it that is no object."""
    for member, inner in value.items() if isinstance(value, dict) else ():
        for one in inner if isinstance(inner, list) else [inner]:
            if isinstance(one, dict):
                yield member, one
                yield from leaves_of(one)
            else:
                yield member, one


@case("015.tree.valid", "ETSI015-TREE-1", needs=("node",))
def test_what_is_served_is_valid(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check, campaign: Any) -> None:
    """The node with a link, a virtual link and an application is valid by both validators, under either profile."""
    refused = inhabited(bench, desk, campaign.ics, leaves=lab.leaves)
    check.require(len(refused) < 3, f"the agent takes nothing: {refused}")
    node, answer = desk.read()
    found = opinion({NODE: node})
    for text in found.differ:
        check.observe(f"the validators do not agree: a finding about the harness, not about the agent: {text}")
    if found.valid is None:
        check.not_judged("ETSI015-TREE-1", "the validators do not agree")
        return
    if found.profile == "erratum":
        check.observe("valid under the erratum only: a defect of the published model, not of the agent")
    got = f"valid ({found.profile})" if found.valid else found.problem
    check(
        "ETSI015-TREE-1", found.valid, expected="valid as published or with the erratum", got=got or answer.describe()
    )


@case("015.tree.identity", "ETSI015-TREE-2", "ETSI015-TREE-3", "ETSI015-TREE-4", needs=("node",))
def test_it_is_the_right_node(bench: AgentBench, desk: Desk, check: Check) -> None:
    """qkdn_id and qkdn_location_id are those of the node, and its status is OPERATING while all its parts answer."""
    bench.until(lambda: desk.node().get("qkdn_status") == f"{T}OPERATING", 12.0)
    node = desk.node()
    own = str(node.get("qkdn_id", "")).lower()
    check("ETSI015-TREE-2", own == bench.qkdn_id, expected=bench.qkdn_id, got=own or "no qkdn_id")
    status = str(node.get("qkdn_status"))
    check("ETSI015-TREE-3", status == f"{T}OPERATING", expected="OPERATING", got=status)
    where = str(node.get("qkdn_location_id", ""))
    check("ETSI015-TREE-4", where == bench.location, expected=bench.location, got=where or "none")


@case("015.tree.new", "ETSI015-TREE-5", needs=("node",))
def test_a_node_without_parts_is_new(lab: AgentLab, check: Check) -> None:
    """An agent that has not been told where the parts of its node are does not say that the node is OPERATING."""
    with lab.agent(connect=False) as bench:
        node = Desk(bench.client(lab.evidence)).node()
    status = str(node.get("qkdn_status"))
    check("ETSI015-TREE-5", status != f"{T}OPERATING", expected="NEW, DOWN or nothing", got=status)


@case("015.tree.encoding", "ETSI015-ENC-1", "ETSI015-ENC-2", "ETSI015-ENC-3", "ETSI015-ENC-4", needs=("node",))
def test_encodings(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check, campaign: Any) -> None:
    """Identities are qualified, decimals are text, numbers are numbers, and only the top member names its module."""
    inhabited(bench, desk, campaign.ics, leaves=lab.leaves)
    answer = desk.client.get(NODE_PATH)
    document = answer.document if isinstance(answer.document, dict) else {}
    tops = list(document)
    check("ETSI015-ENC-4", tops == [NODE], expected=NODE, got=f"top-level members: {', '.join(tops) or 'none'}")
    told = [(name.rpartition(":")[2], value) for name, value in leaves_of(document.get(NODE, document))]
    inner = [name for name, _ in leaves_of(document.get(NODE, {})) if ":" in name]
    check("ETSI015-ENC-4", not inner, expected="simple names within", got=f"qualified within: {inner[:1] or 'none'}")
    bad = [f"{name}={value!r}" for name, value in told if name in _IDENTITIES and not _identity(value)]
    check("ETSI015-ENC-1", not bad, expected=f"{T}NAME", got=", ".join(bad[:2]) or "all qualified")
    bad = [f"{name}={value!r}" for name, value in told if name in _DECIMALS and not _decimal(value)]
    check("ETSI015-ENC-2", not bad, expected='text such as "5.25"', got=", ".join(bad[:2]) or "all text")
    bad = [f"{name}={value!r}" for name, value in told if name in _NUMBERS and not _uint32(value)]
    check("ETSI015-ENC-3", not bad, expected="a number, 0 to 4294967295", got=", ".join(bad[:2]) or "all numbers")


def _identity(value: object) -> bool:
    return isinstance(value, str) and value.startswith(T)


def _decimal(value: object) -> bool:
    return isinstance(value, str) and _DECIMAL.fullmatch(value) is not None


def _uint32(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 0xFFFFFFFF


@case("015.tree.edition", "ETSI015-ED-1", needs=("node",))
def test_edition(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check, campaign: Any) -> None:
    """The names are those of V2.1.1; those of V1.1.1 (link_id, prev_hop, …) are noted as that edition."""
    inhabited(bench, desk, campaign.ics, leaves=lab.leaves)
    names = {name for name, _ in leaves_of(desk.node())}
    second, first = sorted(names & {"qkdl_id", "qkdi_id", "qkdl_type"}), sorted(names & _V1_NAMES)
    if first:
        check.observe(f"names of V1.1.1: {', '.join(first)}")
    check("ETSI015-ED-1", bool(second) and not first, expected="names of V2.1.1", got=", ".join(first or second) or "?")


@case("015.tree.secrets", "ETSI015-SEC-1", needs=("node",))
def test_no_secret_is_served(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check, campaign: Any) -> None:
    """Nothing that the agent serves holds a token by which it reaches the parts of its node."""
    inhabited(bench, desk, campaign.ics, leaves=lab.leaves)
    bodies = [desk.client.get(path).body for path in (NODE_PATH, "/data")]
    shown = any(secret.encode() in body for secret in bench.secrets() for body in bodies)
    check("ETSI015-SEC-1", not shown, expected="no token", got="a token of a part is shown" if shown else "none")
