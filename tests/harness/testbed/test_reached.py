"""A network as an SAE reaches it: no key in a repr, private files, and the same thing as a target file."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from harness.pki import Wallet
from harness.target.load import load_target
from harness.testbed.outsiders import attached_outsiders, hosted_outsiders
from harness.testbed.reached import Outsiders, Reached, ReachedKme, ReachedSae


@pytest.fixture(scope="module")
def reached() -> Reached:
    wallet = Wallet()

    def sae(name: str, kme: str) -> ReachedSae:
        issued = wallet.sae(name)
        return ReachedSae(name, kme, issued.certificate_pem, issued.private_key_pem)

    return Reached(
        trust_pem=wallet.trust_pem,
        kmes=(ReachedKme("kme-a", "https://127.0.0.1:1"), ReachedKme("kme-b", "https://127.0.0.1:2", "127.0.0.1:3")),
        saes=(sae("sae-1", "kme-a"), sae('s"ä\\2', "kme-b")),
        outsiders=hosted_outsiders(wallet, "sae-1"),
    )


def test_things_are_found_by_id(reached: Reached) -> None:
    assert reached.kme_of('s"ä\\2').id == "kme-b"
    assert reached.sae("sae-1").kme_id == "kme-a"
    for find in (reached.kme, reached.sae, reached.kme_of):
        with pytest.raises(KeyError):
            find("nobody")


def test_no_private_key_is_in_a_repr(reached: Reached) -> None:
    assert "PRIVATE" not in f"{reached!r} {reached.saes!r} {reached.outsiders!r} {reached.stranger!r}"


def test_a_hosted_network_has_all_outsiders(reached: Reached) -> None:
    outsiders = reached.outsiders
    every = [getattr(outsiders, name) for name in Outsiders.__dataclass_fields__]
    assert None not in every
    assert len({one.certificate_pem for one in every}) == len(every)
    assert (reached.stranger, reached.foreign) == (outsiders.stranger, outsiders.foreign)


def test_an_attached_network_has_those_that_need_no_ca(reached: Reached) -> None:
    made = attached_outsiders(reached.trust_pem, reached.saes[0].certificate_pem)
    there = {name for name in Outsiders.__dataclass_fields__ if getattr(made, name) is not None}
    assert there == {"foreign", "imposter", "self_signed"}


def test_files_are_private_usable_and_gone_afterwards(reached: Reached) -> None:
    with reached.files() as files:
        certificate, key = files.of(reached.saes[0].credentials)
        assert files.of(reached.saes[0].credentials) == (certificate, key)
        assert reached.stranger is not None
        assert files.of(reached.stranger)[0] != certificate
        assert key.stat().st_mode & 0o077 == 0
        assert key.parent.stat().st_mode & 0o077 == 0
        context = ssl.create_default_context(cafile=str(files.trust))
        context.load_cert_chain(certificate, key)
    assert not key.parent.exists()


def test_a_target_file_says_the_same(reached: Reached, tmp_path: Path) -> None:
    path = reached.write_target(tmp_path / "t", name="toy", vendor='A "C" ME\x7f', version="1")
    target = load_target(path)
    assert target.remarks == ()
    assert target.file.iut is not None
    assert (target.file.iut.name, target.file.iut.vendor, target.file.iut.version) == ("toy", 'A "C" ME\x7f', "1")
    ixit = target.etsi014
    assert [(kme.id, kme.url, kme.grpc or None) for kme in ixit.kme] == [
        (kme.id, kme.url, kme.grpc_address) for kme in reached.kmes
    ]
    for written, sae in zip(ixit.sae, reached.saes, strict=True):
        assert (written.id, written.kme) == (sae.id, sae.kme_id)
        assert written.certificate.read_bytes() == sae.certificate_pem
        assert written.key.read_bytes() == sae.private_key_pem
        assert written.key.stat().st_mode & 0o077 == 0
    assert ixit.trust is not None
    assert ixit.trust.read_bytes() == reached.trust_pem
    assert ixit.stranger is not None
    assert reached.stranger is not None
    assert ixit.stranger.certificate.read_bytes() == reached.stranger.certificate_pem


def test_a_target_file_without_a_stranger(reached: Reached, tmp_path: Path) -> None:
    path = replace(reached, outsiders=Outsiders()).write_target(tmp_path)
    assert load_target(path).etsi014.stranger is None
