"""The ICS comes first: a wrong claim silently removes tests."""

from __future__ import annotations

from conformance.etsi014.pair import Pair
from conformance.etsi014.survey import CONTRADICTED
from harness.campaign.case import case
from harness.campaign.check import Check


@case("014.ics.claims", "ICS014-1")
def test_the_claims_agree_with_status(pair: Pair, check: Check) -> None:
    """What the maker claims in the ICS is what the KME says of itself in Status."""
    wrong = [claim for claim in pair.ics.claims if claim.evidence.startswith(CONTRADICTED)]
    for claim in wrong:
        got = f"{claim.name}: {claim.evidence}"
        check("ICS014-1", False, expected=f"the claim for {claim.name} as in Status", got=got)
    if not wrong:
        check("ICS014-1", True, expected="claims as in Status", got="no claim contradicts Status")
