"""The evidence log: indices that stay true, bounds, threads, the purse; and nothing secret in what is recorded."""

from __future__ import annotations

import base64
import copy
import json
import logging
import pickle
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.wire.etsi014 import Answer, Body, DeliveredKey, KeyMaterial, KmeEndpoint
from harness.wire.evidence import EvidenceLog
from harness.wire.purse import BudgetExhausted, Purse
from qkd.run.v1.run_record_pb2 import Exchange
from tests.harness.wire.scripted import Bench, http, says, says_and_closes

KEY = bytes(range(200, 232))
WRITTEN = base64.b64encode(KEY).decode()
ID = "550e8400-e29b-41d4-a716-446655440000"


def sight(log: EvidenceLog, name: str) -> Answer:
    log.authorise(0)
    return Answer(status=200, reference=log.observe(Exchange(request=name), wanted=0, received=0))


def test_indices_point_at_what_was_seen() -> None:
    log = EvidenceLog(keep=3)
    log.begin_case()
    answers = [sight(log, f"r{n}") for n in range(10)]
    assert log.not_kept == 7
    late, early = answers[8].exchange, answers[1].exchange
    assert answers[8].exchange == late
    kept = log.end_case()
    assert [exchange.request for exchange in kept] == ["r0", "r1", "r2", "r8"]
    assert (kept[late].request, kept[early].request) == ("r8", "r1")


def test_an_answer_of_an_earlier_case_joins_the_one_that_refers_to_it() -> None:
    log = EvidenceLog()
    log.begin_case()
    shared = sight(log, "shared")
    log.end_case()
    log.begin_case()
    sight(log, "own")
    index = shared.exchange
    assert log.end_case()[index].request == "shared"


def test_an_answer_that_nobody_recorded_has_no_exchange() -> None:
    assert Answer(status=None, failure="refused").exchange == -1


def test_threads_lose_nothing() -> None:
    log = EvidenceLog(Purse(None), keep=10_000)

    def work() -> None:
        for _ in range(200):
            log.authorise(2)
            log.observe(Exchange(), wanted=2, received=1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(log.end_case()) == 1600
    assert log.purse.drawn == 1600


def test_the_purse_is_asked_before_anything_is_sent(bench: Bench) -> None:
    server, kme = bench.serve(says(http(json.dumps({"keys": [{"key_ID": ID, "key": WRITTEN}]}).encode())))
    bench.log.purse.allowed = 3
    client = bench.client(kme)
    client.get_key("sae-2")
    with pytest.raises(BudgetExhausted):
        client.get_key("sae-2", number=3)
    assert len(server.requests) == 1
    client.get_key("sae-2", number=2)
    client.get_key_with_ids("sae-1", [ID])
    assert len(server.requests) == 3
    assert bench.log.purse.drawn == 2


def test_keys_that_are_fetched_are_not_drawn_again(bench: Bench) -> None:
    client = bench.ask(says(http(json.dumps({"keys": [{"key_ID": ID, "key": WRITTEN}]}).encode())))
    client.get_key("sae-2")
    assert len(client.get_key_with_ids("sae-1", [ID]).keys) == 1
    assert len(client.get_key_with_ids("sae-1", [ID], verb="GET").keys) == 1
    assert len(client.send("POST", "/api/v1/keys/sae-1/dec_keys", body=b"{}").keys) == 1
    assert bench.log.purse.drawn == 1
    client.send("GET", "/api/v1/keys/sae-2/enc_keys")
    assert bench.log.purse.drawn == 2


def test_many_threads_share_a_client(bench: Bench) -> None:
    def play(live: ssl.SSLSocket, request: bytes) -> bool:
        path = request.split(b" ")[1]
        live.sendall(http(json.dumps({"message": path.decode()}).encode()))
        return False

    client = bench.ask(play)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: (n, client.send("GET", f"/{n}")), range(200)))
    assert all(answer.error_message == f"/{n}" for n, answer in answers)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "https://", "https://user:secret@127.0.0.1", "127.0.0.1:8443"])
