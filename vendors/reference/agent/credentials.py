"""Who an SDN agent is, and whom it trusts."""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class AgentCredentials:
    """The certificate of an agent, and the authorities of its controllers. PEM."""

    certificate: bytes
    private_key: bytes = field(repr=False)
    trust: bytes

    def server_context(self) -> ssl.SSLContext:
        """For controllers: TLS 1.2 or newer; no handshake without a certificate of a trusted authority.

        Raises:
            ValueError: the certificate, the key or the trust cannot be read.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with tempfile.TemporaryDirectory(prefix="agent-") as folder:  # 0700; OpenSSL reads files only
            chain = Path(folder, "chain.pem")
            chain.touch(mode=0o600)
            chain.write_bytes(self.private_key + b"\n" + self.certificate)
            try:
                context.load_verify_locations(cadata=self.trust.decode("ascii"))
                context.load_cert_chain(chain)
            except (ssl.SSLError, ValueError) as error:
                reason = error.reason if isinstance(error, ssl.SSLError) else "no PEM"
                raise ValueError(f"certificate, key or trust of the agent: {reason}") from None
        return context
