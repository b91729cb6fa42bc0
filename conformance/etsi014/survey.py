"""Looks at a pair of KMEs with Get status alone, before anything is planned; no key is drawn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from rapidfuzz import process

from conformance.etsi014 import limits
from conformance.etsi014.roles import Role, Roles, assign_roles, open_role
from harness.campaign.campaign import Options
from harness.campaign.ics import Claim, Ics, IcsValue, Origin
from harness.campaign.suite import SuiteUnreachable, Survey
from harness.testbed.reached import Reached
from harness.wire.etsi014 import Answer, SaeClient
from harness.wire.evidence import EvidenceLog

START_S: Final = 15.0
"""How long a pair of KMEs may take until both answer, seconds."""

CLAIMS: Final[Mapping[str, tuple[type, str]]] = {
    "multicast": (bool, "whether additional slave SAEs are supported (max_SAE_ID_count above 0)"),
    "max_SAE_ID_count": (int, "most additional slave SAEs in one request"),
    "key_size": (int, "default key size, bits"),
    "min_key_size": (int, "smallest key size, bits"),
    "max_key_size": (int, "largest key size, bits"),
    "max_key_per_request": (int, "most keys in one request"),
    "max_key_count": (int, "upper bound of stored_key_count"),
    "max_key_IDs_per_request": (int, "most key IDs in one request (A16); max_key_per_request if absent"),
    "odd_sizes": (bool, "whether sizes that are no multiple of 8 are served"),
    "supported_mandatory_extension": (str, 'a mandatory parameter that can be met: "name=value"'),
    "unmet_mandatory_extension": (str, 'a supported mandatory parameter with a value that cannot be met: "name=value"'),
}
"""What a maker can claim under ``[ics.etsi014]``: type and meaning."""

CONTRADICTED: Final = "the claim was "
"""How the evidence of a discovered value begins when it contradicts a claim."""

_IN_STATUS: Final = (
    "key_size", "min_key_size", "max_key_size", "max_key_per_request", "max_key_count", "max_SAE_ID_count",
    "stored_key_count",
)  # fmt: skip


@dataclass(frozen=True)
class _Seen:
    values: Mapping[str, int]
    where: str


def survey(reached: Reached, claims: Mapping[str, IcsValue], options: Options, evidence: EvidenceLog) -> Survey:
    """Wait until both KMEs answer, read their Status, and make the ICS as used.

    Raises:
        SuiteUnreachable: a KME does not answer at all, or the target lacks what the suite cannot do without.
    """
    roles = assign_roles(reached)
    binding = "https" if "https" in options.bindings else options.bindings[0]
    answers = {}
    for caller, other in ((roles.master, roles.slave), (roles.slave, roles.master)):
        client = open_role(reached, caller, binding, evidence, options.request_timeout_s)
        try:
            answers[caller] = _first_answer(client, other.id, evidence.clock)
        finally:
            client.close()
        _insist(answers[caller], caller, reached, binding)
    notes: list[str] = []
    seen = _read(answers[roles.master], roles, notes)
    ics = _ics(claims, seen, evidence, notes)
    return Survey(ics, _facilities(reached, roles), tuple(notes))


def _first_answer(client: SaeClient, slave: str, clock: Callable[[], float]) -> Answer:
    pause_until = clock() + START_S
    wait_s = 0.1
    while True:
        answer = client.get_status(slave)
        settled = answer.status is not None and answer.status not in {502, 503, 504}
        # A certificate or an alert does not get better by waiting, and a timeout has waited already.
        if settled or answer.failure.startswith(("tls: alert", "tls: server", "timeout")) or clock() > pause_until:
            return answer
        threading.Event().wait(wait_s)
        wait_s = min(1.0, wait_s * 1.5)


_ADVICE: Final = {
    "refused": "nothing listens there: is it running, and is the port right?",
    "timeout": "it accepts no request in time: is it the right address, and is it up?",
    "closed": "it closes the connection without an answer: is it the port of the 014 interface?",
    "unreachable": "the host cannot be reached: check the address",
    "tls: server": "its certificate is not accepted: does `trust` name the CA that signed it?",
    "tls: alert": "it refuses the SAE's certificate: is the certificate the one that this KME expects?",
    "tls": "no TLS connection comes about: is it the port of the HTTPS interface?",
    "http": "what it answers is not HTTP: is it the right port?",
}


def _insist(answer: Answer, caller: Role, reached: Reached, binding: str) -> None:
    if answer.status is not None:
        return
    kme = reached.kme(caller.kme_id)
    where = kme.url if binding == "https" else f"{kme.grpc_address} (gRPC)"
    advice = next((text for start, text in _ADVICE.items() if answer.failure.startswith(start)), "")
    raise SuiteUnreachable(f"{kme.id} at {where} does not answer {caller.id}: {answer.failure}; {advice}")


def _read(answer: Answer, roles: Roles, notes: list[str]) -> _Seen:
    where = f"Get status of {roles.master.id} at {roles.master.kme_id}"
    if not answer.ok or not isinstance(answer.document, dict):
        notes.append(f"{where}: {answer.describe()}; limits are assumed where they are not claimed")
        return _Seen({}, where)
    document = answer.document
    values = {
        name: document[name]
        for name in _IN_STATUS
        if isinstance(document.get(name), int) and not isinstance(document[name], bool)
    }
    missing = [name for name in _IN_STATUS if name not in values]
    if missing:
        notes.append(f"{where} does not say {', '.join(missing)}; assumed where not claimed")
    return _Seen(values, where)


def _ics(claims: Mapping[str, IcsValue], seen: _Seen, evidence: EvidenceLog, notes: list[str]) -> Ics:
    told = _checked(claims, notes)
    made: dict[str, Claim] = {}
    discovered: dict[str, IcsValue] = dict(seen.values)
    if "max_SAE_ID_count" in seen.values:
        discovered["multicast"] = seen.values["max_SAE_ID_count"] > 0
    for name, value in discovered.items():
        claimed = told.pop(name, None)
        if claimed is None:
            made[name] = Claim(name, value, Origin.DISCOVERED, seen.where)
        elif claimed == value:
            made[name] = Claim(name, value, Origin.CLAIMED, f"agrees with {seen.where}")
        else:
            # What is there decides what is tested: a wrong claim must not remove a test.
            text = f"{CONTRADICTED}{claimed!r}, {seen.where} says {value!r}"
            made[name] = Claim(name, value, Origin.DISCOVERED, text)
    for name, value in told.items():
        made[name] = Claim(name, value, Origin.CLAIMED)
    _assume(made)
    allowed = evidence.purse.allowed
    bound = limits.LARGEST_REQUEST if allowed is None else max(2, allowed // 3)
    made["largest_request"] = Claim("largest_request", bound, Origin.ASSUMED, "bound of the harness, not of the KME")
    made.setdefault("odd_sizes", Claim("odd_sizes", "unknown", Origin.ASSUMED, "not claimed; seen when it is tried"))
    return Ics(made)


def _assume(made: dict[str, Claim]) -> None:
    def assume(name: str, value: IcsValue) -> None:
        made.setdefault(name, Claim(name, value, Origin.ASSUMED, "neither claimed nor in Status"))

    claimed_multicast = made["multicast"].value if "multicast" in made else None
    assume("max_SAE_ID_count", 1 if claimed_multicast is True else limits.ASSUMED["max_SAE_ID_count"])
    assume("multicast", made["max_SAE_ID_count"].value != 0)
    assume("key_size", limits.ASSUMED["key_size"])
    for name in ("min_key_size", "max_key_size"):
        assume(name, made["key_size"].value)
    assume("max_key_per_request", limits.ASSUMED["max_key_per_request"])


def _checked(claims: Mapping[str, IcsValue], notes: list[str]) -> dict[str, IcsValue]:
    good: dict[str, IcsValue] = {}
    for name, value in claims.items():
        if name not in CLAIMS:
            near = process.extractOne(name, CLAIMS.keys(), score_cutoff=60)
            notes.append(f"ICS: {name!r} is not known and not used" + (f"; is {near[0]!r} meant?" if near else ""))
        elif type(value) is not CLAIMS[name][0]:
            notes.append(f"ICS: {name} = {value!r} is not of type {CLAIMS[name][0].__name__} and not used")
        else:
            good[name] = value
    return good


def _facilities(reached: Reached, roles: Roles) -> frozenset[str]:
    there = {"third"} if roles.third is not None else set()
    if roles.third is not None and roles.third.kme_id == roles.slave.kme_id:
        there.add("third-at-slave")
    outsiders = reached.outsiders
    for name in ("stranger", "foreign", "imposter", "self_signed", "expired", "future", "server_only"):
        if getattr(outsiders, name) is not None:
            there.add(name.replace("_", "-"))
    if all(kme.grpc_address for kme in reached.kmes):
        there.add("grpc")
    return frozenset(there)
