"""A target file as a network, and as the record shows it: complete, and without secrets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from google.protobuf.json_format import MessageToDict, MessageToJson

from harness.target import load_target
from harness.target.attach import attached, described

from .conftest import GOOD, NOW

WITH_GRPC = GOOD.replace(':8443" }', ':8443/", grpc = "127.0.0.1:50051" }')


def test_what_is_reached_is_what_the_file_says(written: Callable[[str], Path], wallet: Path) -> None:
    reached = attached(load_target(written(WITH_GRPC), now=NOW))
    assert [kme.url for kme in reached.kmes] == ["https://127.0.0.1:8443", "https://127.0.0.1:9443"]
    assert [kme.grpc_address for kme in reached.kmes] == ["127.0.0.1:50051", None]
    assert reached.kme_of("sae-2").id == "kme-b"
    assert reached.sae("sae-1").certificate_pem == (wallet / "sae-1.pem").read_bytes()
    assert reached.trust_pem == (wallet / "ca.pem").read_bytes()
    assert reached.stranger is not None


def test_a_combined_file_is_taken_apart(written: Callable[[str], Path], wallet: Path) -> None:
    both = GOOD.replace('"sae-1.pem"', '"combined.pem"').replace('"sae-1.key"', '"combined.pem"')
    sae = attached(load_target(written(both), now=NOW)).sae("sae-1")
    assert sae.certificate_pem == (wallet / "sae-1.pem").read_bytes()
    assert sae.private_key_pem == (wallet / "sae-1.key").read_bytes()


def test_outsiders_look_like_the_first_sae(written: Callable[[str], Path]) -> None:
    reached = attached(load_target(written(GOOD), now=NOW))
    own = x509.load_pem_x509_certificate(reached.saes[0].certificate_pem)
    for outsider in (reached.outsiders.foreign, reached.outsiders.imposter, reached.outsiders.self_signed):
        assert outsider is not None
        other = x509.load_pem_x509_certificate(outsider.certificate_pem)
        assert other.subject == own.subject
        assert other.public_key() != own.public_key()


def test_the_record_shows_certificates_and_no_key(written: Callable[[str], Path], wallet: Path) -> None:
    made = described(load_target(written(WITH_GRPC), now=NOW))
    assert (made.name, made.vendor, made.version, made.hosting) == ("acme-kme", "ACME", "1.2.3", "attach")
    here = MessageToDict(made.ixit)["etsi014"]
    assert here["kme"][0] == {"id": "kme-a", "url": "https://127.0.0.1:8443/", "grpc": "127.0.0.1:50051"}
    assert here["sae"][0]["certificate"]["subject"] == "CN=sae-1"
    assert len(here["sae"][0]["certificate"]["sha256"]) == 64
    assert here["sae"][0]["key"] == "(redacted)"
    assert (here["key_budget"], here["draining"], here["disturbing"]) == (400, True, False)
    shown = MessageToJson(made)
    for line in (wallet / "sae-1.key").read_text().splitlines():
        assert line not in shown


def test_the_record_shows_a_launch_without_its_environment(written: Callable[[str], Path]) -> None:
    text = '[launch]\ncommand = ["x"]\nsettings = { a = "1" }\nenvironment = { ACME_TOKEN = "hush" }\nvariant = "v"\n'
    made = described(load_target(written(text), now=NOW))
    assert made.hosting == "process"
    assert made.variant == "v"
    launch = MessageToDict(made.ixit)["etsi014"]["launch"]
    assert launch == {
        "command": ["x"],
        "shared": False,
        "settings": {"a": "1"},
        "environment": {"ACME_TOKEN": "(redacted)"},
    }
    assert "hush" not in MessageToJson(made)
