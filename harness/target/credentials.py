"""Certificates and private keys that a target file names: read, checked, and what is wrong with them.

No function here puts any part of a private key into a message.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from harness.document.problem import Problem, Weight, closest
from harness.document.toml import Document, Trail, reason_of

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_PRIVATE = re.compile(rb"-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_LARGEST = 1 << 20


@dataclass(frozen=True)
class Pem:
    """What was found in a file that should be PEM. ``problem`` is empty when it is usable."""

    wrong: str = ""
    suggestion: str = ""
    todo: str = ""


def read_file(path: Path) -> bytes | Pem:
    """The octets of ``path``, or what is wrong with it."""
    try:
        if path.stat().st_size > _LARGEST:
            return Pem(f"{path.name!r} is too large for a PEM file", "", "name the PEM file itself")
        return path.read_bytes()
    except FileNotFoundError:
        return _absent(path)
    except OSError as wrong:
        return Pem(f"{path.name!r} cannot be read: {reason_of(wrong)}", "", "let the harness read it")


def _absent(path: Path) -> Pem:
    if not path.parent.is_dir():
        return Pem(f"there is no folder {str(path.parent)!r}", "", "paths are relative to the target file")
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        names = []
    return Pem(f"there is no file {path.name!r}", closest(path.name, names), "paths are relative to the target file")


def read_certificates(path: Path) -> list[x509.Certificate] | Pem:
    """All certificates in a PEM file, at least one, or what is wrong with it."""
    octets = read_file(path)
    if isinstance(octets, Pem):
        return octets
    if _CERTIFICATE not in octets:
        return _no_certificate(path, octets)
    try:
        return x509.load_pem_x509_certificates(octets)
    except ValueError:
        return Pem(f"{path.name!r} holds a damaged certificate", "", f"look at it: openssl x509 -text -in {path.name}")


def _no_certificate(path: Path, octets: bytes) -> Pem:
    if _PRIVATE.search(octets):
        return Pem(f"{path.name!r} holds a private key, not a certificate", "", "name the certificate's file here")
    if octets.startswith(b"\x30"):
        todo = f"turn it into PEM: openssl x509 -inform der -in {path.name} -out {path.stem}.pem"
        return Pem(f"{path.name!r} is not PEM but DER", "", todo)
    return Pem(f"{path.name!r} is not PEM", "", "a certificate begins with -----BEGIN CERTIFICATE-----")


def read_private_key(path: Path) -> PrivateKeyTypes | Pem:
    """The private key in a PEM file (certificates beside it do no harm), or what is wrong with it."""
    octets = read_file(path)
    if isinstance(octets, Pem):
        return octets
    found = _PRIVATE.search(octets)
    if found is None:
        return _no_key(path, octets)
    if b"ENCRYPTED" in found[1] or b"Proc-Type: 4,ENCRYPTED" in found[0]:
        todo = f"give a key without passphrase: openssl pkey -in {path.name} -out plain.key"
        return Pem(f"{path.name!r} is encrypted, and a campaign has nobody to ask for the passphrase", "", todo)
    try:
        return serialization.load_pem_private_key(found[0], None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # the reason that the library gives could quote the file
        return Pem(f"{path.name!r} holds a damaged private key, or one of an unknown kind")


def _no_key(path: Path, octets: bytes) -> Pem:
    if _CERTIFICATE in octets:
        return Pem(f"{path.name!r} holds a certificate, not a private key", "", "name the key's file here")
    if octets.startswith(b"\x30"):
        todo = f"turn it into PEM: openssl pkey -inform der -in {path.name} -out {path.stem}.key"
        return Pem(f"{path.name!r} is not PEM but DER", "", todo)
    return Pem(f"{path.name!r} is not PEM", "", "a private key begins with -----BEGIN PRIVATE KEY-----")


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate, hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _belong_together(certificate: x509.Certificate, key: PrivateKeyTypes) -> bool:
    try:
        return certificate.public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return True  # nothing can be said: the TLS library will say it


class CredentialRules:
    """Checks the files of one document; keeps what it read, so that each file is read once.

    Args:
        document: the target file.
        now: the present, with a time zone.
    """

    def __init__(self, document: Document, now: datetime) -> None:
        self._document = document
        self._now = now
        self.problems: list[Problem] = []

    def _say(self, trail: Trail, pem: Pem, weight: Weight = Weight.ERROR) -> None:
        problem = self._document.problem(trail, pem.wrong, suggestion=pem.suggestion, todo=pem.todo, weight=weight)
        self.problems.append(problem)

    def _path(self, trail: Trail) -> Path | None:
        value = self._document.get(*trail)
        return self._document.folder / value if isinstance(value, str) else None

    def trust(self, trail: Trail) -> None:
        """The file of CA certificates."""
        path = self._path(trail)
        if path is None:
            return
        found = read_certificates(path)
        if isinstance(found, Pem):
            self._say(trail, found)
            return
        expired = [certificate for certificate in found if certificate.not_valid_after_utc < self._now]
        if expired:
            last = max(certificate.not_valid_after_utc for certificate in expired)
            weight = Weight.ERROR if len(expired) == len(found) else Weight.WARNING
            text = f"{len(expired)} of {len(found)} CA certificates in {path.name!r} expired on {last:%Y-%m-%d}"
            self._say(trail, Pem(text, "", "no KME can be verified with them"), weight)

    def credential(self, trail: Trail) -> x509.Certificate | None:
        """A certificate and its key; gives the certificate when it can be read."""
        certificate = self._certificate((*trail, "certificate"))
        path = self._path((*trail, "key"))
        if path is None:
            return certificate
        key = read_private_key(path)
        if isinstance(key, Pem):
            self._say((*trail, "key"), key)
            return certificate
        if path.stat().st_mode & stat.S_IROTH:
            text = f"everybody on this machine can read the private key {path.name!r}"
            self._say((*trail, "key"), Pem(text, "", f"chmod 600 {path.name}"), Weight.WARNING)
        if certificate is not None and not _belong_together(certificate, key):
            certified = self._document.get(*trail, "certificate")
            text = f"{path.name!r} is not the private key of {certified!r}"
            self._say((*trail, "key"), Pem(text, "", "name the key that the certificate was made for"))
        return certificate

    def _certificate(self, trail: Trail) -> x509.Certificate | None:
        path = self._path(trail)
        if path is None:
            return None
        found = read_certificates(path)
        if isinstance(found, Pem):
            self._say(trail, found)
            return None
        leaf = found[0]
        if leaf.not_valid_after_utc < self._now:
            text = f"the certificate {path.name!r} expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
            self._say(trail, Pem(text, "", "have it renewed: a conformant KME refuses it"))
        elif leaf.not_valid_before_utc > self._now:
            text = f"the certificate {path.name!r} is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
            self._say(trail, Pem(text, "", "wait, or look at the clocks"))
        return leaf
