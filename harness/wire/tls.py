"""Credentials and TLS contexts of the harness's clients."""

from __future__ import annotations

import os
import re
import ssl
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness.wire.bounds import BoundedSocket

VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


class CredentialsError(ValueError):
    """A certificate, private key or trust anchor cannot be used; the text says which, never what is in it."""


@dataclass(frozen=True)
class Credentials:
    """A certificate chain and its private key, PEM, unencrypted."""

    certificate_pem: bytes
    private_key_pem: bytes = field(repr=False)

    @classmethod
    def load(cls, certificate: Path, private_key: Path) -> Credentials:
        """Read both files.

        Raises:
            OSError: a file cannot be read.
        """
        return cls(certificate.read_bytes(), private_key.read_bytes())


def client_context(
    trust_pem: bytes,
    credentials: Credentials | None,
    *,
    minimum: str = "TLSv1.2",
    maximum: str = "TLSv1.3",
    alpn: tuple[str, ...] = (),
) -> ssl.SSLContext:
    """A context that verifies the server's chain against ``trust_pem`` and nothing else.

    The host name is not looked at: 014 names the KME by its ID and leaves open where a certificate carries it (5.1).

    Raises:
        CredentialsError: trust, certificate or key cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = BoundedSocket
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    # An IUT's test certificates need not have every extension that X.509 profiles ask for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # 014 asks for a version (5.1), not for cipher suites: what is lawful in that version must not fail here.
    context.set_ciphers("ALL:@SECLEVEL=0" if minimum in {"TLSv1", "TLSv1.1"} else "DEFAULT:@SECLEVEL=1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # offering an old version is what the probe is for
        context.minimum_version = VERSIONS[minimum]
        context.maximum_version = VERSIONS[maximum]
    if alpn:
        context.set_alpn_protocols(list(alpn))
    try:
        context.load_verify_locations(cadata=trust_pem.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError) as wrong:
        raise CredentialsError("the trust file holds no usable CA certificate (PEM)") from wrong
    if credentials is not None:
        with _as_path(credentials.certificate_pem) as certificate, _as_path(credentials.private_key_pem) as key:
            try:
                context.load_cert_chain(certificate, key, password=_no_password)
            except (ssl.SSLError, ValueError) as wrong:
                raise CredentialsError(_why(wrong)) from None
    return context


def can_offer(version: str) -> bool:
    """True when this machine's TLS library can offer ``version`` and nothing newer, so that a probe means something."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = VERSIONS[version]
            context.wrap_bio(incoming, outgoing).do_handshake()
        except ssl.SSLWantReadError:
            return outgoing.pending > 0
        except (ssl.SSLError, ValueError):
            return False
    return False


def _no_password() -> str:
    # Without this OpenSSL would ask on the terminal.
    raise ValueError("encrypted")


def _why(wrong: Exception) -> str:
    if isinstance(wrong, ssl.SSLError) and wrong.reason == "KEY_VALUES_MISMATCH":
        return "the private key does not belong to the certificate"
    if "encrypted" in str(wrong):
        return "the private key is encrypted; give it without a password"
    return "certificate or private key cannot be read (PEM is expected)"


@contextmanager
def _as_path(pem: bytes) -> Iterator[str]:
    # OpenSSL wants a path; memory that has one keeps private keys off the disk.
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("pem")
        try:
            os.write(descriptor, pem)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile() as held:
        held.write(pem)
        held.flush()
        yield held.name


_ALERT = re.compile(r"(?:SSLV3|TLSV1|TLSV13|TLS)_ALERT_(\w+)")


def tls_failure(wrong: ssl.SSLError) -> str:
    """A failure in the words of `harness.wire.etsi014.Answer.failure`, from what OpenSSL said."""
    if isinstance(wrong, ssl.SSLCertVerificationError):
        return f"tls: server certificate not accepted: {wrong.verify_message}"
    if isinstance(wrong, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "tls: closed"
    reason = wrong.reason or "unknown reason"
    if alert := _ALERT.fullmatch(reason):
        return "tls: alert " + alert[1].lower().replace("_", " ")
    return "tls: " + reason.lower().replace("_", " ")
