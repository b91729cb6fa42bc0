"""Whatever comes, redaction ends soon, raises nothing, and gives text that a run record can hold."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.wire.etsi014 import Answer, Body
from harness.wire.etsi014.document import read_document
from harness.wire.redact import Scrubber
from qkd.run.v1.run_record_pb2 import Exchange

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["keys", "key", "key_ID", "message"]) | st.text(), inner)
    ),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(st.text() | st.binary().map(lambda octets: octets.decode("latin-1")))
def test_any_text(text: str) -> None:
    scrubber = Scrubber()
    scrubber.learn(b"12345678")
    shown = scrubber.text(text)
    Exchange(request=shown)
    assert len(shown) < 600


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_any_document(document: object) -> None:
    octets = json.dumps(document).encode()
    parsed, problems = read_document(octets)
    answer = Answer(status=200, document=parsed, body=Body(octets), problems=tuple(problems))
    Exchange(response_body=Scrubber().document(parsed))
    for told in (*answer.container_problems(), *answer.status_problems(), *answer.error_problems(), answer.describe()):
        Exchange(failure=told)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_any_octets(octets: bytes) -> None:
    parsed, _ = read_document(octets)
    Answer(status=200, document=parsed, body=Body(octets)).describe()
    Exchange(response_body=Scrubber().octets(octets))


LONG = 200_000


PIECES = [
    "a", "A", "\\", "\\x41", "b'", 'b"\\', "1,", "1, ", "ab:", "ab ", "%", "%41", "&#65;", "&#", "=", "/", "-", " ",
    "\n", "a\n", "(", ")", "\x00", "\xe9", "\ufffd", "hmac-sha256:", "0x1 ", "a=", "\xe9 ", "_a", "Aa", "[", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
def test_no_text_takes_long(piece: str) -> None:
    scrubber = Scrubber()
    text = piece * (LONG // len(piece))
    started = time.process_time()
    scrubber.text(text)
    scrubber.document({"message": text, "keys": [{"key": text, text: text}]})
    scrubber.octets(text.encode("utf-8", "surrogatepass"))
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "document",
    [
        [[[[0] * 50 for _ in range(50)] for _ in range(20)] for _ in range(20)],
        {"keys": [[[{"key": "x"} for _ in range(50)] for _ in range(50)] for _ in range(50)]},
        [{str(n): {str(m): [] for m in range(100)} for n in range(100)} for _ in range(100)],
    ],
    ids=["arrays", "keys", "objects"],
)
def test_no_document_takes_long(document: object) -> None:
    scrubber = Scrubber()
    started = time.process_time()
    shown = scrubber.document(document)
    assert time.process_time() - started < 1
    assert len(shown) < 20_000
