"""What counts as valid: either reading of the model, and never by one validator alone."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.etsi015 import model
from conformance.etsi015.words import NODE, T
from harness.yang import Profile
from harness.yang.problem import Problem

OWN, LINK = "00000001-0000-4000-8000-000000000000", "00000001-1111-4000-8000-000000000000"


def tree(**more: Any) -> dict[str, Any]:
    link = {"qkdl_id": LINK, "qkdl_type": f"{T}PHYS"} | more
    return {NODE: {"qkdn_id": OWN, "qkd_links": {"qkd_link": [link]}}}


def test_what_both_readings_allow_is_valid_as_published() -> None:
    assert model.opinion(tree()) == model.Opinion(True, "published", "", ())


def test_what_the_defect_forbids_is_valid_under_the_erratum() -> None:
    assert model.opinion(tree(phys_wavelength="37")).profile == "erratum"


@pytest.mark.parametrize("more", [{"phys_wavelength": "0"}, {"virt_bandwidth": 1}, {"phys_channel_att": 5.5}])
def test_what_neither_allows_is_invalid(more: dict[str, Any]) -> None:
    found = model.opinion(tree(**more))
    assert found.valid is False
    assert found.problem


def test_validators_that_differ_give_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    class Contrary:
        profile = Profile.ERRATUM

        def validate(self, *_: object) -> list[Problem]:
            return [Problem("/", "invalid-value", "no")]

    real = model.engines

    def engines(profile: Profile) -> tuple[Any, Any]:
        return (real(profile)[0], Contrary()) if profile is Profile.ERRATUM else real(profile)

    monkeypatch.setattr(model, "engines", engines)
    found = model.opinion(tree(phys_wavelength="37"))
    assert found.valid is None
    assert found.differ


def test_notifications() -> None:
    name = "etsi-qkd-sdn-node:sdqkdn_link_down"
    assert model.notification(name, {"qkd_link": {"qkdl_id": LINK, "reason": "cut"}}) == ""
    assert model.notification(name, {"qkd_link": {"qkdl_id": "link 1"}})
    assert model.notification("etsi-qkd-sdn-node:sdqkdn_link_up", {})
