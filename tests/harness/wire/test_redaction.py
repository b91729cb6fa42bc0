"""No key leaves the wire in any written form, known to the harness or not; what is harmless stays readable."""

from __future__ import annotations

import base64
import itertools
import json
import random
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest

from harness.wire.redact import Scrubber


def escaped(key: bytes, plus: str, slash: str) -> str:
    return base64.b64encode(key).decode().replace("+", plus).replace("/", slash)


ENCODINGS: dict[str, Callable[[bytes], str]] = {
    "base64": lambda key: base64.b64encode(key).decode(),
    "base64 without padding": lambda key: base64.b64encode(key).decode().rstrip("="),
    "base64url": lambda key: base64.urlsafe_b64encode(key).decode(),
    "base64url without padding": lambda key: base64.urlsafe_b64encode(key).decode().rstrip("="),
    "hex": lambda key: key.hex(),
    "hex upper": lambda key: key.hex().upper(),
    "hex 0x": lambda key: "0x" + key.hex(),
    "hex with colons": lambda key: key.hex(":"),
    "hex with spaces": lambda key: key.hex(" ").upper(),
    "base64 percent-encoded": lambda key: quote(base64.b64encode(key).decode(), safe=""),
    "base64 percent-encoded lower": lambda key: escaped(key, "%2b", "%2f").replace("=", "%3d"),
    "octets percent-encoded": lambda key: "".join(f"%{octet:02X}" for octet in key),
    "base64 with JSON slashes": lambda key: base64.b64encode(key).decode().replace("/", r"\/"),
    "base64 with JSON escapes": lambda key: escaped(key, r"\u002b", r"\u002f"),
    "base64 in HTML": lambda key: escaped(key, "&#43;", "&#x2F;"),
    "base64 in lines": lambda key: re.sub("(.{20})", r"\1\n", base64.b64encode(key).decode()),
    "octets in decimal": lambda key: ", ".join(map(str, key)),
    "a Python literal": repr,
    "latin-1": lambda key: key.decode("latin-1"),
}  # fmt: skip

PLACES = {
    "alone": "{}",
    "in a sentence": "cannot store {} now",
    "in quotes": "key '{}' is not known",
    "in an assignment": "key={}&next=1",
    "in a path": "/api/v1/keys/{}/status",
    "in HTML": "<html><body><pre>KeyError: {}</pre></body></html>",
    "in brackets": "[{}]",
    "in a trace": 'File "/usr/lib/kme/store.py", line 3, in put\n    {}\nValueError',
}


def leaked(text: str, key: bytes) -> list[str]:
    """Parts of any encoding of ``key`` in ``text``: windows of 6 octets and more."""
    found = []
    bare = re.sub(r"[\s:,\-_]|%|\\x|0x|\\u00|&#x?", "", text)
    for name, encode in ENCODINGS.items():
        written = encode(key)
        width = 12 if "hex" in name or "percent" in name else 9
        for start in range(max(1, len(written) - width + 1)):
            window = written[start : start + width]
            if window in text or (len(window) > 8 and re.sub(r"[\s:,\-_]", "", window) == window and window in bare):
                found.append(f"{name}[{start}]")
                break
    return found


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_keys_are_covered_in_text(encoding: str) -> None:
    dice = random.Random(encoding)
    for place, known, length in itertools.product(PLACES, ("learnt", "planted", "unknown"), (16, 24, 32)):
        scrubber = Scrubber(["sae-1", "kme-a"])
        key = dice.randbytes(length)
        if known == "learnt":
            scrubber.learn(key)
        elif known == "planted":
            scrubber.plant(key)
        shown = scrubber.text(PLACES[place].format(ENCODINGS[encoding](key)))
        assert leaked(shown, key) == [], (place, known, length)


@pytest.mark.parametrize("encoding", [name for name in ENCODINGS if name != "latin-1"])
def test_short_keys_are_covered_once_they_are_known(encoding: str) -> None:
    dice = random.Random(encoding)
    for length in (4, 5, 8, 11):
        scrubber = Scrubber()
        key = dice.randbytes(length)
        scrubber.learn(key)
        for place in PLACES.values():
            written = ENCODINGS[encoding](key)
            if encoding in ("a Python literal", "base64 in lines", "hex with spaces", "hex with colons"):
                continue
            assert written not in scrubber.text(place.format("x" + written + "y"))
            assert written not in scrubber.text(place.format(written))


