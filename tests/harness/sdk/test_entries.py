"""How implementations are found."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from harness.sdk import Ics, VendorEntry, find_vendors
from harness.sdk import entries as entries_module

ACME = VendorEntry("acme", ("{python}", "-m", "acme.kme"), "ACME's KME")
SECOND = VendorEntry("acme", ("acme-kme",), "another one of that name")
LAST = VendorEntry("zeta", ("zeta",), "of the end", variants=lambda: ("odd",))
NO_ENTRY = object()


def installed(monkeypatch: pytest.MonkeyPatch, **names: str) -> None:
    points = [EntryPoint(name, f"{__name__}:{value}", entries_module.GROUP) for name, value in names.items()]

    def of(*, group: str) -> Any:
        assert group == entries_module.GROUP
        return EntryPoints(points)

    monkeypatch.setattr(entries_module, "entry_points", of)
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this_module())


def _this_module() -> Any:
    module = type(sys)(__name__)
    module.__dict__.update(globals())
    return module


def test_the_placeholder_is_this_interpreter() -> None:
    assert ACME.argv() == (sys.executable, "-m", "acme.kme")


def test_variants_default_to_none() -> None:
    assert (ACME.variants(), LAST.variants()) == ((), ("odd",))


def test_vendors_are_found_by_name_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, z="LAST", a="ACME")
    assert find_vendors() == {"acme": ACME, "zeta": LAST}
    assert list(find_vendors()) == ["acme", "zeta"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"a": "ACME", "b": "SECOND"}, "two implementations are named 'acme'"),
        ({"a": "NO_ENTRY"}, "is not a VendorEntry"),
        ({"a": "MISSING"}, "entry point a = "),
    ],
)
def test_a_bad_entry_point_is_named(monkeypatch: pytest.MonkeyPatch, names: dict[str, str], said: str) -> None:
    installed(monkeypatch, **names)
    with pytest.raises(LookupError, match=said):
        find_vendors()


@pytest.mark.parametrize("text", ["[etsi014]\nmulticast = true\n", "[ics.etsi014]\nmulticast = true\n"])
def test_claims_are_read_from_a_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "ics.toml").write_text(text)
    assert Ics.load(tmp_path / "ics.toml") == {"etsi014": {"multicast": True}}


@pytest.mark.parametrize(
    ("text", "said"), [("multicast = true\n", "multicast: claims stand in one table a suite"), ("[x\n", "ics.toml: ")]
)
def test_a_bad_claims_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "ics.toml").write_text(text)
    with pytest.raises(ValueError, match=said):
        Ics.load(tmp_path / "ics.toml")