def test_urls_that_are_none(bench: Bench, url: str) -> None:
    with pytest.raises(ValueError, match="https URL") as caught:
        bench.client(KmeEndpoint("kme-a", url))
    assert "secret" not in str(caught.value)


def test_time_is_injected() -> None:
    times = iter([100.0, 101.5])
    assert EvidenceLog(now=lambda: next(times)).clock() == 1.5


def test_an_exchange_says_everything_but_the_key(bench: Bench) -> None:
    body = json.dumps({"keys": [{"key_ID": ID, "key": WRITTEN}]}).encode()
    answer = bench.ask(says(http(body, "200 OK", f"X-Debug: {WRITTEN}", f"X-Hex: {KEY.hex()}"))).get_key(
        "sae-2", size=256
    )
    (exchange,) = bench.log.end_case()
    assert exchange.caller == "sae-1"
    assert exchange.kme == "kme-a"
    assert exchange.binding == "https"
    assert exchange.request.startswith("POST https://127.0.0.1:")
    assert exchange.request.endswith("/api/v1/keys/sae-2/enc_keys")
    assert json.loads(exchange.request_body) == {"size": 256}
    assert exchange.request_headers["Content-Type"] == "application/json"
    assert exchange.response_headers["content-type"] == "application/json"
    assert exchange.tls_version == "TLSv1.3"
    assert 0 < exchange.took_s < 3
    commitment = bench.log.scrubber.commitment(KEY)
    assert json.loads(exchange.response_body)["keys"][0] == {"key_ID": ID, "key": commitment}
    assert exchange.response_headers["x-debug"] == commitment
    assert exchange.response_headers["x-hex"] == commitment
    assert answer.headers["x-debug"] == WRITTEN


