"""Transport and identity (clauses 4 and 5.1): which connections a KME accepts, and from whom."""

from __future__ import annotations

from conformance.etsi014.gate import NEWEST, OLDEST, Gate, gate_of, gates, turned_away
from conformance.etsi014.pair import Bench, Pair, same_keys, told
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.pki import Issued
from harness.testbed.outsiders import attached_outsiders
from harness.wire.etsi014 import Answer, HandshakeResult

_TOO_OLD = ("TLSv1", "TLSv1.1")
_CONNECTION = "ETSI014-5.1-R17"


@case("014.tls.floor", "ETSI014-5.1-R1")
def test_old_tls_is_refused(bench: Bench, check: Check) -> None:
    """A handshake that offers nothing newer than TLS 1.0 or 1.1 is refused; the same with newer ones succeeds."""
    probed = 0
    for gate in gates(bench):
        gate.require_known(check)
        for version in _TOO_OLD:
            result = gate.knock(gate.known.credentials, gate.known.id, version, version)
            if not result.possible:
                check.observe(f"{version} was not tried: {result.describe()}")
                continue
            probed += 1
            expected = f"no connection of {version} at {gate.kme.id}"
            check("ETSI014-5.1-R1", not result.completed, expected=expected, got=result.answer)
        gate.require_known(check)
    check.require(probed > 0, "this machine's TLS library can offer neither TLS 1.0 nor TLS 1.1")


@case("014.tls.versions", "ETSI014-5.1-R2", "ETSI014-A24-O1")
def test_new_tls_is_accepted(bench: Bench, check: Check) -> None:
    """TLS 1.2 or TLS 1.3 is accepted; which of them, is noted."""
    for gate in gates(bench):
        results = {version: gate.knock_as_known(version, version) for version in (OLDEST, NEWEST)}
        accepted = [version for version, result in results.items() if result.completed]
        answer = _most_telling(results)
        check("ETSI014-5.1-R2", bool(accepted), expected=f"TLS 1.2 or TLS 1.3 accepted at {gate.kme.id}", got=answer)
        check("ETSI014-A24-O1", len(accepted) == 2, expected=f"both at {gate.kme.id}", got=answer)
        check.observe(f"{gate.kme.id} accepts {' and '.join(accepted) or 'neither TLS 1.2 nor TLS 1.3'}")


def _most_telling(results: dict[str, HandshakeResult]) -> Answer:
    refused = [result for result in results.values() if not result.completed]
    return (refused or list(results.values()))[0].answer


@case("014.tls.no-certificate", "ETSI014-5.1-R3", _CONNECTION, at_risk=2)
def test_a_caller_without_a_certificate_is_turned_away(bench: Bench, check: Check) -> None:
    """A caller that shows no certificate is served neither status nor key."""
    for gate in gates(bench):
        turned_away(check, gate, None, "(no certificate)", served="ETSI014-5.1-R3", connection=_CONNECTION)


@case("014.tls.foreign-ca", "ETSI014-5.1-R4", _CONNECTION, at_risk=2)
def test_a_certificate_of_another_ca_is_turned_away(bench: Bench, check: Check) -> None:
    """A caller with the name of a known SAE, vouched for by a CA that the KME does not know, is served nothing."""
    for gate in gates(bench):
        outsiders = attached_outsiders(bench.campaign.reached.trust_pem, gate.known.certificate_pem)
        turned_away(check, gate, outsiders.foreign, "(foreign CA)", served="ETSI014-5.1-R4", connection=_CONNECTION)


@case("014.tls.imposter-ca", "ETSI014-5.1-R4", _CONNECTION, at_risk=2)
def test_a_certificate_of_an_imposter_ca_is_turned_away(bench: Bench, check: Check) -> None:
    """A caller with the name of a known SAE, vouched for by a CA of the same name as the trusted one, gets nothing."""
    for gate in gates(bench):
        outsiders = attached_outsiders(bench.campaign.reached.trust_pem, gate.known.certificate_pem)
        turned_away(check, gate, outsiders.imposter, "(imposter CA)", served="ETSI014-5.1-R4", connection=_CONNECTION)


@case("014.tls.self-signed", "ETSI014-5.1-R5", _CONNECTION, at_risk=2)
def test_a_self_signed_certificate_is_turned_away(bench: Bench, check: Check) -> None:
    """A caller with the name of a known SAE that nobody but itself vouches for is served nothing."""
    for gate in gates(bench):
        outsiders = attached_outsiders(bench.campaign.reached.trust_pem, gate.known.certificate_pem)
        turned_away(
            check, gate, outsiders.self_signed, "(self-signed)", served="ETSI014-5.1-R5", connection=_CONNECTION
        )


