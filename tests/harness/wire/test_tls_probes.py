"""What the probes say of servers with different ideas of who may come in."""

from __future__ import annotations

import socket
import ssl
import threading

import pytest

from harness.pki import Authority, self_signed_sae
from harness.wire.etsi014 import HandshakeResult, KmeEndpoint, handshake, plain_http
from harness.wire.evidence import EvidenceLog
from harness.wire.tls import Credentials, CredentialsError, can_offer, client_context
from tests.harness.wire.scripted import Bench, Tls, http, says

STATUS = says(http(b'{"source_KME_ID": "kme-a"}'))
OLD = ["TLSv1", "TLSv1.1"]


def probe(
    bench: Bench, kme: KmeEndpoint, credentials: Credentials | None, minimum: str = "TLSv1.2", maximum: str = "TLSv1.3"
) -> HandshakeResult:
    return handshake(
        kme, bench.authority.certificate_pem, credentials, bench.log,
        caller="probe", slave="sae-2", minimum=minimum, maximum=maximum, deadline_s=3,
    )  # fmt: skip


def foreign() -> Credentials:
    issued = Authority("another CA").issue_sae("sae-1")
    return Credentials(issued.certificate_pem, issued.private_key_pem)


@pytest.mark.parametrize("version", OLD)
def test_a_floor_that_is_too_low_is_seen(bench: Bench, version: str) -> None:
    if not can_offer(version):
        pytest.skip(f"this machine's TLS library has no {version}")
    _, kme = bench.serve(STATUS, Tls(minimum="TLSv1", old_ciphers=True))
    result = probe(bench, kme, bench.sae, version, version)
    assert (result.possible, result.completed, result.version) == (True, True, version)
    assert result.admitted
    assert not result.refused


@pytest.mark.parametrize("version", OLD)
@pytest.mark.parametrize("floor", ["TLSv1.2", "TLSv1.3"])
def test_a_proper_floor_refuses(bench: Bench, version: str, floor: str) -> None:
    if not can_offer(version):
        pytest.skip(f"this machine's TLS library has no {version}")
    _, kme = bench.serve(STATUS, Tls(minimum=floor))
    result = probe(bench, kme, bench.sae, version, version)
    assert not result.completed
    assert result.refused_connection
    assert result.failure == "tls: alert protocol version"
    assert "TLSv1" in result.describe()


@pytest.mark.parametrize(("only", "other"), [("TLSv1.2", "TLSv1.3"), ("TLSv1.3", "TLSv1.2")])
def test_servers_of_one_version(bench: Bench, only: str, other: str) -> None:
    _, kme = bench.serve(STATUS, Tls(minimum=only, maximum=only))
    fits = probe(bench, kme, bench.sae, only, only)
    assert (fits.completed, fits.version, fits.admitted) == (True, only, True)
    both = probe(bench, kme, bench.sae)
    assert both.version == only
    not_offered = probe(bench, kme, bench.sae, other, other)
    assert not_offered.refused_connection
    assert not not_offered.completed


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_no_certificate_is_refused(bench: Bench, version: str) -> None:
    _, kme = bench.serve(STATUS)
    result = probe(bench, kme, None, version, version)
    assert result.refused_connection
    assert result.refused
    assert not result.admitted
    assert result.failure.startswith(("tls: alert", "closed"))


def test_tls_1_3_refuses_late_and_it_is_seen(bench: Bench) -> None:
    server, kme = bench.serve(STATUS)
    result = probe(bench, kme, None, "TLSv1.3", "TLSv1.3")
    assert result.completed
    assert result.failure == "tls: alert certificate required"
    assert server.requests == []


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_foreign_certificate_is_refused(bench: Bench, version: str) -> None:
    server, kme = bench.serve(STATUS)
    result = probe(bench, kme, foreign(), version, version)
    assert result.refused_connection
    assert result.failure in {"tls: alert unknown ca", "closed"}
    assert server.requests == []


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_an_optional_certificate_is_seen(bench: Bench, version: str) -> None:
    _, kme = bench.serve(STATUS, Tls(client=ssl.CERT_OPTIONAL))
    result = probe(bench, kme, None, version, version)
    assert result.admitted
    assert not result.refused