LEAKY = {
    "header": http(b"{}", "200 OK", f"ETag: {WRITTEN}"),
    "header name": http(b"{}", "200 OK", f"X-{KEY.hex()}: 1"),
    "broken header": f"HTTP/1.1 200 OK\r\nX {WRITTEN}\r\n: {KEY.hex()}\r\n\r\n".encode(),
    "status line": f"HTTP/1.1 {WRITTEN}\r\n\r\n".encode(),
    "reason": http(b"{}", f"400 {WRITTEN}"),
    "chunk size": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{WRITTEN}\r\n".encode(),
    "html": http(f"<html><p>{WRITTEN}</p></html>".encode(), "500 Internal Server Error"),
    "error message": http(json.dumps({"message": f"lost {WRITTEN}"}).encode(), "503 Service Unavailable"),
    "error details": http(json.dumps({"message": "x", "details": [{"k": [{WRITTEN: KEY.hex()}]}]}).encode(), "400 Bad"),
    "raw octets": http(KEY, "400 Bad"),
    "half JSON": http(b'{"keys": [{"key": "' + WRITTEN.encode() + b'"'),
    "not JSON": http(WRITTEN.encode(), "400 Bad"),
    "key id": http(json.dumps({"keys": [{"key_ID": WRITTEN, "key": WRITTEN}]}).encode()),
    "key id extension": http(json.dumps({"keys": [{"key_ID": ID, "key_ID_extension": {"x": WRITTEN}}]}).encode()),
    "member name": http(json.dumps({"keys": [{"key_ID": ID, WRITTEN: 1}]}).encode()),
    "top member name": http(json.dumps({WRITTEN: 1}).encode()),
}  # fmt: skip


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("name", LEAKY)
def test_a_kme_that_leaks_does_not_leak_through_the_harness(
    bench: Bench,
    name: str,
    known: bool,  # noqa: FBT001
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    if known:
        bench.log.scrubber.plant(KEY)
    answer = bench.ask(says_and_closes(LEAKY[name])).get_key("sae-2")
    told = [
        str(bench.log.end_case()), repr(answer), answer.describe(), repr(answer.keys), repr(answer.body),
        *answer.container_problems(), *answer.container_observations, *answer.error_problems(),
        *answer.status_problems(), *answer.media_problems(), *answer.observations, caplog.text, *capfd.readouterr(),
    ]  # fmt: skip
    for text in told:
        for start in range(len(WRITTEN) - 10):
            assert WRITTEN[start : start + 10] not in text
        assert KEY.hex()[:12] not in text.lower()
        assert KEY.decode("latin-1")[:6] not in text


def test_requests_are_scrubbed_too(bench: Bench) -> None:
    bench.log.scrubber.plant("s3cret", "token")
    client = bench.ask(says(http(b"{}")))
    client.send(
        "POST", f"/x/{KEY.hex()}?k={WRITTEN}", body=WRITTEN.encode(), headers={"Authorization": "Bearer s3cret"}
    )
    client.get_key_with_ids("sae-1", [ID, WRITTEN])
    recorded = str(bench.log.end_case())
    assert ID in recorded
    for text in (KEY.hex(), WRITTEN, WRITTEN.rstrip("="), "s3cret"):
        assert text not in recorded


def test_identifiers_in_paths_are_encoded(bench: Bench) -> None:
    server, kme = bench.serve(says(http(b"{}")))
    client = bench.client(kme)
    client.get_status("a b/c?d=ü")
    client.get_key("sae-2", number=3, size=1024, verb="GET")
    client.get_key_with_ids("sae-1", [ID], verb="GET")
    client.get_key("sae-2", verb="GET")
    lines = [request.split(b"\r\n")[0].decode() for request in server.requests]
    assert lines == [
        "GET /api/v1/keys/a%20b%2Fc%3Fd%3D%C3%BC/status HTTP/1.1",
        "GET /api/v1/keys/sae-2/enc_keys?number=3&size=1024 HTTP/1.1",
        f"GET /api/v1/keys/sae-1/dec_keys?key_ID={ID} HTTP/1.1",
        "GET /api/v1/keys/sae-2/enc_keys HTTP/1.1",
    ]
    assert b"ontent-" not in server.requests[0]
    with pytest.raises(ValueError, match="additional_slave_SAE_IDs"):
        client.get_key("sae-2", additional=["sae-3"], verb="GET")


def test_members_of_a_key_request(bench: Bench) -> None:
    server, kme = bench.serve(says(http(b"{}")))
    client = bench.client(kme)
    client.get_key("sae-2")
    client.get_key(
        "sae-2", number=2, size=512, additional=["sae-3"], extension_mandatory=[{"a_b": None}], extension_optional=[]
    )
    bodies = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests]
    assert bodies == [
        {},
        {"number": 2, "size": 512, "additional_slave_SAE_IDs": ["sae-3"], "extension_mandatory": [{"a_b": None}],
         "extension_optional": []},
    ]  # fmt: skip


def test_key_material_never_shows() -> None:
    material = KeyMaterial(KEY)
    key = DeliveredKey(ID, material, {"x": WRITTEN})
    for text in (repr(material), str(material), f"{material}", f"{material!s:>40}", repr(key), repr(Body(KEY))):
        assert WRITTEN not in text
        assert repr(KEY)[2:10] not in text
    with pytest.raises(TypeError):
        pickle.dumps(material)
    assert copy.deepcopy(key) == key
    assert material == KeyMaterial(bytes(bytearray(KEY)))
    assert material != KeyMaterial(KEY[:-1])
    assert material != KEY
    assert len({material, KeyMaterial(KEY)}) == 1
    assert material.commitment(b"a") == KeyMaterial(KEY).commitment(b"a") != material.commitment(b"b")


def test_sizes_that_are_no_multiple_of_eight() -> None:
    material = KeyMaterial(b"\xff\x80")
    assert material.fits(9)
    assert material.fits(16)
    assert not material.fits(8)
    assert not material.fits(17)
    assert material.surplus_is_zero(9)
    assert not KeyMaterial(b"\xff\xc0").surplus_is_zero(9)
    assert material.surplus_is_zero(16)
