"""Makes the clients that a KME has to turn away."""

from __future__ import annotations

from harness.pki import Authority, Wallet, self_signed_copy
from harness.testbed.reached import Outsiders

STRANGER = "sae-unknown"


def hosted_outsiders(wallet: Wallet, sae_id: str) -> Outsiders:
    """All outsiders of a testbed; those that claim to be a known SAE claim to be `sae_id`."""
    known = wallet.sae(sae_id)
    loose = attached_outsiders(wallet.trust_pem, known.certificate_pem)
    return Outsiders(
        stranger=wallet.sae(STRANGER),
        foreign=loose.foreign,
        imposter=loose.imposter,
        self_signed=loose.self_signed,
        expired=wallet.authority.issue_expired_sae(sae_id),
        future=wallet.authority.issue_future_sae(sae_id),
        server_only=wallet.authority.issue_server_only_sae(sae_id),
    )


def attached_outsiders(trust_pem: bytes, sae_certificate_pem: bytes) -> Outsiders:
    """The outsiders that can be made without the key of the trusted CA.

    Args:
        trust_pem: the CA that an attached system trusts; its name is what the imposter takes.
        sae_certificate_pem: certificate of a known SAE, whose subject and alternative names they copy.
    """
    return Outsiders(
        foreign=Authority("another CA").issue_copy(sae_certificate_pem),
        imposter=Authority.imposter_of(trust_pem).issue_copy(sae_certificate_pem),
        self_signed=self_signed_copy(sae_certificate_pem),
    )
