"""Where a KME's certificate says who it is. 014 leaves the place open (5.1), so all of them are looked at."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import quote, unquote

from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID


@dataclass(frozen=True)
class KmeIdentity:
    """The names in a server certificate.

    Attributes:
        common_names, dns_names, uris, addresses, serial_numbers: as in subject and subject alternative name.
        id_found_in: places that carry the KME ID, for instance ("CN", "SAN URI"); empty when none does.
        host_found_in: places that carry the host of the URL.
        fingerprint: SHA-256 of the certificate, hexadecimal.
    """

    common_names: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    serial_numbers: tuple[str, ...] = ()
    id_found_in: tuple[str, ...] = ()
    host_found_in: tuple[str, ...] = ()
    fingerprint: str = ""

    @property
    def target_name(self) -> str:
        """A name under which a client that insists on host names accepts the certificate; may be empty."""
        for names in (self.dns_names, self.addresses, self.uris, self.common_names):
            if names:
                return names[0]
        return ""


def read_identity(certificate_der: bytes, kme_id: str, host: str) -> KmeIdentity:
    """Read the names of a certificate; what cannot be parsed counts as absent."""
    fingerprint = hashlib.sha256(certificate_der).hexdigest()
    try:
        certificate = x509.load_der_x509_certificate(certificate_der)
        subject = certificate.subject
        common = _texts(subject, NameOID.COMMON_NAME)
        serial = _texts(subject, NameOID.SERIAL_NUMBER)
        dns, uris, addresses = _alternative_names(certificate)
    except ValueError:
        return KmeIdentity(fingerprint=fingerprint)
    places = {"CN": common, "SAN DNS": dns, "SAN URI": uris, "SAN IP": addresses, "serialNumber": serial}
    return KmeIdentity(
        common_names=common,
        dns_names=dns,
        uris=uris,
        addresses=addresses,
        serial_numbers=serial,
        id_found_in=tuple(place for place, names in places.items() if any(_carries(name, kme_id) for name in names)),
        host_found_in=tuple(place for place, names in places.items() if host in names),
        fingerprint=fingerprint,
    )


def _texts(name: x509.Name, oid: x509.ObjectIdentifier) -> tuple[str, ...]:
    return tuple(str(attribute.value) for attribute in name.get_attributes_for_oid(oid))


def _alternative_names(certificate: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    try:
        extension = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    except x509.ExtensionNotFound:
        return (), (), ()
    names = extension.value
    if not isinstance(names, x509.SubjectAlternativeName):
        return (), (), ()
    return (
        tuple(names.get_values_for_type(x509.DNSName)),
        tuple(names.get_values_for_type(x509.UniformResourceIdentifier)),
        tuple(str(address) for address in names.get_values_for_type(x509.IPAddress)),
    )


def _carries(name: str, kme_id: str) -> bool:
    tail = name.rsplit(":", 1)[-1].rsplit("/", 1)[-1]
    return kme_id in (name, tail, unquote(tail)) or quote(kme_id, safe="") == tail