def test_a_planted_text_is_covered_wherever_it_stands() -> None:
    scrubber = Scrubber()
    scrubber.plant("correct horse battery staple", "token")
    shown = scrubber.text("Authorization: correct horse battery staple, Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ==")
    assert "horse" not in shown
    assert "Y29y" not in shown
    assert shown.count("token 224 bit") == 2


def test_equal_keys_have_equal_commitments_in_a_run_and_others_in_another() -> None:
    key = bytes(range(32))
    one, other = Scrubber(), Scrubber()
    assert one.commitment(key) == one.commitment(key)
    assert one.commitment(key) != other.commitment(key)
    assert re.fullmatch(r"\(key 256 bit, hmac-sha256:[0-9a-f]{16}\)", one.commitment(key))


def container(key: bytes, **members: object) -> dict[str, object]:
    entry = {"key_ID": "550e8400-e29b-41d4-a716-446655440000", "key": base64.b64encode(key).decode()}
    return {"keys": [{**entry, **members}]}


def test_the_key_of_a_container_is_a_commitment() -> None:
    key = random.Random(1).randbytes(32)
    scrubber = Scrubber()
    shown = json.loads(scrubber.document(container(key)))
    assert shown["keys"][0] == {
        "key_ID": "550e8400-e29b-41d4-a716-446655440000",
        "key": scrubber.commitment(key),
    }


@pytest.mark.parametrize("length", [1, 2, 3, 4, 8, 16])
def test_even_the_shortest_key_is_hidden_in_its_place(length: int) -> None:
    key = random.Random(length).randbytes(length)
    shown = Scrubber().document(container(key))
    assert base64.b64encode(key).decode() not in shown


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("known", [True, False])
def test_keys_hidden_elsewhere_in_a_container(encoding: str, known: bool) -> None:  # noqa: FBT001
    dice = random.Random(encoding)
    for length in (8, 16, 32):
        key = dice.randbytes(length)
        scrubber = Scrubber()
        if known:
            scrubber.learn(key)
        written = ENCODINGS[encoding](key)
        documents: list[object] = [
            container(b"other key's octets", key_ID_extension={"a": {"b": [written]}}),
            container(b"other key's octets", key_extension={written: 1}),
            container(b"other key's octets", key_ID=written),
            container(b"other key's octets", further=written),
            {"keys": [], "key_container_extension": {"note": f"x{written}y"}},
            {"Keys": [{"Key": written}]},
            {"keys": [written]},
            {"keys": written},
            {"keys": {"key": written}},
        ]
        if length > 8:
            documents += [
                {"message": f"key {written} is lost"},
                {"message": "lost", "details": [{"name": written}, {written: None}]},
                {written: {"deep": [[[written]]]}},
                [written],
                written,
                {"data": {"secret_key": written, "key_material": [written]}},
            ]
        for document in documents:
            assert leaked(scrubber.document(document), key) == [], document


def test_keys_as_numbers() -> None:
    key = random.Random(3).randbytes(16)
    for value in (list(key), int.from_bytes(key, "big"), [list(key)]):
        shown = Scrubber().document({"message": value})
        assert str(int.from_bytes(key, "big")) not in shown
        assert str(key[0]) + ", " + str(key[1]) not in shown
    assert "1234567" not in Scrubber().document({"keys": [{"key": 1234567}]})


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_keys_in_headers(encoding: str) -> None:
    key = random.Random(encoding).randbytes(32)
    written = ENCODINGS[encoding](key)
    shown = Scrubber().headers({"etag": f'"{written}"', "x-debug": written, written: "x", "set-cookie": "abc"})
    assert leaked(json.dumps(shown, ensure_ascii=False), key) == []
    assert "abc" not in json.dumps(shown)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_keys_in_bodies_that_are_no_json(encoding: str) -> None:
    key = random.Random(encoding).randbytes(32)
    written = ENCODINGS[encoding](key)
    scrubber = Scrubber()
    for body in (f"<p>{written}</p>", '{"keys": [{"key": "' + written + '"', written, "x" * 500 + written):
        assert leaked(scrubber.octets(body.encode()), key) == []
    scrubber.learn(key)
    assert leaked(scrubber.octets(b"raw " + key), key) == []


