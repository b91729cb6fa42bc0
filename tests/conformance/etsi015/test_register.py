"""The register and the cases of the 015 suite are sound, and fit together."""

from __future__ import annotations

import re

from conformance.etsi015.suite import SUITE
from harness.campaign.register import Grade, Profile, Standing
from harness.yang import Profile as Reading
from harness.yang import load_model
from qkd.vendor.v1 import vendor_pb2  # noqa: F401 - the contracts are there
from vendors.faulty_agents.shelf import RECIPES

REGISTER, SPECS = SUITE.register(), SUITE.specs()
_RFC = re.compile(r"RFC (8040|7951), \d+(\.\d+)*")


def test_every_requirement_has_a_case_or_a_reason_and_every_case_a_requirement() -> None:
    named = {requirement for spec in SPECS for requirement in spec.verifies}
    assert named == {name for name, entry in REGISTER.items() if not entry.reason}
    assert {entry.role for entry in REGISTER.values() if entry.reason} == {"controller"}
    assert len(SPECS) >= 50


def test_clauses_are_nodes_of_the_model_or_sections_of_an_rfc() -> None:
    texts = [load_model(Reading.ERRATUM).modules[name].text for name in ("etsi-qkd-sdn-node", "etsi-qkd-node-types")]
    words = set(re.findall(r"[\w-]+", " ".join(texts)))
    for entry in REGISTER.values():
        kind, _, rest = entry.clause.partition(" ")
        if kind == "RFC":
            assert _RFC.fullmatch(entry.clause), entry.id
            continue
        assert kind == "YANG", entry.id
        for name in re.findall(r"[\w-]+", rest):
            assert name in words or name == "notifications", f"{entry.id}: {name}"


def test_what_is_not_confirmed_says_why() -> None:
    for entry in REGISTER.values():
        assert (entry.standing is Standing.CONFIRMED) == (not entry.why), entry.id


def test_semantics_that_the_schema_leaves_out_are_failed_by_the_strict_profile_alone() -> None:
    for name, entry in REGISTER.items():
        if name.startswith("ETSI015-SEM-") and name != "ETSI015-SEM-8":
            assert entry.grade(Profile.PUBLISHED) is Grade.WARNING
            assert entry.grade(Profile.STRICT) is Grade.FAIL
            assert entry.grade(Profile.LENIENT) is Grade.OBSERVATION


def test_cases_are_well_formed() -> None:
    for spec in SPECS:
        assert spec.id.startswith("015."), spec.id
        assert spec.purpose.endswith("."), spec.id
        assert len(set(spec.verifies)) == len(spec.verifies), spec.id


def test_what_is_failed_as_published_has_a_fault_that_proves_it() -> None:
    caught = {name for one in RECIPES.values() for name in one.caught_by}
    graded = {name for spec in SPECS for name in spec.verifies if REGISTER[name].grade(Profile.PUBLISHED) is Grade.FAIL}
    assert graded - caught <= {"ETSI015-SEM-8"}
