"""TLS with certificates on both sides (5.1): contexts, and whom a certificate names."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from .settings import KmeSettings

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class KmeCredentials:
    """Who this KME is and whom it trusts. PEM."""

    certificate: bytes
    private_key: bytes = field(repr=False)
    trust: bytes


class Tls:
    """Makes the TLS contexts of one KME."""

    def __init__(self, credentials: KmeCredentials, settings: KmeSettings) -> None:
        self._credentials = credentials
        self._settings = settings

    def sae_context(self) -> ssl.SSLContext:
        """For the 014 interface: TLS 1.2 or newer; no handshake without a certificate of a trusted CA."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._load(context)
        context.verify_mode = ssl.CERT_REQUIRED
        context.minimum_version = _VERSIONS[self._settings.tls_minimum]
        context.maximum_version = _VERSIONS[self._settings.tls_maximum]
        return context

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """For the gRPC binding: the same; gRPC speaks nothing older than TLS 1.2."""
        own = (self._credentials.private_key, self._credentials.certificate)
        return grpc.ssl_server_credentials([own], self._credentials.trust, require_client_auth=True)

    def listen_context(self) -> ssl.SSLContext:
        """For other KMEs that dial: TLS 1.3."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._load(context)
        context.verify_mode = ssl.CERT_REQUIRED
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    def dial_context(self) -> ssl.SSLContext:
        """For dialling other KMEs: TLS 1.3. The KME ID in the certificate counts, not the host name."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._load(context)
        context.check_hostname = False
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    def module_context(self) -> ssl.SSLContext:
        """For modules that serve 014: TLS 1.2 or newer, as an SAE; the host name counts."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._load(context)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        context.load_verify_locations(cadata=self._credentials.trust.decode("ascii"))
        with tempfile.TemporaryDirectory(prefix="kme-") as folder:  # 0700; OpenSSL reads files only
            chain = Path(folder, "chain.pem")
            chain.touch(mode=0o600)
            chain.write_bytes(self._credentials.private_key + b"\n" + self._credentials.certificate)
            context.load_cert_chain(chain)


def common_name(certificate: Mapping[str, object] | None) -> str | None:
    """The ID that a peer certificate (as of `SSLObject.getpeercert`) carries: its only common name.

    None when there is no certificate, or not exactly one common name.
    """
    if not certificate:
        return None
    names = [
        value
        for part in certificate.get("subject", ())  # type: ignore[attr-defined]  # a tuple of tuples of pairs
        for kind, value in part
        if kind == "commonName"
    ]
    return names[0] if len(names) == 1 else None
