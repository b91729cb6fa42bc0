"""A small certificate authority for testbeds (EC P-256), and certificates with one defect."""

from harness.pki.authority import Authority, Issued, self_signed_copy, self_signed_sae
from harness.pki.identity import kme_urn, sae_urn
from harness.pki.wallet import Wallet
from harness.pki.write import write, write_private

__all__ = [
    "Authority",
    "Issued",
    "Wallet",
    "kme_urn",
    "sae_urn",
    "self_signed_copy",
    "self_signed_sae",
    "write",
    "write_private",
]
