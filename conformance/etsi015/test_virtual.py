"""Virtual links: what the forwarding module and the KME of the node are told, and what is reserved."""

from __future__ import annotations

from typing import Final

from conformance.etsi015.desk import Desk
from conformance.etsi015.lab import AgentLab
from conformance.etsi015.test_links import figures, working
from conformance.etsi015.words import Json, virt
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.agents import RELAY, AgentBench

_WAIT: Final = 8.0


def _told(bench: AgentBench, link: Json) -> tuple[str, str] | None:
    """(KME before, KME after) of a virtual link, as the forwarding module was told."""
    for one in bench.forwarder.links:
        if one.link_id == link["qkdl_id"]:
            return one.previous_kme_id, one.next_kme_id
    return None


@case(
    "015.virtual.places", "ETSI015-VIRT-1", "ETSI015-VIRT-2", "ETSI015-VIRT-3", needs=("node",), ics={"virtual": True}
)
def test_first_middle_last(bench: AgentBench, desk: Desk, check: Check) -> None:
    """As first, middle and last node of a virtual link the forwarding module is told who is before and after it."""
    b, c = bench.far["b"], bench.far["c"]
    places = {
        "first": (virt(bench, c, after=b), ("", b.kme_id)),
        "middle": (virt(bench, c, before=b, after=c), (b.kme_id, c.kme_id)),
        "last": (virt(bench, c, before=b), (b.kme_id, "")),
    }
    for place, (link, expected) in places.items():
        answer = desk.put_link(link)
        check("ETSI015-VIRT-1", answer.ok, expected=f"{place}: 2xx", got=answer)
        bench.until(lambda link=link, expected=expected: _told(bench, link) == expected, _WAIT)  # type: ignore[misc]
        told = _told(bench, link)
        check("ETSI015-VIRT-1", told == expected, expected=f"{place}: {expected}", got=str(told or "nothing"))
        pairs = [one for one in bench.kme.pairings if one.module_id == RELAY and one.peer_kme_id == c.kme_id]
        held = len(pairs) == (0 if place == "middle" else 1)
        want = "no pairing" if place == "middle" else f"a pairing of {RELAY} with {c.kme_id}"
        check("ETSI015-VIRT-2", held, expected=f"{place}: {want}", got=f"{len(pairs)} of {len(bench.kme.pairings)}")
        desk.delete_link(link["qkdl_id"])
        held = bench.until(lambda link=link: _told(bench, link) is None, _WAIT)  # type: ignore[misc]
        check("ETSI015-VIRT-3", held, expected="no longer forwarded", got=f"{place}: it still is")


@case("015.virtual.disabled", "ETSI015-VIRT-3", needs=("node",), ics={"virtual": True})
def test_a_virtual_link_is_disabled(bench: AgentBench, desk: Desk, check: Check) -> None:
    """A virtual link with qkdl_enable=false is not forwarded; with true it is again."""
    link = virt(bench, bench.far["c"], after=bench.far["b"])
    check.require(desk.put_link(link).ok, "the agent does not take a virtual link")
    check.require(bench.until(lambda: _told(bench, link) is not None, _WAIT), "the forwarding module is not told")
    desk.put_link(link | {"qkdl_enable": False})
    held = bench.until(lambda: _told(bench, link) is None, _WAIT)
    check("ETSI015-VIRT-3", held, expected="not forwarded", got="it still is")
    desk.put_link(link)
    held = bench.until(lambda: _told(bench, link) is not None, _WAIT)
    check("ETSI015-VIRT-3", held, expected="forwarded again", got="it is not")


@case("015.virtual.reserved", "ETSI015-VIRT-4", needs=("node",), ics={"virtual": True, "link_statistics": True})
def test_bandwidth_is_reserved(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """virt_bandwidth is taken off the eskr of the physical link that the virtual one goes over, and given back."""
    link = working(lab, bench, desk, check)
    held = bench.until(lambda: figures(desk, link).get("eskr") == 2000, _WAIT)
    check.require(held, f"eskr of 2000 bit/s is {figures(desk, link).get('eskr')} before anything is reserved")
    over = virt(bench, bench.far["c"], after=bench.far["b"])
    check.require(desk.put_link(over).ok, "the agent does not take a virtual link")
    held = bench.until(lambda: figures(desk, link).get("eskr", 2000) <= 1400, _WAIT)
    check("ETSI015-VIRT-4", held, expected="eskr <= 1400", got=f"eskr {figures(desk, link).get('eskr')}")
    desk.delete_link(over["qkdl_id"])
    held = bench.until(lambda: figures(desk, link).get("eskr") == 2000, _WAIT)
    check("ETSI015-VIRT-4", held, expected="eskr 2000 again", got=f"eskr {figures(desk, link).get('eskr')}")
