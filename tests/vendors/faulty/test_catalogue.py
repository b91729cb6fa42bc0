"""The catalogue is sound, and has a fault for everything that a KME can be failed for."""

from __future__ import annotations

from collections import Counter

import pytest
from google.protobuf import json_format

from conformance.etsi014.suite import SUITE
from harness.campaign.register import Grade, Profile
from harness.cli.catalogue import specimens_of, unique
from harness.hosting import LaunchSpec
from qkd.vendor.v1.vendor_pb2 import DescribeResponse
from vendors.faulty import catalogue
from vendors.faulty.catalogue import CatalogueError, fault, variant
from vendors.faulty.entry import ENTRY
from vendors.faulty.shelf import RECIPES
from vendors.faulty.vendor import FaultyVendor
from vendors.reference.delivery import KeyDelivery
from vendors.reference.settings import KmeSettings

REGISTER = SUITE.register()
FAULTS = {name: recipe for name, recipe in RECIPES.items() if not recipe.lawful}
LAWFUL = {name: recipe for name, recipe in RECIPES.items() if recipe.lawful}
# What no single fault can break so that a campaign still gets as far as judging it.
BEYOND = {
    "ETSI014-5.1-R2": "a KME that accepts neither TLS 1.2 nor TLS 1.3 cannot be reached",
    "ETSI014-5.1-R12": "a KME whose certificate does not validate is not spoken to",
    "ICS014-1": "claims are the target file's, not the KME's",
}


def test_there_are_enough() -> None:
    assert len(FAULTS) >= 45
    assert len(LAWFUL) >= 12


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_names_requirements_that_fail_a_kme(name: str) -> None:
    for requirement in FAULTS[name].caught_by:
        assert REGISTER[requirement].grade(Profile.PUBLISHED) is Grade.FAIL, requirement
        assert not REGISTER[requirement].reason, f"{requirement} has no case"


def test_everything_that_fails_a_kme_has_its_fault() -> None:
    failing = {name for name, entry in REGISTER.items() if _fails(name) and not entry.reason}
    broken = {requirement for recipe in FAULTS.values() for requirement in recipe.caught_by}
    assert failing - broken == set(BEYOND)


def _fails(requirement: str) -> bool:
    return REGISTER[requirement].grade(Profile.PUBLISHED) is Grade.FAIL


def test_the_description_can_be_used() -> None:
    vendor = FaultyVendor()
    said = DescribeResponse(name=vendor.name, variants=vendor.variants)
    json_format.ParseDict(vendor.ics(), said.ics)
    specimens = unique(specimens_of(LaunchSpec(ENTRY.command), said, "etsi014", REGISTER))
    assert {specimen.name for specimen in specimens if specimen.faulty} == set(FAULTS)
    assert {specimen.name for specimen in specimens if not specimen.faulty} == set(LAWFUL)
    assert ENTRY.variants() == vendor.variants == tuple(RECIPES)


def test_what_all_variants_claim_is_known_to_the_suite() -> None:
    assert set(FaultyVendor().ics()["etsi014"]) <= set(SUITE.claims)


def test_each_says_something_else() -> None:
    told = Counter(recipe.about for recipe in RECIPES.values())
    assert [about for about, many in told.items() if many > 1] == []


def test_settings_of_the_target_file_come_first_and_the_variant_last() -> None:
    settings = FaultyVendor().settings_of("one-key-per-request", {"max_key_per_request": "7", "key_size": "128"})
    assert (settings.max_key_per_request, settings.key_size) == (1, 128)
    assert FaultyVendor().settings_of("", {}) == KmeSettings()


@pytest.fixture
def _empty_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_recipes", {})


@pytest.mark.usefixtures("_empty_catalogue")
class TestWritingDown:
    def test_a_name_is_used_once(self) -> None:
        enter = fault("some-fault", caught_by=["X-1"])
        enter(type("One", (KeyDelivery,), {"__doc__": "One."}))
        with pytest.raises(CatalogueError, match="two recipes"):
            fault("some-fault", caught_by=["X-1"])

    def test_a_fault_breaks_something(self) -> None:
        with pytest.raises(CatalogueError, match="breaks a requirement"):
            fault("some-fault", caught_by=[])

    @pytest.mark.parametrize("name", ["Some-Fault", "some fault", "-x", ""])
    def test_names_are_plain(self, name: str) -> None:
        with pytest.raises(CatalogueError, match="lower-case"):
            variant(name)

    def test_it_says_what_the_maker_did(self) -> None:
        with pytest.raises(CatalogueError, match="docstring"):
            variant("quiet")(type("Quiet", (KeyDelivery,), {}))

    def test_it_is_a_part_of_a_kme(self) -> None:
        with pytest.raises(CatalogueError, match="no part"):
            variant("stray")(type("Stray", (), {"__doc__": "Nothing of a KME."}))
