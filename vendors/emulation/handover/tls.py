"""TLS of a module's ETSI GS QKD 014 interface: certificates on both sides (5.1)."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TlsCredentials:
    """Who the module is and whom it trusts. PEM, as in `qkd.vendor.v1.Credentials`."""

    certificate: bytes
    private_key: bytes = field(repr=False)
    trust: bytes


def server_context(credentials: TlsCredentials) -> ssl.SSLContext:
    """TLS 1.2 or newer; no handshake without a certificate of a trusted CA (5.1).

    Raises:
        ValueError: when the credentials are not PEM that fits together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(cadata=credentials.trust.decode("ascii"))
        with tempfile.TemporaryDirectory(prefix="qkd-module-") as folder:  # 0700; OpenSSL reads files only
            chain = Path(folder, "chain.pem")
            chain.touch(mode=0o600)
            chain.write_bytes(credentials.private_key + b"\n" + credentials.certificate)
            context.load_cert_chain(chain)
    except (ssl.SSLError, UnicodeDecodeError):
        raise ValueError("the module's credentials are not a PEM certificate, its key and a PEM trust store") from None
    return context


def common_name(certificate: Mapping[str, object] | None) -> str | None:
    """The common name in a peer certificate (as of `SSLObject.getpeercert`); None unless there is exactly one."""
    subject = (certificate or {}).get("subject", ())
    if not isinstance(subject, tuple):
        return None
    names = [value for part in subject for kind, value in part if kind == "commonName"]
    return names[0] if len(names) == 1 else None
