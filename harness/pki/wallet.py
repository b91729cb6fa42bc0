"""Certificates of one authority, issued once each."""

from __future__ import annotations

from harness.pki.authority import Authority, Issued


class Wallet:
    """Hands out the same certificate for the same ID, so that many testbeds on one host cost little."""

    def __init__(self, authority: Authority | None = None) -> None:
        self.authority = authority or Authority()
        self._kmes: dict[str, Issued] = {}
        self._saes: dict[str, Issued] = {}

    @property
    def trust_pem(self) -> bytes:
        """The CA certificate, PEM."""
        return self.authority.certificate_pem

    def kme(self, kme_id: str) -> Issued:
        """The certificate of a KME on loopback."""
        if kme_id not in self._kmes:
            self._kmes[kme_id] = self.authority.issue_kme(kme_id)
        return self._kmes[kme_id]

    def sae(self, sae_id: str) -> Issued:
        """The certificate of an SAE."""
        if sae_id not in self._saes:
            self._saes[sae_id] = self.authority.issue_sae(sae_id)
        return self._saes[sae_id]
