"""The strict readings of Tables 9, 11 and 13, and the lenient one that finds every key."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from harness.wire.etsi014 import Answer, Body
from harness.wire.etsi014.container import base64_problem
from harness.wire.etsi014.document import read_document

ID = "550e8400-e29b-41d4-a716-446655440000"
KEY = "AAECAwQFBgcICQoLDA0ODw=="


def answer(document: object, status: int = 200, **headers: str) -> Answer:
    octets = document if isinstance(document, bytes) else json.dumps(document).encode()
    parsed, problems = read_document(octets)
    return Answer(status=status, body=Body(octets), document=parsed, problems=tuple(problems), headers=headers)


def container(**entry: Any) -> dict[str, Any]:
    return {"keys": [{"key_ID": ID, "key": KEY, **entry}]}


@pytest.mark.parametrize(
    "document",
    [
        container(),
        container(key_ID=ID.upper()),
        container(key_ID="00000000-0000-0000-0000-000000000000"),
        container(key_extension={}, key_ID_extension={"a": [1]}),
        {**container(), "key_container_extension": {"b": None}},
        {**container(), "more": 1},
        container(more="x"),
    ],
)
def test_containers_that_are_well_formed(document: object) -> None:
    assert answer(document).container_problems() == []


def test_further_members_are_observed_and_no_problem() -> None:
    seen = answer({**container(more="x"), "key_data_from_elsewhere/+99": 1, "extra": 2}).container_observations
    assert seen == (
        "further member '(name not shown)' in the container",
        "further member 'extra' in the container",
        "further member 'more' of key 1",
    )


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "the body is an array, not an object"),
        (b"", "no body"),
        (b"<p>", "not JSON"),
        ({}, "`keys` is missing"),
        ({"Keys": container()["keys"]}, "spelt `Keys`"),
        ({"keys": None}, "`keys` is null"),
        ({"keys": {}}, "`keys` is an object"),
        ({"keys": []}, "`keys` is empty"),
        ({"keys": ["x"]}, "key 1 is a string"),
        ({"keys": [{"key": KEY}]}, "`key_ID` of key 1 is missing"),
        ({"keys": [{"key_ID": ID}]}, "`key` of key 1 is missing"),
        (container(key_ID=7), "`key_ID` of key 1 is an integer"),
        (container(key_ID=True), "`key_ID` of key 1 is a boolean"),
        (container(key_ID="key-1"), "not in UUID format"),
        (container(key_ID=ID.replace("-", "")), "not in UUID format"),
        (container(key_ID="{" + ID + "}"), "not in UUID format"),
        (container(key_ID=ID + "\n"), "not in UUID format"),
        (container(key=None), "`key` of key 1 is null"),
        (container(key=[1, 2]), "`key` of key 1 is an array"),
        (container(key=""), "`key` of key 1 is empty"),
        (container(key=KEY.rstrip("=")), "padding"),
        (container(key=KEY + "="), "padding"),
        (container(key="-_8="), "URL-safe"),
        (container(key="AAEC\r\nAwQF"), "white space"),
        (container(key="AAE*"), "is not base64"),
        (container(key="AAECA"), "is not base64"),
        (container(key="AB=="), "trailing bits"),
        (container(key_ID_extension=None), "`key_ID_extension` of key 1 is null"),
        (container(key_extension=[]), "`key_extension` of key 1 is an array"),
        ({**container(), "key_container_extension": "x"}, "`key_container_extension` is a string"),
        ({"keys": container()["keys"] * 2}, "`key_ID` of key 2 is that of an earlier key"),
    ],
)
def test_departures_from_table_11(document: object, problem: str) -> None:
    problems = answer(document).container_problems()
    assert any(problem in told for told in problems), problems
    assert not any(KEY in told for told in problems)


@pytest.mark.parametrize(
    "key", [KEY, KEY.rstrip("="), "AAEC\nAwQFBgcICQoLDA0ODw==", base64.urlsafe_b64encode(bytes(range(16))).decode()]
)
@pytest.mark.parametrize("name", ["keys", "Keys"])
def test_keys_are_found_however_they_are_written(key: str, name: str) -> None:
    found = answer({name: [{"key_ID": ID, "key": key}]}).only_key
    assert found is not None
    assert found.material.octets() == bytes(range(16))
    assert found.id == ID


def test_what_is_no_base64_counts_as_a_key_all_the_same() -> None:
    odd = answer({"keys": [{"key": "*** not base64 ***"}, {"key_ID": ID}, "x", {"key": 5}]})
    assert [(key.id, key.material.octets()) for key in odd.keys] == [("", b"*** not base64 ***")]


def test_number_and_size() -> None:
    got = answer(container())
    assert got.delivery_problems(number=1, size=128) == []
    assert got.delivery_problems(size=121) == []
    assert got.delivery_problems(number=2) == ["1 keys, not 2"]
    assert got.delivery_problems(size=120) == ["key 1 has 16 octets, not 15 (120 bit)"]


@pytest.mark.parametrize("good", ["AA==", "AAA=", "AAAA", "+/+/", KEY])
def test_base64_of_rfc_4648(good: str) -> None:
    assert base64_problem(good) == ""


STATUS: dict[str, Any] = {
    "source_KME_ID": "kme-a", "target_KME_ID": "kme-b", "master_SAE_ID": "sae-1", "slave_SAE_ID": "sae-2",
    "key_size": 352, "stored_key_count": 25000, "max_key_count": 100000, "max_key_per_request": 128,
    "max_key_size": 1024, "min_key_size": 64, "max_SAE_ID_count": 0,
}  # fmt: skip


def test_a_status_is_typed() -> None:
    got = answer({**STATUS, "status_extension": {"a": 1}})
    assert got.status_problems() == []
    status = got.status_document
    assert status is not None
    assert (status.source_kme_id, status.max_sae_id_count, status.status_extension) == ("kme-a", 0, {"a": 1})
    assert status.inconsistencies() == []
    assert got.describe() == "200, status"


@pytest.mark.parametrize("name", STATUS)
def test_every_member_of_the_status_is_looked_at(name: str) -> None:
    rest = {key: value for key, value in STATUS.items() if key != name}
    assert answer(rest).status_problems() == [f"member `{name}` is missing"]
    wrongs: list[object] = [None, [], True, 1.5, {}, "7" if isinstance(STATUS[name], int) else 7]
    for wrong in wrongs:
        got = answer({**STATUS, name: wrong})
        assert len(got.status_problems()) == 1
        assert got.status_document is None


def test_other_departures_from_table_9() -> None:
    assert answer({**STATUS, "status_extension": None}).status_problems() == [
        "`status_extension` is null, not an object"
    ]
    assert answer({**STATUS, "status_extension": None}).status_document is not None
    assert answer({**STATUS, "key_size": -1}).status_problems() == ["`key_size` is negative"]
    assert answer({**STATUS, "more": 1}).status_problems() == []
    assert answer([STATUS]).status_problems() == ["the body is an array, not an object"]


@pytest.mark.parametrize(
    "change",
    [
        {"stored_key_count": 100001},
        {"key_size": 32},
        {"key_size": 2048},
        {"max_key_per_request": 0},
        {"min_key_size": 0},
    ],
)
def test_figures_that_cannot_all_be_true(change: dict[str, int]) -> None:
    status = answer({**STATUS, **change}).status_document
    assert status is not None
    assert len(status.inconsistencies()) == 1


@pytest.mark.parametrize(
    ("document", "problems"),
    [
        ({"message": "x"}, 0),
        ({"message": "x", "details": []}, 0),
        ({"message": "x", "details": [{"a": 1}, {}]}, 0),
        ({"message": "", "more": 1}, 0),
        ({}, 1),
        ({"detail": "x"}, 1),
        ({"message": None}, 1),
        ({"message": ["x"]}, 1),
        ({"message": "x", "details": {}}, 1),
        ({"message": "x", "details": None}, 1),
        ({"message": "x", "details": ["a", 1]}, 2),
        ("x", 1),
        (b"", 1),
    ],
)
def test_departures_from_table_13(document: object, problems: int) -> None:
    assert len(answer(document, 400).error_problems()) == problems


@pytest.mark.parametrize(
    ("declared", "problems"),
    [
        ("application/json", 0), ("application/json; charset=utf-8", 0), ('Application/JSON;charset="UTF-8"', 0),
        ("", 1), ("text/html", 1), ("application/problem+json", 1), ("application/json; charset=latin-1", 1),
    ],
)  # fmt: skip
def test_content_types(declared: str, problems: int) -> None:
    headers = {"content-type": declared} if declared else {}
    got = Answer(status=200, headers=headers, body=Body(b"{}"))
    assert len(got.media_problems()) == problems
    assert Answer(status=401, headers={}).media_problems() == []


@pytest.mark.parametrize(
    ("status", "failure", "rejected"),
    [
        (200, "", False), (204, "", False), (302, "", False), (400, "", True), (401, "", True), (404, "", True),
        (500, "", True), (503, "", True), (600, "", False), (None, "closed", True), (None, "tls: closed", True),
        (None, "tls: alert unknown ca", True), (None, "tls: server certificate not accepted: x", False),
        (None, "tls: wrong version number", False), (None, "timeout", False), (None, "refused", False),
        (None, "unreachable: x", False), (None, "http: BadStatusLine", False),
    ],
)  # fmt: skip
def test_what_counts_as_a_rejection(status: int | None, failure: str, rejected: bool) -> None:  # noqa: FBT001
    assert Answer(status=status, failure=failure).rejected is rejected
