"""Requests that are unusual without being wrong: no body, further members, a charset (A9, A20, A21)."""

from __future__ import annotations

from urllib.parse import quote

from conformance.etsi014.pair import Pair
from harness.campaign.case import case
from harness.campaign.check import Check


def _enc_keys(pair: Pair) -> str:
    return f"/api/v1/keys/{quote(pair.slave.id, safe='')}/enc_keys"


@case("014.request.no-body", "ETSI014-A9-O1", draws=1)
def test_post_without_a_body(pair: Pair, check: Check) -> None:
    """How a POST without any body is answered is noted."""
    answer = pair.master.send("POST", _enc_keys(pair), wanted_keys=1)
    lawful = (answer.ok and len(answer.keys) == 1) or answer.refused_with(400)
    check("ETSI014-A9-O1", lawful, expected="200, 1 key, or 400", got=answer)


@case("014.request.further-members", "ETSI014-A20-O1", draws=1)
def test_unknown_members_of_a_key_request(pair: Pair, check: Check) -> None:
    """How a Key request with members that Table 10 does not know is answered is noted."""
    body = b'{"number": 1, "qkdh_further": {"x": [1, 2]}, "master_SAE_ID": "qkdh-nobody"}'
    answer = pair.master.send("POST", _enc_keys(pair), body=body, wanted_keys=1)
    lawful = (answer.ok and len(answer.keys) == 1) or answer.refused_with(400)
    check("ETSI014-A20-O1", lawful, expected="200, 1 key, or 400", got=answer)


@case("014.request.charset", "ETSI014-A21-O1", draws=1)
def test_a_charset_in_the_content_type(pair: Pair, check: Check) -> None:
    """How a Key request with the content type "application/json; charset=utf-8" is answered is noted."""
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = pair.master.send("POST", _enc_keys(pair), body=b'{"number": 1}', headers=headers, wanted_keys=1)
    check("ETSI014-A21-O1", answer.ok and len(answer.keys) == 1, expected="200, 1 key", got=answer)
