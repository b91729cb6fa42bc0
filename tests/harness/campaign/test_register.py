"""The register: lint when it is loaded, grades by profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.campaign.register import Grade, Profile, Register, RegisterError

ENTRY = """
[[requirement]]
id = "X-1"
clause = "5.4"
strictness = "{strictness}"
standing = "{standing}"
role = "kme"
text = "does it"
{more}
"""


def _load(tmp_path: Path, body: str) -> Register:
    path = tmp_path / "register.toml"
    path.write_text(f'suite = "x"\n{body}', encoding="utf-8")
    return Register.load(path)


def _one(tmp_path: Path, strictness: str = "shall", standing: str = "confirmed", more: str = "") -> Register:
    return _load(tmp_path, ENTRY.format(strictness=strictness, standing=standing, more=more))


@pytest.mark.parametrize(
    ("strictness", "standing", "grades"),
    [
        ("shall", "confirmed", "fail fail fail"),
        ("should", "confirmed", "warning warning warning"),
        ("may", "confirmed", "observation observation observation"),
        ("shall", "our-reading", "fail warning observation"),
        ("should", "our-reading", "warning warning observation"),
        ("may", "our-reading", "observation observation observation"),
        ("shall", "open", "warning observation observation"),
    ],
)
def test_the_grade_follows_from_strictness_and_standing(
    tmp_path: Path, strictness: str, standing: str, grades: str
) -> None:
    entry = _one(tmp_path, strictness, standing)["X-1"]
    seen = [entry.grade(profile) for profile in (Profile.STRICT, Profile.PUBLISHED, Profile.LENIENT)]
    assert " ".join(seen) == grades


def test_a_named_grade_overrides_and_needs_its_cause(tmp_path: Path) -> None:
    more = 'why = "peers rely on it"\ngrades = { published = "fail" }'
    entry = _one(tmp_path, standing="our-reading", more=more)["X-1"]
    assert entry.grade(Profile.PUBLISHED) is Grade.FAIL
    assert entry.grade(Profile.LENIENT) is Grade.OBSERVATION
    with pytest.raises(RegisterError, match="why"):
        _one(tmp_path, more='grades = { published = "fail" }')


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "no requirement"),
        (ENTRY.format(strictness="shall", standing="confirmed", more="") * 2, "stands twice"),
        (ENTRY.format(strictness="must", standing="confirmed", more=""), "must"),
        (ENTRY.format(strictness="shall", standing="guessed", more=""), "guessed"),
        (ENTRY.format(strictness="shall", standing="open", more='colour = "red"'), "colour"),
        (ENTRY.format(strictness="shall", standing="open", more="").replace("does it", " "), "text"),
    ],
)
def test_a_register_that_cannot_be_trusted_is_refused(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(RegisterError, match=message):
        _load(tmp_path, body)
