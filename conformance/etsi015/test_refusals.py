"""What an agent must not take: each wrong request differs from one that is taken by one thing."""

from __future__ import annotations

from typing import Any, Final

from conformance.etsi015.desk import NODE_PATH, Desk
from conformance.etsi015.lab import AgentLab
from conformance.etsi015.words import MODULE, Json, T, application, fresh, phys
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.agents import AgentBench
from harness.wire.restconf import RestconfAnswer
from harness.wire.restconf.client import entry

_MODEL: Final[dict[str, tuple[bool, Json]]] = {
    "an unknown leaf": (False, {"qkdl_colour": "red"}),
    "qkdn_id that is no UUID": (False, {"qkdl_remote": {"qkdn_id": "node-b", "qkdi_id": 1}}),
    "qkdi_id as text": (False, {"qkdl_local": {"qkdi_id": "1"}}),
    "qkdl_enable as text": (False, {"qkdl_enable": "true"}),
    "an identity of another base": (False, {"qkdl_type": f"{T}CLIENT"}),
    "an identity that does not exist": (False, {"qkdl_type": f"{T}DIRECT"}),
    "an identity without its module": (False, {"qkdl_type": "PHYS"}),
    "virt_bandwidth on a PHYS link": (False, {"virt_bandwidth": 100}),
    "a decimal as a number": (True, {"phys_channel_att": 5.25}),
    "channel 0": (True, {"phys_wavelength": "0"}),
    "a channel that is a fraction": (True, {"phys_wavelength": "1550.12"}),
}
"""What the model forbids, by name: whether it takes phys_* leaves, and what differs."""


def _changed(desk: Desk, before: Json) -> bool:
    return _configuration(desk) != before


def _configuration(desk: Desk) -> Json:
    node = desk.node()
    return {
        name: sorted(str(sorted((k, str(v)) for k, v in one.items() if k not in _STATE)) for one in found)
        for name, found in (
            ("links", node.get("qkd_links", {}).get("qkd_link", [])),
            ("apps", node.get("qkd_applications", {}).get("qkd_app", [])),
        )
    }


_STATE: Final = frozenset({"qkdl_status", "qkdl_performance", "app_status", "app_statistics", "creation_time"})


def _refused(check: Check, requirement: str, what: str, answer: RestconfAnswer) -> bool:
    got = f"{what}: {answer.describe()}"
    return check(requirement, answer.refused, expected="refused (4xx)", got=got)


