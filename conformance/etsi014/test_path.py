"""IDs in the path (5.1, 6.4)."""

from __future__ import annotations

from conformance.etsi014.pair import Pair, Told
from harness.campaign.case import case
from harness.campaign.check import Check

BOTH = ("https", "grpc")


@case("014.path.encoded", "ETSI014-5.1-R16")
def test_an_id_may_be_percent_encoded(pair: Pair, check: Check) -> None:
    """Get status with every character of the slave's ID percent-encoded means the same SAE."""
    plain = pair.master.get_status(pair.slave.id)
    check.require(plain.ok, f"Get status is not served: {plain.describe()}")
    encoded = "".join(f"%{octet:02X}" for octet in pair.slave.id.encode())
    answer = pair.master.send("GET", f"/api/v1/keys/{encoded}/status")
    named = answer.document.get("slave_SAE_ID") if isinstance(answer.document, dict) else None
    usual = plain.document.get("slave_SAE_ID") if isinstance(plain.document, dict) else None
    got = Told(answer, f"slave_SAE_ID = {str(named)[:80]!r}" if answer.ok else "")
    check("ETSI014-5.1-R16", answer.ok and named == usual, expected="the same Status as for the plain ID", got=got)


@case("014.path.unknown-slave", "ETSI014-A5-O2", draws=1, bindings=BOTH)
def test_get_key_for_an_unknown_sae(pair: Pair, check: Check) -> None:
    """How Get key for an SAE that nobody knows is answered is noted."""
    answer = pair.master.get_key("qkdh-nobody-knows-me")
    check("ETSI014-A5-O2", answer.refused_with(400, 401), expected="400 or 401", got=answer)
