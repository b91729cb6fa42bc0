"""Who a forwarding module is towards its KME."""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SaeCredentials:
    """The certificate of an SAE, and whom it trusts. PEM."""

    certificate: bytes
    private_key: bytes = field(repr=False)
    trust: bytes

    def client_context(self) -> ssl.SSLContext:
        """For calling a KME over HTTPS: TLS 1.2 or newer (ETSI GS QKD 014, 5.1), its name is checked.

        Raises:
            ValueError: the certificate, the key or the trust cannot be read.
        """
        context = ssl.create_default_context(cadata=self.trust.decode("ascii"))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with tempfile.TemporaryDirectory(prefix="sae-") as folder:  # 0700; OpenSSL reads files only
            chain = Path(folder, "chain.pem")
            chain.touch(mode=0o600)
            chain.write_bytes(self.private_key + b"\n" + self.certificate)
            try:
                context.load_cert_chain(chain)
            except ssl.SSLError as error:
                raise ValueError(f"certificate and key of the SAE: {error.reason}") from None
        return context
