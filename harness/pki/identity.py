"""How an SAE ID or KME ID stands in a certificate of the testbed.

ETSI GS QKD 014 does not say how a certificate carries the ID (5.1 only asks that it be confirmed from it).
The testbed's certificates carry it twice: as common name and as a URI in the subject alternative names.
"""

from __future__ import annotations

from urllib.parse import quote

from cryptography import x509
from cryptography.x509.oid import NameOID

# ub-common-name of RFC 5280; a longer ID stands in the URI alone.
_LONGEST_COMMON_NAME = 64


def sae_urn(sae_id: str) -> str:
    """``urn:qkd:sae:ID`` with the ID percent-encoded."""
    return f"urn:qkd:sae:{quote(sae_id, safe='')}"


def kme_urn(kme_id: str) -> str:
    """``urn:qkd:kme:ID`` with the ID percent-encoded."""
    return f"urn:qkd:kme:{quote(kme_id, safe='')}"


def subject(common_name: str) -> x509.Name:
    """A subject with this common name, cut to the 64 characters that X.509 allows."""
    cut = common_name[:_LONGEST_COMMON_NAME]
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cut)])
