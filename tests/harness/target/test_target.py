"""What a good target file means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.target import Weight, load_target

from .conftest import GOOD, NOW


def test_the_example_of_the_manual_is_read(written: Callable[[str], Path], wallet: Path) -> None:
    target = load_target(written(GOOD), now=NOW)
    assert target.name == "acme-kme"
    assert [kme.id for kme in target.etsi014.kme] == ["kme-a", "kme-b"]
    assert target.etsi014.sae[2].certificate == wallet / "sae-3.pem"
    assert target.claims == {"etsi014": {"multicast": True}}
    assert target.etsi014.key_budget == 400
    assert not target.hosted
    assert not target.remarks


def test_draining_and_disturbing_are_off_unless_said(written: Callable[[str], Path]) -> None:
    attached = load_target(written(GOOD.replace("draining = true\n", "")), now=NOW)
    assert (attached.draining, attached.disturbing) == (False, False)
    said = load_target(written(GOOD), now=NOW)
    assert (said.draining, said.disturbing) == (True, False)


def test_they_are_on_for_what_the_harness_starts_itself(written: Callable[[str], Path]) -> None:
    hosted = load_target(written('[launch]\ncommand = ["{python}", "-m", "acme.kme"]\n'), now=NOW)
    assert (hosted.draining, hosted.disturbing) == (True, True)
    off = load_target(written('[launch]\ncommand = ["x"]\n[ixit.etsi014]\ndraining = false\n'), now=NOW)
    assert (off.draining, off.disturbing) == (False, True)
    assert hosted.name == "acme"


@pytest.mark.parametrize(
    ("old", "new", "weight", "words"),
    [
        ('"sae-1.key"', '"open.key"', Weight.WARNING, "everybody on this machine can read"),
        ('trust = "ca.pem"', 'trust = "both-ca.pem"', Weight.WARNING, "1 of 2 CA certificates"),
        ('"kme-b", certificate', '"kme-a", certificate', Weight.NOTE, "all SAEs are at one KME (kme-a)"),
    ],
)
def test_what_is_worth_saying_stops_nothing(
    written: Callable[[str], Path], old: str, new: str, weight: Weight, words: str
) -> None:
    target = load_target(written(GOOD.replace(old, new)), now=NOW)
    [remark] = target.remarks
    assert remark.weight is weight
    assert f": {weight}: " in str(remark)
    assert words in str(remark)


def test_a_certificate_and_its_key_may_share_a_file(written: Callable[[str], Path]) -> None:
    both = GOOD.replace('"sae-1.pem"', '"combined.pem"').replace('"sae-1.key"', '"combined.pem"')
    assert not load_target(written(both), now=NOW).remarks


def test_every_way_to_write_tables_is_understood(written: Callable[[str], Path]) -> None:
    head, _, rest = GOOD.partition("sae = [")
    entries = "".join(
        f'[[ixit.etsi014.sae]]\nid = "sae-{n}"\nkme = "kme-{"ab"[n - 1]}"\n'
        f'certificate = "sae-{n}.pem"\nkey = "sae-{n}.key"\n'
        for n in (1, 2)
    )
    target = load_target(written(head + entries), now=NOW)
    assert [sae.id for sae in target.etsi014.sae] == ["sae-1", "sae-2"]
    assert rest


def test_the_environment_of_a_launch_shows_nowhere(written: Callable[[str], Path]) -> None:
    text = '[launch]\ncommand = ["x"]\nenvironment = { ACME_TOKEN = "hush" }\n'
    target = load_target(written(text), now=NOW)
    assert target.file.launch is not None
    assert target.file.launch.environment == {"ACME_TOKEN": "hush"}
    assert "hush" not in repr(target)