@case("015.refuse.model", "ETSI015-MODEL-1", "ETSI015-MODEL-2", needs=("node",))
def test_what_the_model_forbids(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """A link that the model forbids is refused, nothing changes, and no module hears of it; its valid twin is taken."""
    link = phys(bench, bench.far["b"], leaves=lab.leaves)
    taken = desk.put_link(link)
    check.require(taken.ok, f"the valid twin is not taken: {taken.describe()}")
    desk.delete_link(link["qkdl_id"])
    before = _configuration(desk)
    for what, (of_leaves, wrong) in _MODEL.items():
        if of_leaves and not lab.leaves:
            continue
        odd = phys(bench, bench.far["b"], leaves=lab.leaves) | wrong
        answer = desk.put_link(odd)
        _refused(check, "ETSI015-MODEL-1", what, answer)
        changed = _changed(desk, before)
        check("ETSI015-MODEL-2", not changed, expected="nothing changed", got=f"{what}: " + _word(changed))
        if changed:
            desk.clear()


def _word(changed: bool) -> str:  # noqa: FBT001 - one word for one fact
    return "the configuration changed" if changed else "unchanged"


@case("015.refuse.keys", "ETSI015-MODEL-1", "ETSI015-MODEL-3", needs=("node",))
def test_keys(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """A key that is another in the path than in the entry is refused, and so is a key that is no UUID."""
    link = phys(bench, bench.far["b"], leaves=lab.leaves)
    check.require(desk.put_link(link).ok, "the valid twin is not taken")
    desk.delete_link(link["qkdl_id"])
    _refused(check, "ETSI015-MODEL-3", "another key in the path", desk.put_link(link, key=fresh()))
    _refused(check, "ETSI015-MODEL-1", "qkdl_id that is no UUID", desk.put_link(link | {"qkdl_id": "link-1"}))


@case("015.refuse.state", "ETSI015-MODEL-4", "ETSI015-MODEL-2", needs=("node",))
def test_state_cannot_be_written(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """What the model calls state (config false) is refused when it is written."""
    link = phys(bench, bench.far["b"], leaves=lab.leaves)
    check.require(desk.put_link(link).ok, "the valid twin is not taken")
    before = _configuration(desk)
    path = entry("qkd_links", "qkd_link", link["qkdl_id"]) + "/qkdl_performance/skr"
    tries = {
        "skr": desk.client.put(path, {f"{MODULE}:skr": 9}),
        "qkdn_status": desk.client.put(f"{NODE_PATH}/qkdn_status", {f"{MODULE}:qkdn_status": f"{T}OUT"}),
        "qkdl_performance in a link": desk.put_link(link | {"qkdl_performance": {"skr": 9}}),
    }
    for what, answer in tries.items():
        _refused(check, "ETSI015-MODEL-4", what, answer)
    changed = _changed(desk, before)
    check("ETSI015-MODEL-2", not changed, expected="nothing changed", got=_word(changed))


@case("015.refuse.identity", "ETSI015-MODEL-5", needs=("node",))
def test_a_node_keeps_its_identity(bench: AgentBench, desk: Desk, check: Check) -> None:
    """qkdn_id is mandatory: it cannot be deleted, nor the node with it, nor become another one."""
    tries = {
        "DELETE qkdn_id": desk.client.delete(f"{NODE_PATH}/qkdn_id"),
        "DELETE qkd_node": desk.client.delete(NODE_PATH),
        "PUT of another qkdn_id": desk.client.put(f"{NODE_PATH}/qkdn_id", {f"{MODULE}:qkdn_id": fresh()}),
    }
    for what, answer in tries.items():
        _refused(check, "ETSI015-MODEL-5", what, answer)
    own = str(desk.node().get("qkdn_id", "")).lower()
    check("ETSI015-MODEL-5", own == bench.qkdn_id, expected=bench.qkdn_id, got=own or "no node")
    if own != bench.qkdn_id:  # so that the cases after this one have a node
        desk.client.put(f"{NODE_PATH}/qkdn_id", {f"{MODULE}:qkdn_id": bench.qkdn_id})


def _odd_links(bench: AgentBench, *, leaves: bool) -> dict[str, tuple[str, Json]]:
    """By requirement what is wrong, and the link."""
    far, own = bench.far["b"], bench.qkdn_id
    link: Any = phys
    odd: dict[str, tuple[str, Json]] = {
        "ETSI015-SEM-1": ("a local end at another node", {"qkdl_local": {"qkdn_id": far.qkdn_id, "qkdi_id": 1}}),
        "ETSI015-SEM-2": ("an interface that is not there", {"qkdl_local": {"qkdn_id": own, "qkdi_id": 77}}),
        "ETSI015-SEM-3": ("a remote end that is the node itself", {"qkdl_remote": {"qkdn_id": own, "qkdi_id": 2}}),
    }
    if leaves:
        odd |= {
            "ETSI015-SEM-4": ("a channel that the interface cannot use", {"phys_wavelength": "99"}),
            "ETSI015-SEM-5": ("more loss than the interface copes with", {"phys_channel_att": "60.0"}),
            "ETSI015-SEM-6": ("a role that the interface has not", {"phys_qkd_role": f"{T}RECEIVER"}),
        }
    return {name: (what, link(bench, far, leaves=leaves, **wrong)) for name, (what, wrong) in odd.items()}


@case(
    "015.refuse.sense", "ETSI015-SEM-1", "ETSI015-SEM-2", "ETSI015-SEM-3", "ETSI015-SEM-4", "ETSI015-SEM-5",
    "ETSI015-SEM-6", "ETSI015-SEM-7", "ETSI015-SEM-8", needs=("node",),
)  # fmt: skip
def test_links_that_make_no_sense(lab: AgentLab, bench: AgentBench, desk: Desk, check: Check) -> None:
    """A link that the model allows and the node cannot have is refused, and no module is started for it."""
    twin = phys(bench, bench.far["b"], leaves=lab.leaves)
    check.require(desk.put_link(twin).ok, "the valid twin is not taken")
    second = phys(bench, bench.far["c"], leaves=lab.leaves)
    _refused(check, "ETSI015-SEM-7", "an interface that another enabled link uses", desk.put_link(second))
    desk.clear()
    bench.until(lambda: bench.modules[1].told[-1:] == ["stop"], 3.0)
    odd = _odd_links(bench, leaves=lab.leaves)
    for number in range(1, 7):
        name = f"ETSI015-SEM-{number}"
        if name not in odd:
            check.not_judged(name, "phys_* cannot be written where the model is enforced as published")
            continue
        what, link = odd[name]
        told = [len(module.told) for module in bench.modules.values()]
        answer = desk.put_link(link)
        _refused(check, name, what, answer)
        started = [len(module.told) for module in bench.modules.values()] != told
        check("ETSI015-SEM-8", not (answer.refused and started), expected="no module told", got=f"{what}: told")
        if answer.ok:
            desk.clear()


@case("015.refuse.applications", "ETSI015-SEM-9", "ETSI015-SEM-10", "ETSI015-MODEL-1", needs=("node",))
def test_applications_that_make_no_sense(bench: AgentBench, desk: Desk, check: Check) -> None:
    """An application of another node, with a minimum above its maximum, or of a wrong type is refused."""
    far = bench.far["b"]
    check.require(desk.put_app(application(bench, far)).ok, "the valid twin is not taken")
    desk.clear()
    qos = {"max_bandwidth": 100, "min_bandwidth": 200}
    _refused(check, "ETSI015-SEM-9", "min above max", desk.put_app(application(bench, far, app_qos=qos)))
    other = application(bench, far, local_qkdn_id=far.qkdn_id)
    _refused(check, "ETSI015-SEM-10", "local_qkdn_id of another node", desk.put_app(other))
    wrong = application(bench, far, app_priority=-1)
    _refused(check, "ETSI015-MODEL-1", "a negative priority", desk.put_app(wrong))
    wrong = application(bench, far, expiration_time="tomorrow")
    _refused(check, "ETSI015-MODEL-1", "a time that is none", desk.put_app(wrong))