def test_a_401_without_certificate_is_a_refusal_but_not_of_the_connection(bench: Bench) -> None:
    _, kme = bench.serve(says(http(b"", "401 Unauthorized")), Tls(client=ssl.CERT_OPTIONAL))
    result = probe(bench, kme, None)
    assert result.refused
    assert not result.refused_connection
    assert result.completed


def test_a_server_that_trusts_too_many_is_seen(bench: Bench) -> None:
    other = Authority("another CA")
    issued = other.issue_sae("sae-1")
    trusts = bench.authority.certificate_pem + other.certificate_pem
    _, kme = bench.serve(STATUS, Tls(trusts=trusts))
    result = probe(bench, kme, Credentials(issued.certificate_pem, issued.private_key_pem))
    assert result.admitted


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_server_that_the_harness_does_not_trust_has_not_refused(bench: Bench, version: str) -> None:
    _, kme = bench.serve(STATUS)
    result = handshake(
        kme, Authority("wrong CA").certificate_pem, bench.sae, bench.log,
        caller="probe", slave="sae-2", minimum=version, maximum=version,
    )  # fmt: skip
    assert result.failure.startswith("tls: server certificate not accepted: ")
    assert not result.refused
    assert not result.completed
    assert not result.admitted


def test_probes_are_evidence(bench: Bench) -> None:
    _, kme = bench.serve(STATUS)
    result = probe(bench, kme, None)
    (exchange,) = bench.log.end_case()
    assert exchange.caller == "probe"
    assert exchange.failure == result.failure
    assert exchange.request.endswith("/api/v1/keys/sae-2/status")
    assert exchange.status == 0


def test_whom_the_certificate_names(bench: Bench) -> None:
    _, kme = bench.serve(STATUS)
    identity = probe(bench, kme, bench.sae).identity
    assert identity is not None
    assert identity.id_found_in == ("CN", "SAN URI")
    assert identity.host_found_in == ("SAN IP",)
    assert len(identity.fingerprint) == 64
    stranger = probe(bench, KmeEndpoint("kme-z", kme.url), bench.sae).identity
    assert stranger is not None
    assert stranger.id_found_in == ()


def test_credentials_that_cannot_be_used_are_told_without_their_content(bench: Bench) -> None:
    trust = bench.authority.certificate_pem
    other = self_signed_sae("sae-1")
    cases = {
        "does not belong": Credentials(bench.sae.certificate_pem, other.private_key_pem),
        "cannot be read": Credentials(b"nonsense", bench.sae.private_key_pem),
    }
    for text, credentials in cases.items():
        with pytest.raises(CredentialsError, match=text) as caught:
            client_context(trust, credentials)
        assert "PRIVATE" not in repr(caught.value)
    with pytest.raises(CredentialsError, match="trust"):
        client_context(b"nonsense", None)
    assert "PRIVATE" not in repr(bench.sae)


def test_an_encrypted_key_is_refused_without_asking_on_the_terminal(bench: Bench) -> None:
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415

    key = form.load_pem_private_key(bench.sae.private_key_pem, None)
    locked = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"x"))
    with pytest.raises(CredentialsError, match="encrypted"):
        client_context(bench.authority.certificate_pem, Credentials(bench.sae.certificate_pem, locked))


def test_plain_http_on_a_port_of_tls(bench: Bench) -> None:
    _, kme = bench.serve(STATUS)
    answer = plain_http(kme, bench.log, slave="sae-2", deadline_s=2)
    assert not answer.served
    assert answer.failure in {"closed", "http: BadStatusLine"}


def test_plain_http_that_is_served_is_seen() -> None:
    log = EvidenceLog()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def speak() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(http(b'{"source_KME_ID": "kme-a"}'))

        thread = threading.Thread(target=speak)
        thread.start()
        kme = KmeEndpoint("kme-a", f"https://127.0.0.1:{listener.getsockname()[1]}")
        answer = plain_http(kme, log, slave="sae-2", deadline_s=2)
        thread.join()
    assert answer.served
    assert answer.tls_version == ""
    assert log.end_case()[0].request.startswith("GET http://127.0.0.1")
