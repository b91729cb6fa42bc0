"""The testbed's certificate authority."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from harness.pki.identity import kme_urn, sae_urn, subject

_CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
_SERVER = ExtendedKeyUsageOID.SERVER_AUTH
_HOUR = dt.timedelta(hours=1)
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its private key, PEM. The key never shows in a repr."""

    certificate_pem: bytes
    private_key_pem: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when a certificate holds, UTC."""

    start: dt.datetime
    end: dt.datetime

    @classmethod
    def around(cls, now: dt.datetime) -> Validity:
        """One hour before `now` to 30 days after it: survives clocks that are a little apart."""
        return cls(now - _HOUR, now + 30 * _DAY)


def _present() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


class Authority:
    """An EC P-256 certificate authority that lives as long as the testbed.

    Args:
        name: common name of the CA, or its whole subject.
        now: the time around which certificates hold; default the present.
    """

    def __init__(self, name: str | x509.Name = "qkd-harness testbed CA", *, now: dt.datetime | None = None) -> None:
        self._now = now or _present()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = subject(name) if isinstance(name, str) else name
        self._validity = Validity.around(self._now)
        self._certificate = self._self_made()
        self.certificate_pem: bytes = self._certificate.public_bytes(serialization.Encoding.PEM)
        """The CA certificate, PEM: what everybody in the testbed trusts."""

    @classmethod
    def imposter_of(cls, trust_pem: bytes, *, now: dt.datetime | None = None) -> Authority:
        """Another CA whose subject is that of the first certificate in `trust_pem`, with a key of its own."""
        return cls(x509.load_pem_x509_certificates(trust_pem)[0].subject, now=now)

    def __repr__(self) -> str:
        return f"Authority({self._name.rfc4514_string()!r})"

    def issue_kme(self, kme_id: str, hosts: Sequence[str] = ("127.0.0.1", "localhost")) -> Issued:
        """A server and client certificate for a KME; `hosts` (IP, DNS) become alternative names."""
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(kme_urn(kme_id))]
        names += [_host_name(host) for host in hosts]
        return self._issue(subject(kme_id), names, (_SERVER, _CLIENT), self._validity)

    def issue_sae(self, sae_id: str) -> Issued:
        """A client certificate for an SAE."""
        return self._issue(subject(sae_id), _sae_names(sae_id), (_CLIENT,), self._validity)

    def issue_expired_sae(self, sae_id: str) -> Issued:
        """Like `issue_sae`, but its time ended an hour ago."""
        return self._issue(
            subject(sae_id), _sae_names(sae_id), (_CLIENT,), Validity(self._now - 2 * _DAY, self._now - _HOUR)
        )

    def issue_future_sae(self, sae_id: str) -> Issued:
        """Like `issue_sae`, but its time begins in a day."""
        return self._issue(
            subject(sae_id), _sae_names(sae_id), (_CLIENT,), Validity(self._now + _DAY, self._now + 30 * _DAY)
        )

    def issue_server_only_sae(self, sae_id: str) -> Issued:
        """Like `issue_sae`, but its extended key usage allows servers only."""
        return self._issue(subject(sae_id), _sae_names(sae_id), (_SERVER,), self._validity)

    def issue_copy(self, certificate_pem: bytes) -> Issued:
        """A client certificate with the subject and alternative names of another one, but its own key."""
        names, model = _names_of(certificate_pem)
        return self._issue(model.subject, names, (_CLIENT,), self._validity)

    def _issue(
        self,
        name: x509.Name,
        alternatives: Sequence[x509.GeneralName],
        usages: Sequence[x509.ObjectIdentifier],
        validity: Validity,
    ) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _leaf(name, alternatives, usages, validity, key.public_key()).issuer_name(self._name)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
        )
        return _issued(builder.sign(self._key, hashes.SHA256()), key)

    def _self_made(self) -> x509.Certificate:
        public = self._key.public_key()
        return (
            _dated(x509.CertificateBuilder(), self._validity)
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(sign_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def self_signed_sae(sae_id: str, *, now: dt.datetime | None = None) -> Issued:
    """A client certificate for an SAE that nobody but itself vouches for."""
    return _self_signed(subject(sae_id), _sae_names(sae_id), now)


def self_signed_copy(certificate_pem: bytes, *, now: dt.datetime | None = None) -> Issued:
    """A self-signed client certificate with the subject and alternative names of another one."""
    names, model = _names_of(certificate_pem)
    return _self_signed(model.subject, names, now)


def _self_signed(name: x509.Name, alternatives: Sequence[x509.GeneralName], now: dt.datetime | None) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    validity = Validity.around(now or _present())
    builder = _leaf(name, alternatives, (_CLIENT,), validity, key.public_key()).issuer_name(name)
    return _issued(builder.sign(key, hashes.SHA256()), key)


def _leaf(
    name: x509.Name,
    alternatives: Sequence[x509.GeneralName],
    usages: Iterable[x509.ObjectIdentifier],
    validity: Validity,
    public: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    builder = (
        _dated(x509.CertificateBuilder(), validity)
        .subject_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder


def _dated(builder: x509.CertificateBuilder, validity: Validity) -> x509.CertificateBuilder:
    return builder.not_valid_before(validity.start).not_valid_after(validity.end)


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _sae_names(sae_id: str) -> list[x509.GeneralName]:
    return [x509.UniformResourceIdentifier(sae_urn(sae_id))]


def _names_of(certificate_pem: bytes) -> tuple[list[x509.GeneralName], x509.Certificate]:
    model = x509.load_pem_x509_certificate(certificate_pem)
    try:
        extension = model.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return [], model
    return list(extension.value), model


def _host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _issued(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Issued:
    return Issued(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
