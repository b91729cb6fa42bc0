"""The caller is who its certificate says, and nothing else changes that (4, 5.1)."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

from conformance.etsi014.pair import Pair, Told, same_keys, told
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.wire.etsi014 import Answer

_AN_SAE = "qkdh-somebody-else"


def _headers(sae_id: str) -> dict[str, str]:
    """Headers by which proxies and careless servers are told who calls."""
    if not (sae_id.isascii() and sae_id.isprintable()):
        sae_id = quote(sae_id, safe="")
    subject = f"CN={sae_id}"
    return {
        "X-SAE-ID": sae_id,
        "X-Master-SAE-ID": sae_id,
        "X-Slave-SAE-ID": sae_id,
        "SAE-ID": sae_id,
        "X-Client-CN": sae_id,
        "X-SSL-Client-CN": sae_id,
        "X-SSL-Client-S-DN": subject,
        "X-Client-Subject-DN": subject,
        "X-Forwarded-Client-Cert": f'Subject="{subject}"',
        "X-Forwarded-User": sae_id,
        "X-Remote-User": sae_id,
        "From": sae_id,
    }


def _query(sae_id: str) -> str:
    names = ("SAE_ID", "sae_id", "caller", "slave_SAE_ID", "master_SAE_ID")
    return urlencode([(name, sae_id) for name in names])


def _path(sae_id: str, call: str) -> str:
    return f"/api/v1/keys/{quote(sae_id, safe='')}/{call}"


def _member(answer: Answer, name: str) -> object:
    return answer.document.get(name) if isinstance(answer.document, dict) else None


@case("014.identity.status", "ETSI014-4-R2")
def test_status_does_not_believe_headers_or_query(pair: Pair, check: Check) -> None:
    """Get status with headers or a query that name another caller names the SAE of the certificate, or is refused."""
    honest = pair.master.get_status(pair.slave.id)
    check.require(honest.ok, f"Get status is not served: {honest.describe()}")
    usual = _member(honest, "master_SAE_ID")
    # The caller itself in the path: for whoever believes that the slave calls this is an ordinary request.
    for other, path in ((pair.slave.id, _path(pair.master.id, "status")), (_AN_SAE, _path(pair.slave.id, "status"))):
        for what, answer in (
            ("headers", pair.master.send("GET", path, headers=_headers(other))),
            ("a query", pair.master.send("GET", f"{path}?{_query(other)}")),
        ):
            named = _member(answer, "master_SAE_ID")
            held = not answer.ok or named == usual
            got = Told(answer, f"master_SAE_ID = {str(named)[:80]!r}" if answer.ok else "")
            check(
                "ETSI014-4-R2", held, expected=f"the caller of the certificate, although {what} name {other}", got=got
            )


@case("014.identity.fetch", "ETSI014-4-R2", "ETSI014-5.4-R6", draws=1, needs=("third",))
def test_nobody_fetches_in_anothers_name(pair: Pair, check: Check) -> None:
    """An SAE that names the slave in headers, query or body is handed no key of the slave; the slave is."""
    key = pair.draw_one()
    path, slave = _path(pair.master.id, "dec_keys"), pair.slave.id
    plain = {"key_IDs": [{"key_ID": key.id}]}
    claiming = {**plain, "slave_SAE_ID": slave, "SAE_ID": slave, "sae_id": slave, "caller": slave}
    said = {"Content-Type": "application/json"}
    attempts = (
        ("headers", path, plain, {**said, **_headers(slave)}),
        ("a query", f"{path}?{_query(slave)}", plain, said),
        ("the body", path, claiming, said),
    )
    for what, target, body, headers in attempts:
        answer = pair.third.send("POST", target, body=json.dumps(body).encode(), headers=headers)
        expected = f"no key for {pair.third.id}, although {what} name {slave}"
        if not check("ETSI014-4-R2", not answer.keys, expected=expected, got=answer):
            check.not_judged("ETSI014-5.4-R6", "the request was served")
            return
    fetched = pair.fetch(key)
    same = same_keys(fetched, [key])
    check("ETSI014-5.4-R6", same, expected=f"200, the key, for {slave} afterwards", got=told(fetched, [key]))


@case("014.identity.take", "ETSI014-4-R2", draws=1, at_risk=1)
def test_nobody_takes_keys_in_anothers_name(pair: Pair, check: Check) -> None:
    """A key taken with headers that name another master is the key of the SAE of the certificate, or none."""
    other = pair.slave.id
    path = _path(pair.slave.id, "enc_keys")
    headers = {"Content-Type": "application/json", **_headers(other)}
    answer = pair.stock.serve(lambda: pair.master.send("POST", path, body=b"{}", headers=headers, wanted_keys=1))
    if not answer.keys:
        check("ETSI014-4-R2", not answer.ok, expected="one key, or a refusal", got=answer)
        return
    pair.bench.lag.let_pass()
    fetched = pair.fetch(answer.keys)
    same = same_keys(fetched, answer.keys)
    expected = f"200: the slave gets it as a key of {pair.master.id}"
    check("ETSI014-4-R2", same, expected=expected, got=told(fetched, answer.keys))


@case("014.identity.metadata", "ETSI014-4-R2", "ETSI014-5.4-R6", draws=1, needs=("third",), bindings=("grpc",))
def test_metadata_does_not_say_who_calls(pair: Pair, check: Check) -> None:
    """Over gRPC an SAE that names the slave in metadata is handed no key of the slave; the slave is."""
    key = pair.draw_one()
    third = pair.bench.roles.third
    assert third is not None
    claims = {name.lower(): value for name, value in _headers(pair.slave.id).items()}
    with pair.bench.with_metadata(third, claims) as pretender:
        answer = pair.fetch(key, by=pretender)
    expected = f"no key for {third.id}, although metadata name {pair.slave.id}"
    if not check("ETSI014-4-R2", not answer.keys, expected=expected, got=answer):
        check.not_judged("ETSI014-5.4-R6", "the request was served")
        return
    fetched = pair.fetch(key)
    same = same_keys(fetched, [key])
    check("ETSI014-5.4-R6", same, expected=f"200, the key, for {pair.slave.id} afterwards", got=told(fetched, [key]))
