"""The register and the cases of the node suite are sound, and fit together."""

from __future__ import annotations

import re
from pathlib import Path

from conformance.node.suite import SUITE
from harness.campaign.register import Grade, Profile, Standing

REGISTER, SPECS = SUITE.register(), SUITE.specs()
PROTOS = Path(__file__).parents[3] / "protos/qkd"
OURS = {"trusted node", "ETSI GS QKD 014", "5.3"}


def test_every_requirement_has_a_case_and_every_case_a_requirement() -> None:
    named = {requirement for spec in SPECS for requirement in spec.verifies}
    assert named == set(REGISTER)
    assert len(SPECS) >= 20


def test_clauses_are_messages_fields_and_calls_of_the_contract() -> None:
    files = ("node/v1/forwarding.proto", "node/v1/hop.proto", "kms/v1/store.proto", "vendor/v1/vendor.proto")
    text = "\n".join((PROTOS / name).read_text(encoding="utf-8") for name in files)
    known = set(re.findall(r"(?:message|enum|service|rpc) (\w+)", text)) | set(re.findall(r"(\w+) = \d+[; ]", text))
    for entry in REGISTER.values():
        for clause in entry.clause.split(", "):
            assert clause in OURS or set(clause.split(".")) <= known, entry.id


def test_what_is_not_said_by_the_contract_says_why_it_counts() -> None:
    for entry in REGISTER.values():
        if entry.standing is Standing.CONFIRMED:
            assert not entry.grades, entry.id
        else:
            assert entry.grade(Profile.PUBLISHED) is Grade.FAIL, entry.id
            assert entry.why, entry.id


def test_cases_are_well_formed() -> None:
    for spec in SPECS:
        assert spec.id.startswith("node."), spec.id
        assert spec.purpose.endswith("."), spec.id
        assert len(set(spec.verifies)) == len(spec.verifies), spec.id
