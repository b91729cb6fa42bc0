"""Whatever a KME sends becomes an `Answer`: never an exception, never a hang."""

from __future__ import annotations

import base64
import gzip
import json
import random
import socket
import ssl
import struct
import threading
import time

import pytest

from harness.wire.etsi014 import INVALID, NO_BODY
from tests.harness.wire.scripted import Bench, Script, http, says, says_and_closes

KEY = bytes(range(32))
ENTRY = {"key_ID": "550e8400-e29b-41d4-a716-446655440000", "key": base64.b64encode(KEY).decode()}
CONTAINER = json.dumps({"keys": [ENTRY]}).encode()


def test_an_ordinary_answer_is_read(bench: Bench) -> None:
    answer = bench.ask(says(http(CONTAINER))).get_key("sae-2")
    assert answer.ok
    assert answer.served
    assert not answer.rejected
    assert answer.only_key is not None
    assert answer.only_key.material.octets() == KEY
    assert answer.container_problems() == []
    assert answer.media_problems() == []
    assert answer.delivery_problems(number=1, size=256) == []
    assert answer.describe() == "200, 1 key (256 bit)"
    assert answer.tls_version == "TLSv1.3"


def test_connections_are_kept(bench: Bench) -> None:
    server, kme = bench.serve(says(http(b"{}")))
    client = bench.client(kme)
    assert [client.get_status("sae-2").status for _ in range(5)] == [200] * 5
    assert server.connections == 1


def test_no_listener_is_refused_but_no_rejection(bench: Bench) -> None:
    server, kme = bench.serve(says())
    server.close()
    answer = bench.client(kme).get_status("sae-2")
    assert (answer.status, answer.failure, answer.rejected) == (None, "refused", False)


def test_a_body_beyond_the_bound_is_cut_and_said_so(bench: Bench) -> None:
    answer = bench.ask(says_and_closes(http(b'{"keys": "' + b"A" * (10 << 20) + b'"}'))).get_key("sae-2")
    assert answer.status == 200
    assert answer.document is INVALID
    assert "larger than 4194304 octets" in " ".join(answer.problems)
    assert len(answer.body) == 4 << 20


def drip(data: bytes) -> Script:
    def play(live: ssl.SSLSocket, _: bytes) -> bool:
        live.settimeout(0.05)
        for octet in data:
            live.sendall(bytes([octet]))
            try:
                if not live.recv(1):
                    return True
            except TimeoutError:
                continue
        return True

    return play


@pytest.mark.parametrize("at", ["head", "body", "chunk"])
def test_a_drip_meets_the_deadline_of_the_whole_exchange(bench: Bench, at: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    script = {"head": drip(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000), "body": drip(head + b" " * 1000),
              "chunk": drip(chunked + b"1\r\n \r\n" * 1000)}[at]  # fmt: skip
    started = time.monotonic()
    answer = bench.ask(script, deadline_s=0.6).get_key("sae-2")
    assert 0.5 < time.monotonic() - started < 5  # a drip of 1000 octets at this rate takes 50
    assert (answer.status, answer.failure, answer.rejected) == (None, "timeout", False)


def test_silence_is_a_timeout(bench: Bench) -> None:
    server, kme = bench.serve(lambda *_: server.stop.wait(3))
    answer = bench.client(kme, deadline_s=0.3).get_key("sae-2")
    assert (answer.failure, answer.rejected) == ("timeout", False)


def test_a_peer_that_never_shakes_hands_is_a_timeout(bench: Bench) -> None:
    _, kme = bench.serve(says())
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        silent = type(kme)("kme-a", f"https://127.0.0.1:{port}")
        answer = bench.client(silent, deadline_s=0.3).get_status("sae-2")
    assert (answer.failure, answer.tls_version) == ("timeout", "")


def test_a_port_that_speaks_no_tls(bench: Bench) -> None:
    _, kme = bench.serve(says())
    with socket.create_server(("127.0.0.1", 0)) as plain:
        client = bench.client(type(kme)("kme-a", f"https://127.0.0.1:{plain.getsockname()[1]}"), deadline_s=2)

        def speak() -> None:
            peer, _ = plain.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=speak)
        thread.start()
        answer = client.get_status("sae-2")
        thread.join()
    assert answer.failure.startswith("tls: ")
    assert not answer.rejected


