"""The RESTCONF client sends what it is told and nothing else, and reads whatever comes back."""

from __future__ import annotations

import json
import ssl

import pytest

from harness.wire.etsi014.document import NoDocument
from harness.wire.restconf import YANG_JSON, RestconfClient, open_restconf
from tests.harness.wire.scripted import Bench, Script, http, says

_TYPE = f"Content-Type: {YANG_JSON}"


def yang(document: object, status: str = "200 OK", *headers: str) -> bytes:
    return http(json.dumps(document).encode(), status, *headers).replace(b"application/json", YANG_JSON.encode())


def ask(bench: Bench, script: Script) -> RestconfClient:
    _, where = bench.serve(script)
    client = open_restconf(where.url, bench.sae, bench.authority.certificate_pem, bench.log, deadline_s=3.0)
    bench.clients.append(client)  # type: ignore[arg-type]  # closed with the others
    return client


def test_every_verb_goes_out_as_it_is(bench: Bench) -> None:
    client = ask(bench, says(yang({"a": 1}, "200 OK", 'ETag: "7"')))
    for answer in (
        client.get("/data/x:y", query="content=config"),
        client.post("/data", {"x:y": {}}, headers={"If-Match": '"6"'}),
        client.put("/data/x:y", {"x:y": {}}),
        client.patch("/data/x:y", {"x:y": {}}),
        client.delete("/data/x:y"),
        client.options("/data"),
    ):
        assert answer.ok
        assert answer.etag == '"7"'
    lines = [request.partition(b"\r\n")[0].decode() for request in bench.servers[0].requests]
    assert lines == [
        "GET /restconf/data/x:y?content=config HTTP/1.1",
        "POST /restconf/data HTTP/1.1",
        "PUT /restconf/data/x:y HTTP/1.1",
        "PATCH /restconf/data/x:y HTTP/1.1",
        "DELETE /restconf/data/x:y HTTP/1.1",
        "OPTIONS /restconf/data HTTP/1.1",
    ]
    assert b'if-match: "6"' in bench.servers[0].requests[1].lower()


def test_an_errors_body_is_read(bench: Bench) -> None:
    error = {"error-type": "application", "error-tag": "data-exists", "error-message": "it is there"}
    client = ask(bench, says(yang({"ietf-restconf:errors": {"error": [error]}}, "409 Conflict")))
    answer = client.post("/data", {})
    assert answer.refused
    assert answer.tag == "data-exists"
    assert answer.describe() == "POST /restconf/data: 409 data-exists: it is there"


@pytest.mark.parametrize("document", [[], {"ietf-restconf:errors": []}, {"ietf-restconf:errors": {"error": [7]}}])
def test_what_is_no_errors_body_is_none(bench: Bench, document: object) -> None:
    answer = ask(bench, says(yang(document, "400 Bad Request"))).get("/data")
    assert answer.error is None
    assert answer.tag == ""


def test_broken_json_is_a_problem_and_no_exception(bench: Bench) -> None:
    answer = ask(bench, says(http(b'{"a": 1, "a": 2}'))).get("/data")
    assert answer.problems
    answer = ask(bench, says(http(b"{"))).get("/data")
    assert isinstance(answer.document, NoDocument)
    assert answer.problems


def test_evidence_has_the_exchange_without_credentials(bench: Bench) -> None:
    client = ask(bench, says(yang({"x:y": {"z": "w"}})))
    client.get("/data/x:y", headers={"Authorization": "Bearer top-secret-of-the-operator"})
    (exchange,) = bench.log.end_case()
    assert exchange.status == 200
    assert exchange.binding == "restconf"
    assert "top-secret" not in str(exchange)


def test_nobody_there_is_an_answer(bench: Bench) -> None:
    client = ask(bench, says(b""))
    bench.servers[0].close()
    answer = client.get("/data")
    assert answer.status is None
    assert not answer.ok
    assert not answer.refused
    assert answer.failure


HOST_META = "<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>{}</XRD>"
LINK = "<Link rel='restconf' href='/top/rc'/>"


@pytest.mark.parametrize(
    ("text", "links", "root"),
    [
        (HOST_META.format(LINK), 1, "/top/rc"),
        (HOST_META.format(LINK * 2), 2, "/restconf"),
        (HOST_META.format(""), 0, "/restconf"),
        ("<XRD", 0, "/restconf"),
        ("<!DOCTYPE x [<!ENTITY y 'z'>]>" + HOST_META.format(LINK), 0, "/restconf"),
    ],
)
def test_the_root_is_taken_where_there_is_exactly_one(bench: Bench, text: str, links: int, root: str) -> None:
    client = ask(bench, says(http(text.encode())))
    assert len(client.discover_root()[1]) == links
    assert client.root == root


def _stream(*events: bytes) -> Script:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in events)

    def play(live: ssl.SSLSocket, _: bytes) -> bool:
        live.sendall(head + pieces)
        return False

    return play


def test_a_stream_gives_events_in_order_whatever_they_are_cut_into(bench: Bench) -> None:
    one = {"ietf-restconf:notification": {"eventTime": "2026-01-01T00:00:00Z", "m:alarm": {"link": {}}}}
    text = json.dumps(one).encode()
    client = ask(
        bench, _stream(b": hello\n\n", b"data: " + text[:20], text[20:] + b"\n\n", b"data: {\r\ndata: }\r\n\r\n")
    )
    stream = client.stream("https://elsewhere/restconf/streams/NETCONF")
    assert stream.until(lambda event: event.name == "m:alarm", 5.0) is not None
    assert stream.until(lambda event: event.data == "{\n}", 5.0, since=1) is not None
    assert stream.until(lambda event: event.name == "m:event", 0.1) is None
    assert bench.servers[0].requests[0].startswith(b"GET /restconf/streams/NETCONF ")
    stream.close()
    assert [event.name for event in stream.events] == ["m:alarm", ""]


@pytest.mark.parametrize("answer", [yang({}, "404 Not Found"), yang({})])
def test_what_is_no_stream_does_not_open(bench: Bench, answer: bytes) -> None:
    client = ask(bench, says(answer))
    with pytest.raises(OSError, match="does not open"):
        client.stream("/restconf/streams/NETCONF")
