"""The testbed's certificates, judged by OpenSSL as a TLS peer judges them."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from harness.pki import (
    Authority,
    Issued,
    Wallet,
    kme_urn,
    sae_urn,
    self_signed_copy,
    self_signed_sae,
    write,
    write_private,
)

ODD = "SAE/with:odd ümlaut%and?#"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def handshake(server: Issued, client: Issued | None, trust: bytes, folder: Path, host: str = "localhost") -> None:
    """A TLS 1.2 handshake in memory (there the server's verdict on the client is part of it); raises `SSLError`."""
    context_s = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context_c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context_s.maximum_version = ssl.TLSVersion.TLSv1_2
    context_s.load_cert_chain(*write(server, folder, "server"))
    context_s.verify_mode = ssl.CERT_REQUIRED
    context_s.load_verify_locations(cadata=trust.decode())
    context_c.load_verify_locations(cadata=trust.decode())
    if client is not None:
        context_c.load_cert_chain(*write(client, folder, "client"))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer_s = context_s.wrap_bio(to_server, to_client, server_side=True)
    peer_c = context_c.wrap_bio(to_client, to_server, server_hostname=host)
    done = {peer_s: False, peer_c: False}
    for _ in range(20):
        for peer in (peer_c, peer_s):
            try:
                if not done[peer]:
                    peer.do_handshake()
                    done[peer] = True
            except ssl.SSLWantReadError:
                continue
        if all(done.values()):
            return
    raise AssertionError("the handshake does not end")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_kme_and_an_sae_of_one_ca_agree(authority: Authority, tmp_path: Path, host: str) -> None:
    handshake(authority.issue_kme("kme-a"), authority.issue_sae("sae-1"), authority.certificate_pem, tmp_path, host)


def test_a_kme_is_a_client_too(authority: Authority, tmp_path: Path) -> None:
    handshake(authority.issue_kme("kme-a"), authority.issue_kme("kme-b"), authority.certificate_pem, tmp_path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda a: a.issue_expired_sae("sae-1"), "certificate has expired"),
        (lambda a: a.issue_future_sae("sae-1"), "certificate is not yet valid"),
        (lambda a: a.issue_server_only_sae("sae-1"), "unsuitable certificate purpose|unsupported certificate purpose"),
        (lambda _: Authority("another CA").issue_sae("sae-1"), "unable to get local issuer certificate"),
        (
            lambda a: Authority.imposter_of(a.certificate_pem).issue_sae("sae-1"),
            "unable to get local issuer certificate|certificate signature failure",
        ),
        (lambda _: self_signed_sae("sae-1"), "self.signed certificate"),
        (lambda a: self_signed_copy(a.issue_sae("sae-1").certificate_pem), "self.signed certificate"),
        (lambda _: None, "PEER_DID_NOT_RETURN_A_CERTIFICATE|peer did not return a certificate"),
    ],
)
def test_each_defect_is_refused_for_its_own_reason(
    authority: Authority, tmp_path: Path, make: Callable[[Authority], Issued | None], reason: str
) -> None:
    with pytest.raises(ssl.SSLError, match=reason):
        handshake(authority.issue_kme("kme-a"), make(authority), authority.certificate_pem, tmp_path)


def names(issued: Issued) -> tuple[str, list[str]]:
    certificate = x509.load_pem_x509_certificate(issued.certificate_pem)
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return str(common), san.get_values_for_type(x509.UniformResourceIdentifier)


@pytest.mark.parametrize("identity", ["sae-1", ODD, "x" * 200])
def test_the_id_stands_in_common_name_and_uri(authority: Authority, identity: str) -> None:
    assert names(authority.issue_sae(identity)) == (identity[:64], [sae_urn(identity)])
    assert names(authority.issue_kme(identity)) == (identity[:64], [kme_urn(identity)])


def test_a_urn_is_percent_encoded() -> None:
    assert sae_urn("a/b ü") == "urn:qkd:sae:a%2Fb%20%C3%BC"
    assert kme_urn("kme-a") == "urn:qkd:kme:kme-a"


def test_an_imposter_has_the_name_and_not_the_key(authority: Authority) -> None:
    imposter = Authority.imposter_of(authority.certificate_pem)
    theirs, ours = (x509.load_pem_x509_certificate(a.certificate_pem) for a in (imposter, authority))
    assert theirs.subject == ours.subject
    assert theirs.public_key() != ours.public_key()


def test_a_copy_has_the_names_and_another_key(authority: Authority) -> None:
    model = authority.issue_sae(ODD)
    for copy in (Authority("another CA").issue_copy(model.certificate_pem), self_signed_copy(model.certificate_pem)):
        assert names(copy) == names(model)
        assert copy.private_key_pem != model.private_key_pem


def test_certificates_hold_from_an_hour_ago_to_30_days_from_now() -> None:
    now = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    issued = Authority(now=now).issue_sae("sae-1")
    certificate = x509.load_pem_x509_certificate(issued.certificate_pem)
    assert certificate.not_valid_before_utc == now - dt.timedelta(hours=1)
    assert certificate.not_valid_after_utc == now + dt.timedelta(days=30)


def test_a_strict_verifier_accepts_the_chain(authority: Authority) -> None:
    """The verifier of `cryptography` follows the rules of the web's CAs, more than TLS libraries ask for."""
    store = Store([x509.load_pem_x509_certificate(authority.certificate_pem)])
    server = x509.load_pem_x509_certificate(authority.issue_kme("kme-a").certificate_pem)
    PolicyBuilder().store(store).build_server_verifier(x509.DNSName("localhost")).verify(server, [])
    client = x509.load_pem_x509_certificate(authority.issue_sae("sae-1").certificate_pem)
    PolicyBuilder().store(store).build_client_verifier().verify(client, [])
    with pytest.raises(VerificationError):
        PolicyBuilder().store(store).build_server_verifier(x509.DNSName("localhost")).verify(client, [])


def test_the_key_is_in_no_repr(authority: Authority) -> None:
    issued = authority.issue_sae("sae-1")
    assert "PRIVATE" not in f"{issued!r} {authority!r}"
    load_pem_private_key(issued.private_key_pem, None)  # while it is a key


def test_a_key_file_is_private_even_when_it_replaces_an_open_one(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "sae.key").write_text("old")
    (tmp_path / "sae.key").chmod(0o644)
    certificate, key = write(authority.issue_sae("sae-1"), tmp_path, "sae")
    assert (certificate.name, key.name) == ("sae.pem", "sae.key")
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_key_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("untouched")
    (tmp_path / "key").symlink_to(tmp_path / "elsewhere")
    write_private(tmp_path / "key", b"secret")
    assert (tmp_path / "elsewhere").read_text() == "untouched"


@pytest.mark.parametrize("stem", ["", "../x", "a/b", "a\0b"])
def test_a_stem_is_a_file_name(authority: Authority, tmp_path: Path, stem: str) -> None:
    with pytest.raises(ValueError, match="not a file name"):
        write(authority.issue_sae("sae-1"), tmp_path, stem)


def test_a_wallet_issues_once() -> None:
    wallet = Wallet()
    assert wallet.sae("x") is wallet.sae("x")
    assert wallet.kme("x") is wallet.kme("x")
    assert wallet.sae("x") != wallet.kme("x")
    assert wallet.trust_pem == wallet.authority.certificate_pem