def test_a_long_text_is_cut_without_cutting_a_key_in_two() -> None:
    dice = random.Random(5)
    for _ in range(60):
        key = dice.randbytes(32)
        text = "a " * dice.randrange(2100) + base64.b64encode(key).decode() + " b" * 3000
        shown = Scrubber().text(text)
        assert len(shown) < 600
        assert leaked(shown, key) == []


def test_a_key_dressed_as_a_uuid_is_found_once_it_is_known() -> None:
    key = random.Random(6).randbytes(16)
    scrubber = Scrubber()
    scrubber.learn(key)
    digits = key.hex()
    dressed = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    for shown in (scrubber.text(f"/keys/{dressed}/x"), scrubber.document(container(b"k", key_ID=dressed))):
        assert dressed not in shown


READABLE = [
    "GET https://kme-a.example.org:8443/api/v1/keys/sae-2/enc_keys?number=3&size=1024",
    "POST https://127.0.0.1:9443/api/v1/keys/SAE_B/dec_keys",
    "https://[::1]:8443/api/v1/keys/urn%3Asae%3A2/status",
    "size shall be a multiple of 8",
    "not all extension_mandatory parameters are supported",
    "not all extension_optional request options handled",
    "one or more keys specified are not found on KME",
    "extension_mandatory_unsupported: abc_route_type is not supported",
    "additional_slave_SAE_IDs has 3 entries, max_SAE_ID_count is 0",
    "key 550e8400-e29b-41d4-a716-446655440000 is not found",
    "Sun, 22 Nov 2026 23:18:47 GMT",
    "<html><head><title>400 Bad Request</title></head><body><h1>Bad Request</h1></body></html>",
    "tls: alert certificate required",
    'File "/usr/lib/python3.11/site-packages/flask/application.py", line 1523, in dispatch_request',
    "max-age=31536000; includeSubDomains",
    "Python/3.11 aiohttp/3.14.5",
]


@pytest.mark.parametrize("text", READABLE)
def test_what_is_harmless_stays_readable(text: str) -> None:
    assert Scrubber(["sae-2"]).text(text) == text


def test_known_identifiers_stay_readable_whatever_they_look_like() -> None:
    odd = "SAE9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"
    scrubber = Scrubber([odd])
    assert scrubber.text(f"GET https://kme/api/v1/keys/{odd}/status") == f"GET https://kme/api/v1/keys/{odd}/status"
    assert json.loads(scrubber.document({"master_SAE_ID": odd})) == {"master_SAE_ID": odd}


def test_a_status_stays_readable() -> None:
    status = {"source_KME_ID": "kme-a", "target_KME_ID": "kme-b", "master_SAE_ID": "sae-1", "slave_SAE_ID": "sae-2",
              "key_size": 352, "stored_key_count": 25000, "max_key_count": 100000, "max_key_per_request": 128,
              "max_key_size": 1024, "min_key_size": 64, "max_SAE_ID_count": 0}  # fmt: skip
    assert json.loads(Scrubber().document(status)) == status


def test_an_error_stays_readable() -> None:
    error = {"message": "not all extension_mandatory parameters are supported",
             "details": [{"extension_mandatory_unsupported": "abc_route_type is not supported"}]}  # fmt: skip
    assert json.loads(Scrubber().document(error)) == error


def test_what_was_scrubbed_can_be_scrubbed_again() -> None:
    key = random.Random(7).randbytes(32)
    scrubber = Scrubber()
    scrubber.learn(key)
    once = scrubber.text(f"key {key.hex()} is lost")
    assert "hmac-sha256:" in once
    assert scrubber.text(once) == once
    forged = "hmac-sha256:" + key.hex()[:16]
    assert key.hex()[:16] not in scrubber.text(forged)
