"""The register of the 014 suite is sound, and it and the cases know each other."""

from __future__ import annotations

import re
from collections import Counter

from conformance.etsi014.suite import SUITE
from harness.campaign.register import Grade, Profile, Standing, Strictness

REGISTER = SUITE.register()
SPECS = SUITE.specs()
NAMED = Counter(name for spec in SPECS for name in spec.verifies)
# the clause map of the fact sheet: the standard has no deeper clauses; then the harness's own rules
CLAUSES = {
    "3.1", "4", "5.1", "5.2", "5.3", "5.4", "6.1", "6.2", "6.3", "6.4", "6.5", "A", "B", "ICS", "harness",
}  # fmt: skip
ROLES = {"kme", "sae", "network"}
AMBIGUITIES = {f"A{number}" for number in range(1, 27)}
_ID = re.compile(r"ETSI014-(?P<where>[0-9.]+|A[0-9]+|A|B)-(?P<kind>[RO])[0-9]+|ICS014-[0-9]+|KEYS014-[0-9]+")


def test_entries_are_well_formed() -> None:
    for entry in REGISTER.values():
        form = _ID.fullmatch(entry.id)
        assert form, f"{entry.id}: ETSI014-<clause>-R<n>, ETSI014-A<n>-O<n>, ICS014-<n> or KEYS014-<n>"
        assert entry.clause in CLAUSES, entry.id
        assert entry.role in ROLES, entry.id
        where = form["where"]
        if where and where not in AMBIGUITIES:
            assert entry.clause == where, f"{entry.id}: the ID bears the clause"
        if form["kind"] == "O":
            assert entry.grade(Profile.PUBLISHED) is Grade.OBSERVATION, f"{entry.id}: O stands for what is observed"
        assert not entry.text.endswith("."), f"{entry.id}: one clause of a sentence"


def test_a_requirement_has_either_a_case_or_a_reason() -> None:
    assert [name for name, entry in REGISTER.items() if bool(NAMED[name]) is bool(entry.reason)] == []


def test_cases_name_requirements_that_exist() -> None:
    assert set(NAMED) <= set(REGISTER)


def test_every_ambiguity_of_the_sheet_is_covered() -> None:
    texts = " ".join(f"{entry.id} {entry.text}" for entry in REGISTER.values())
    assert {name for name in AMBIGUITIES if not re.search(rf"\b{name}\b", texts)} == set()


def test_only_shalls_can_fail() -> None:
    for entry in REGISTER.values():
        if entry.strictness is not Strictness.SHALL:
            assert all(entry.grade(profile) is not Grade.FAIL for profile in Profile), entry.id


def test_profiles_get_milder_from_strict_to_lenient() -> None:
    weight = {Grade.OBSERVATION: 0, Grade.WARNING: 1, Grade.FAIL: 2}
    for entry in REGISTER.values():
        grades = [weight[entry.grade(profile)] for profile in (Profile.STRICT, Profile.PUBLISHED, Profile.LENIENT)]
        assert grades == sorted(grades, reverse=True), entry.id


def test_what_is_confirmed_weighs_the_same_everywhere() -> None:
    for entry in REGISTER.values():
        if entry.standing is Standing.CONFIRMED:
            assert not entry.grades, entry.id


def test_cases_are_well_formed() -> None:
    for spec in SPECS:
        assert spec.id.startswith("014."), spec.id
        assert spec.purpose.endswith("."), f"{spec.id}: the purpose is a sentence"
        assert len(set(spec.verifies)) == len(spec.verifies), spec.id


def test_the_table_of_profiles_agrees_with_the_register() -> None:
    checked = 0
    for line in (SUITE.sources[0] / "PROFILES.md").read_text(encoding="utf-8").splitlines():
        cells = line.split("|")[2:-1]
        if len(cells) != 3 or not line.startswith("| "):
            continue
        for cell, grade in zip(cells, (Grade.FAIL, Grade.WARNING, Grade.OBSERVATION), strict=True):
            for where, kind in re.findall(r"\b(A?\d+(?:\.\d)?)-([RO]\d+)\b", cell):
                entry = REGISTER[f"ETSI014-{where}-{kind}"]
                assert entry.grade(Profile.PUBLISHED) is grade, entry.id
                checked += 1
    assert checked > 60