@case("014.tls.out-of-date", "ETSI014-5.1-R6", _CONNECTION, at_risk=2, needs=("expired", "future"))
def test_a_certificate_out_of_its_time_is_turned_away(bench: Bench, check: Check) -> None:
    """A known SAE with a certificate of the trusted CA that has expired, or does not hold yet, is served nothing."""
    gate, outsiders = _issued_gate(bench), bench.campaign.reached.outsiders
    for issued, who in ((outsiders.expired, "(expired)"), (outsiders.future, "(not yet valid)")):
        turned_away(check, gate, issued, who, served="ETSI014-5.1-R6", connection=_CONNECTION)


@case("014.tls.server-certificate", "ETSI014-5.1-R7", at_risk=1, needs=("server-only",))
def test_a_certificate_for_servers_only(bench: Bench, check: Check) -> None:
    """Whether a certificate whose extended key usage allows servers only lets an SAE in is noted."""
    gate, issued = _issued_gate(bench), bench.campaign.reached.outsiders.server_only
    gate.require_known(check)
    answer = gate.knock(issued, "(for servers only)").answer
    check("ETSI014-5.1-R7", not answer.ok, expected="no status", got=answer)


def _issued_gate(bench: Bench) -> Gate:
    # The testbed issues the certificates with a defect for its first SAE.
    return gate_of(bench, bench.campaign.reached.saes[0].id)


@case("014.identity.stranger", "ETSI014-5.1-R8", "ETSI014-A4-O1", draws=1, at_risk=4, needs=("stranger",))
def test_an_unknown_sae_is_turned_away(pair: Pair, bench: Bench, check: Check) -> None:
    """An SAE with a certificate of the trusted CA that no KME knows gets no status, no new key, and no waiting one."""
    issued = bench.campaign.reached.stranger
    key = pair.draw_one()
    for gate in gates(bench):
        gate.require_known(check)
        _stranger_gets_nothing(check, gate, issued, pair.master.id, key.id)
    fetched = pair.fetch(key)
    check.require(
        same_keys(fetched, [key]), f"the slave itself does not get the key: {told(fetched, [key]).describe()}"
    )


def _stranger_gets_nothing(check: Check, gate: Gate, issued: Issued | None, master: str, key_id: str) -> None:
    with gate.client(issued, "(stranger)") as client:
        answers = [client.get_status(gate.other)]
        if answers[0].status is not None:
            answers += [client.get_key(gate.other), client.get_key_with_ids(master, [key_id])]
    for answer in answers:
        expected = f"neither status nor key for an SAE that {gate.kme.id} does not know"
        check("ETSI014-5.1-R8", not answer.ok and not answer.keys, expected=expected, got=answer)
    first = answers[0]
    usual = first.refused_with(401) or (first.status is None and first.rejected)
    check("ETSI014-A4-O1", usual, expected=f"the connection rejected, or 401, at {gate.kme.id}", got=first)


@case("014.transport.plain-http", "ETSI014-4-R1")
def test_plain_http_is_not_served(bench: Bench, check: Check) -> None:
    """Get status over plain HTTP on the port of the KME is not served."""
    for gate in gates(bench):
        gate.require_known(check)
        answer = gate.plain_http()
        check("ETSI014-4-R1", not answer.ok, expected=f"no status over plain HTTP at {gate.kme.id}", got=answer)


@case("014.transport.kme-certificate", "ETSI014-5.1-R12", "ETSI014-A23-O1")
def test_the_kme_proves_itself(bench: Bench, check: Check) -> None:
    """The KME's certificate validates against the trust anchor; where it carries the KME's ID is noted."""
    for gate in gates(bench):
        result = gate.knock_as_known()
        proven = not result.failure.startswith("tls: server certificate")
        check.require(result.completed or not proven, f"no connection to {gate.kme.id}: {result.describe()}")
        check("ETSI014-5.1-R12", proven, expected=f"a certificate of {gate.kme.id} that validates", got=result.answer)
        places = result.identity.id_found_in if result.identity is not None else ()
        where = ", ".join(places) or "nowhere"
        check("ETSI014-A23-O1", bool(places), expected=f"{gate.kme.id!r} in its certificate", got=f"found: {where}")
        check.observe(f"the ID of {gate.kme.id} stands in its certificate: {where}")


@case("014.identity.connections", "ETSI014-4-R2", needs=("third-at-slave",))
def test_connections_of_two_saes_are_kept_apart(pair: Pair, check: Check) -> None:
    """Two SAEs of one KME take turns on connections that stay open; each is told its own ID."""
    callers = (pair.slave, pair.third)
    for caller in (*callers, *callers, *callers):
        answer = caller.get_status(pair.master.id)
        check.require(answer.ok, f"{caller.id} is not served: {answer.describe()}")
        document = answer.document if isinstance(answer.document, dict) else {}
        # Some KMEs name the SAEs of the slave's side the other way round (A18), so either member may name the caller.
        named = (document.get("master_SAE_ID"), document.get("slave_SAE_ID"))
        other = next(each.id for each in callers if each is not caller)
        expected = f"a Status for {caller.id} that does not name {other}"
        check("ETSI014-4-R2", other not in named, expected=expected, got=answer)
