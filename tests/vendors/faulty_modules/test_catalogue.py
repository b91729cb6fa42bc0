"""The catalogue of faulty modules is sound, and has a fault for what a module can be failed for."""

from __future__ import annotations

from collections import Counter

import pytest
from google.protobuf import json_format

from conformance.device.suite import SUITE
from harness.campaign.register import Grade, Profile
from harness.cli.catalogue import specimens_of, unique
from harness.hosting import LaunchSpec
from qkd.vendor.v1.vendor_pb2 import DescribeResponse
from vendors.emulation.module import EmulatedModule
from vendors.faulty_modules import catalogue
from vendors.faulty_modules.catalogue import CatalogueError, fault, variant
from vendors.faulty_modules.entry import ENTRY
from vendors.faulty_modules.shelf import RECIPES
from vendors.faulty_modules.vendor import FaultyModules

REGISTER = SUITE.register()
FAULTS = {name: recipe for name, recipe in RECIPES.items() if not recipe.lawful}
LAWFUL = {name: recipe for name, recipe in RECIPES.items() if recipe.lawful}


def test_there_are_enough() -> None:
    assert len(FAULTS) >= 15
    assert len(LAWFUL) >= 6


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_names_requirements_that_fail_a_module(name: str) -> None:
    for requirement in FAULTS[name].caught_by:
        assert REGISTER[requirement].grade(Profile.PUBLISHED) is Grade.FAIL, requirement


def test_the_description_can_be_used() -> None:
    vendor = FaultyModules()
    said = DescribeResponse(name=vendor.name, variants=vendor.variants)
    json_format.ParseDict(vendor.ics(), said.ics)
    specimens = unique(specimens_of(LaunchSpec(ENTRY.command), said, "device", REGISTER))
    assert {specimen.name for specimen in specimens if specimen.faulty} == set(FAULTS)
    assert {specimen.name for specimen in specimens if not specimen.faulty} == {*LAWFUL, vendor.name}
    assert ENTRY.variants() == vendor.variants == tuple(RECIPES)


def test_each_says_something_else() -> None:
    told = Counter(recipe.about for recipe in RECIPES.values())
    assert [about for about, many in told.items() if many > 1] == []


@pytest.fixture
def _empty_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_recipes", {})


@pytest.mark.usefixtures("_empty_catalogue")
class TestWritingDown:
    def test_a_name_is_used_once(self) -> None:
        fault("some-fault", caught_by=["X-1"])(type("One", (EmulatedModule,), {"__doc__": "One."}))
        with pytest.raises(CatalogueError, match="two recipes"):
            fault("some-fault", caught_by=["X-1"])

    def test_a_fault_breaks_something(self) -> None:
        with pytest.raises(CatalogueError, match="breaks a requirement"):
            fault("some-fault", caught_by=[])

    def test_it_says_what_the_maker_did(self) -> None:
        with pytest.raises(CatalogueError, match="docstring"):
            variant("quiet")(type("Quiet", (EmulatedModule,), {}))

    def test_it_is_a_part_of_a_module(self) -> None:
        with pytest.raises(CatalogueError, match="no part"):
            variant("stray")(type("Stray", (), {"__doc__": "Nothing of a module."}))