GARBAGE = {
    "no http": b"hello, this is no HTTP\r\n\r\n",
    "bad status": b"HTTP/1.1 abc OK\r\n\r\n",
    "huge status": b"HTTP/1.1 99999 OK\r\n\r\n",
    "nothing": b"",
    "half head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half body": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + CONTAINER,
    "bad chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "negative chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n",
    "huge chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "chunk without end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "long header": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 500 + b"\r\n",
    "header without colon": b"HTTP/1.1 200 OK\r\nthis is none\r\nContent-Length: 2\r\n\r\n{}",
    "binary header": b"HTTP/1.1 200 OK\r\nX-\xff\xfe: \x00\x01\xff\r\nContent-Length: 2\r\n\r\n{}",
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\n{}",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
    "two lengths in one": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 9\r\n\r\n{}",
    "bad gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "endless 100": b"HTTP/1.1 100 Continue\r\n\r\n" * 200,
    "unknown coding": b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_becomes_an_answer(bench: Bench, name: str) -> None:
    answer = bench.ask(says_and_closes(GARBAGE[name]), deadline_s=2).get_key("sae-2")
    assert answer.failure or answer.problems or answer.status == 200
    assert answer.failure != "timeout"
    answer.describe()


@pytest.mark.parametrize("name", ["no http", "bad status", "half head", "half body", "bad chunk size", "huge chunk"])
def test_broken_http_is_no_rejection_and_no_service(bench: Bench, name: str) -> None:
    answer = bench.ask(says_and_closes(GARBAGE[name])).get_key("sae-2")
    assert answer.status is None
    assert not answer.served
    assert not answer.rejected
    assert answer.failure.startswith("http: ")


def test_random_octets_never_raise(bench: Bench) -> None:
    dice = random.Random(14)
    heads = [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
             b"HTTP/1.1 400 Bad\r\nContent-Length: 40\r\n\r\n"]  # fmt: skip

    def play(live: ssl.SSLSocket, _: bytes) -> bool:
        live.sendall(dice.choice(heads) + dice.randbytes(dice.randrange(300)))
        return True

    client = bench.ask(play, deadline_s=2)
    for _ in range(100):
        answer = client.get_key("sae-2")
        answer.describe()
        assert answer.failure != "timeout"


def test_a_cut_answer_to_get_key_counts_as_drawn(bench: Bench) -> None:
    client = bench.ask(says_and_closes(GARBAGE["half body"]))
    client.get_key("sae-2", number=3)
    assert bench.log.purse.drawn == 3


def test_a_closed_connection_draws_nothing(bench: Bench) -> None:
    answer = bench.ask(says_and_closes()).get_key("sae-2", number=3)
    assert (answer.failure, answer.rejected) == ("closed", True)
    assert bench.log.purse.drawn == 0


def test_a_reset_is_closed(bench: Bench) -> None:
    def play(live: ssl.SSLSocket, _: bytes) -> bool:
        live.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        live.close()
        return True

    answer = bench.ask(play).get_key("sae-2")
    assert answer.failure == "closed"


def test_http_1_0_and_connection_close_are_ordinary(bench: Bench) -> None:
    server, kme = bench.serve(says_and_closes(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + CONTAINER))
    client = bench.client(kme)
    assert [len(client.get_key("sae-2").keys) for _ in range(3)] == [1, 1, 1]
    assert server.connections == 3


def test_a_server_that_closes_without_saying_so_is_never_sent_a_request_twice(bench: Bench) -> None:
    server, kme = bench.serve(says_and_closes(http(CONTAINER)))
    client = bench.client(kme)
    answers = [client.get_key("sae-2") for _ in range(10)]
    assert [answer.failure for answer in answers] == [""] * 10
    assert len(server.requests) == 10


def test_get_key_is_not_sent_again_when_a_kept_connection_dies(bench: Bench) -> None:
    server, kme = bench.serve(says(http(b"{}")))
    client = bench.client(kme)
    assert client.get_status("sae-2").ok
    assert client.get_status("sae-2").ok
    server._script = says_and_closes()
    before = len(server.requests)
    assert client.get_key("sae-2").failure == "closed"
    assert len(server.requests) == before + 1


def test_get_status_is_sent_again_when_a_kept_connection_dies(bench: Bench) -> None:
    server, kme = bench.serve(says(http(b"{}")))
    client = bench.client(kme)
    assert client.get_status("sae-2").ok
    deaths = iter([True, False, False])

    def play(live: ssl.SSLSocket, _: bytes) -> bool:
        if next(deaths):
            return True
        live.sendall(http(b"{}"))
        return False

    server._script = play
    assert client.get_status("sae-2").ok


def test_leftover_octets_do_not_reach_the_next_answer(bench: Bench) -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" + b"x" * 40_000
    client = bench.ask(says(long))
    for _ in range(4):
        answer = client.get_status("sae-2")
        assert (answer.status, answer.failure) == (200, "")


def test_100_continue_is_passed_over(bench: Bench) -> None:
    answer = bench.ask(says(b"HTTP/1.1 100 Continue\r\n\r\n" + http(CONTAINER))).get_key("sae-2")
    assert len(answer.keys) == 1


def test_a_redirect_is_not_followed(bench: Bench) -> None:
    server, kme = bench.serve(says(http(b"", "307 Temporary Redirect", "Location: /elsewhere")))
    answer = bench.client(kme).get_key("sae-2")
    assert (answer.status, answer.rejected, answer.served) == (307, False, False)
    assert len(server.requests) == 1


def test_gzip_is_undone_and_noted(bench: Bench) -> None:
    answer = bench.ask(says(http(gzip.compress(CONTAINER), "200 OK", "Content-Encoding: gzip"))).get_key("sae-2")
    assert len(answer.keys) == 1
    assert "content coding" in " ".join(answer.container_problems())


def test_a_gzip_bomb_is_bounded(bench: Bench) -> None:
    bomb = gzip.compress(b" " * (64 << 20))
    answer = bench.ask(says(http(bomb, "200 OK", "Content-Encoding: gzip"))).get_key("sae-2")
    assert len(answer.body) <= 4 << 20
    assert "larger than" in " ".join(answer.problems)


DOCUMENTS = {
    "not UTF-8": b'{"message": "\xff\xfe"}',
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep object": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "huge number": b'{"keys": ' + b"9" * 10_000 + b"}",
    "cut": b'{"keys": [',
    "two texts": b"{} {}",
    "html": b"<html><body>oops</body></html>",
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_bodies_that_are_no_json(bench: Bench, name: str) -> None:
    answer = bench.ask(says(http(DOCUMENTS[name]))).get_key("sae-2")
    assert answer.document is INVALID
    assert answer.container_problems()
    assert answer.error_problems()
    assert answer.status_problems()
    assert answer.status_document is None
    assert answer.keys == ()


def test_flaws_of_json_are_noted(bench: Bench) -> None:
    answer = bench.ask(says(http(b'\xef\xbb\xbf{"message": "a", "message": "b", "x": NaN}'))).get_key("sae-2")
    problems = " ".join(answer.problems)
    assert "byte order mark" in problems
    assert "duplicate members" in problems
    assert "NaN" in problems
    assert answer.error_message == "b"


def test_lone_surrogates_do_not_break_the_evidence(bench: Bench) -> None:
    body = b'{"message": "\\ud800 x \\udfff", "\\ud800": 1}'
    answer = bench.ask(says(http(body, "400 Bad Request"))).get_key("sae-2")
    assert answer.rejected
    answer.describe().encode()


def test_two_different_content_types_are_noted(bench: Bench) -> None:
    answer = bench.ask(says(http(b"{}", "200 OK", "Content-Type: text/html"))).get_status("sae-2")
    assert "content-type" in " ".join(answer.problems)
    assert answer.media_problems()


def test_401_without_a_body(bench: Bench) -> None:
    answer = bench.ask(says(http(b"", "401 Unauthorized"))).get_key_with_ids("sae-1", [ENTRY["key_ID"]])
    assert answer.document is NO_BODY
    assert answer.refused_with(401)
    assert answer.describe() == "401, no body"


def test_a_key_in_a_refusal_is_no_refusal(bench: Bench) -> None:
    answer = bench.ask(says(http(CONTAINER, "400 Bad Request"))).get_key("sae-2")
    assert not answer.rejected
    assert not answer.refused_with(400)
    assert bench.log.purse.drawn == 1


def test_an_early_refusal_of_a_large_request_is_seen(bench: Bench) -> None:
    def play(live: ssl.SSLSocket, _: bytes) -> bool:
        live.sendall(http(b'{"message": "too large"}', "413 Payload Too Large", "Connection: close"))
        return True

    answer = bench.ask(play).send("POST", "/api/v1/keys/sae-2/enc_keys", body=b"x" * 300_000)
    assert answer.status == 413


@pytest.mark.parametrize("path", ["/a b", "/a\r\nX: y", "/\u20ac"])
def test_a_request_that_http_cannot_carry_is_the_callers_fault(bench: Bench, path: str) -> None:
    client = bench.ask(says(http(b"{}")))
    with pytest.raises(ValueError, match="cannot stand"):
        client.send("GET", path, wanted_keys=2)
    assert bench.log.purse.drawn == 0
