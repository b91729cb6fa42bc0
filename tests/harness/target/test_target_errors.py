"""Everything that can be wrong with a target file is said at its exact place, with what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.target import FileError, load_target

from .conftest import GOOD, NOW

A = "127.0.0.1:8443"
TWIN = '{ id = "kme-a", url = "https://127.0.0.1:7443" }'
OF_1 = 'certificate = "sae-1.pem", key = "sae-1.key"'

# what is replaced in the good file; by what; the line and the text at which the one problem is said to be; its words
CASES = [
    # shape
    ("trust = ", "trsut = ", (8, "trsut"), "unknown member 'trsut'", "did you mean 'trust'?"),
    ("[iut]", "[uit]", (1, "uit]"), "unknown member 'uit'", "did you mean 'iut'?"),
    ('role = "kme"', 'role = "kms"', (5, '"kms"'), "'role' is 'kms'", "did you mean 'kme'?"),
    ('vendor = "ACME"', "vendor = 7", (3, "7"), "'vendor' is 7, text is wanted"),
    ('name = "acme-kme"\n', "", (1, "[iut]"), "'name' is missing in [iut]", 'name = "acme-kme"'),
    ('name = "acme-kme"', 'name = ""', (2, '""'), "'name' is empty"),
    ("key_budget = 400", 'key_budget = "400"', (14, '"400"'), "'key_budget' is text, a whole number is wanted"),
    ("key_budget = 400", "key_budget = true", (14, "true"), "'key_budget' is true, a whole number is wanted"),
    ("key_budget = 400", "key_budget = 0", (14, "0"), "'key_budget' is 0, more than 0 is wanted"),
    ("draining = true", "draining = 1", (15, "1"), "'draining' is 1, true or false is wanted"),
    ("multicast = true", "multicast = 1.5", (18, "1.5"), "'multicast' is 1.5: a claim is"),
    ("[ics.etsi014]", "[ics.etsi041]", (17, "etsi041"), "unknown suite 'etsi041'", "did you mean 'etsi014'?"),
    ('"kme-b", url', '"kme-b", ulr', (9, "ulr"), "unknown member 'ulr'", "did you mean 'url'?"),
    ('{ id = "sae-2", ', "{ ", (11, '{ kme = "kme-b"'), "'id' is missing in entry 2 of ixit.etsi014.sae"),
    ('kme = "kme-b", certificate = "sae-3', 'certificate = "sae-3', (12, '{ id = "sae-3"'), "'kme' is missing"),
    ('certificate = "sae-2.pem"', "certificate = 2", (11, "2, key"), "'certificate' is 2, the path of a file"),
    ("stranger = {", "strangr = {", (13, "strangr"), "unknown member 'strangr'", "did you mean 'stranger'?"),
    # between members
    ('id = "sae-2"', 'id = "sae-1"', (11, '"sae-1"'), "the SAE ID 'sae-1' stands twice (first on line 10)"),
    (':9443" }', f':9443" }}, {TWIN}', (9, '"kme-a", url = "https://127.0.0.1:7'), "the KME ID 'kme-a' stands twice"),
    ('"sae-2", kme = "kme-b"', '"sae-2", kme = "kme-q"', (11, '"kme-q"'), "there is no KME 'kme-q'"),
    (f"https://{A}", f"http://{A}", (9, f'"http://{A}"'), "does not begin with https://"),
    (f"https://{A}", A, (9, f'"{A}"'), "does not begin with https://"),
    (A, f"{A}/api/v1", (9, f'"https://{A}/api'), "more than a host and a port", f"'https://{A}'"),
    (A, f"{A}?a=b", (9, f'"https://{A}?a'), "more than a host and a port"),
    (A, "127.0.0.1:84430", (9, '"https://127.0.0.1:84430"'), "is not a URL with a port from 1 to 65535"),
    ("127.0.0.1:9443", A, (9, f'"https://{A}" }} ]'), "is the address of 'kme-a' too"),
    (':9443" }', ':9443", grpc = "127.0.0.1" }', (9, '"127.0.0.1" }'), "'127.0.0.1' is not host:port"),
    # files
    ('"ca.pem"', '"ca.pme"', (8, '"ca.pme"'), "there is no file 'ca.pme'", "did you mean 'ca.pem'?"),
    ('"ca.pem"', '"pki/ca.pem"', (8, '"pki/ca.pem"'), "there is no folder"),
    ('"ca.pem"', '"text.pem"', (8, '"text.pem"'), "'text.pem' is not PEM"),
    ('"ca.pem"', '"old-ca.pem"', (8, '"old-ca.pem"'), "1 of 1 CA certificates", "expired on 2025-05-27"),
    ('"ca.pem"', '"."', (8, '"."'), "cannot be read: is a directory"),
    ('"sae-1.pem"', '"sae-1.key"', (10, '"sae-1.key", key'), "holds a private key, not a certificate"),
    ('"sae-1.pem"', '"damaged.pem"', (10, '"damaged.pem"'), "'damaged.pem' holds a damaged certificate"),
    ('"sae-1.pem"', '"der.key"', (10, '"der.key"'), "'der.key' is not PEM but DER", "openssl x509 -inform der"),
    ('"sae-1.key"', '"sae-1.pem"', (10, '"sae-1.pem" }'), "holds a certificate, not a private key"),
    ('"sae-1.key"', '"locked.key"', (10, '"locked.key"'), "'locked.key' is encrypted", "openssl pkey -in locked.key"),
    ('"sae-1.key"', '"locked-old.key"', (10, '"locked-old.key"'), "'locked-old.key' is encrypted"),
    ('"sae-1.key"', '"damaged.key"', (10, '"damaged.key"'), "'damaged.key' holds a damaged private key"),
    ('"sae-1.key"', '"der.key"', (10, '"der.key"'), "'der.key' is not PEM but DER", "openssl pkey -inform der"),
    ('"sae-1.key"', '"sae-2.key"', (10, '"sae-2.key"'), "'sae-2.key' is not the private key of 'sae-1.pem'"),
    ('"sae-unknown.key"', '"sae-2.key"', (13, '"sae-2.key"'), "is not the private key of 'sae-unknown.pem'"),
    (OF_1, OF_1.replace("sae-1.", "expired."), (10, '"expired.pem"'), "expired on 2026-06-01 11:00 UTC"),
    (OF_1, OF_1.replace("sae-1.", "future."), (10, '"future.pem"'), "is not valid before 2026-06-02"),
    ("{ certificate", "{ certificate", (13, '"sae-2.pem"'), "this is the certificate of sae-2 too"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "place", "words"), [(c[0], c[1], c[2], c[3:]) for c in CASES])
def test_one_mistake_is_one_problem_at_its_place(
    written: Callable[[str], Path], old: str, new: str, place: tuple[int, str], words: tuple[str, ...]
) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if old == new:
        text = text.replace("sae-unknown.", "sae-2.")
    path = written(text)
    with pytest.raises(FileError) as caught:
        load_target(path, now=NOW)
    [problem] = [found for found in caught.value.problems if found.weight == "error"]
    line, column = problem.place.line, problem.place.column
    assert line == place[0], str(problem)
    assert text.split("\n")[line - 1][column - 1 :].startswith(place[1]), str(problem)
    assert str(problem).startswith(f"{path}:{line}:{column}: ")
    for word in words:
        assert word in str(problem)


SYNTAX = [
    ('[iut]\nname = "a"; vendor = "b"\n', (2, 11), "one member stands on a line"),
    ("[iut]\nname = acme\n", (2, 8), "text stands in quotation marks"),
    ('[iut]\nname = "a"\nname = "b"\n', (3, 11), "the member stands twice"),
    ('[iut\nname = "a"\n', (1, 5), "is not TOML"),
    ('[ixit.etsi014]\nkme = [ { id = "a",\n url = "b" } ]\n', (2, 20), "stands on one line"),
    ('[iut]\nname = "é" x', (2, 12), "is not TOML"),
    ("[iut]\nname = ", (2, 8), "is not TOML"),
]


@pytest.mark.parametrize(("text", "place", "words"), SYNTAX)
def test_a_file_that_is_not_toml(written: Callable[[str], Path], text: str, place: tuple[int, int], words: str) -> None:
    with pytest.raises(FileError) as caught:
        load_target(written(text), now=NOW)
    [problem] = caught.value.problems
    assert (problem.place.line, problem.place.column) == place, str(problem)
    assert words in str(problem)


def test_all_problems_are_said_at_once_and_in_order(written: Callable[[str], Path]) -> None:
    text = (
        GOOD.replace("vendor = ", "vendr = ")
        .replace('"sae-2.key"', '"sae-3.key"')
        .replace("https://127.0.0.1:8443", "ftp://127.0.0.1:8443")
        .replace("key_budget = 400", "key_budget = -1")
        .replace('"sae-3.pem"', '"sae-5.pem"')
    )
    with pytest.raises(FileError) as caught:
        load_target(written(text), now=NOW)
    lines = [problem.place.line for problem in caught.value.problems]
    assert lines == [3, 9, 11, 12, 14]


def test_a_misspelt_member_is_not_said_to_be_missing_too(written: Callable[[str], Path]) -> None:
    with pytest.raises(FileError) as caught:
        load_target(written(GOOD.replace('{ id = "sae-2"', '{ ID = "sae-2"')), now=NOW)
    [problem] = caught.value.problems
    assert problem.suggestion == "id"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["[iut] is missing", "neither [ixit.etsi014] nor [launch] is there"]),
        (
            '[iut]\nname = "a"\n[ixit.etsi014]\n',
            ["'trust' is missing", "no KME is given", "no SAE is given"],
        ),
        ('[iut]\nname = "a"\n[launch]\n', ["[launch] names nothing to start"]),
        (
            '[launch]\ncommand = ["x"]\nvendor = "reference"\n',
            ["'command' and 'vendor' exclude each other"],
        ),
        ('[launch]\nvendor = "refrence"\n', ["'refrence' is installed; did you mean 'reference'?"]),
        ('[launch]\ncommand = "x"\n', ["'command' is text, a list is wanted"]),
        ("[launch]\ncommand = []\n", ["'command' is empty"]),
    ],
)
def test_what_a_file_must_have(written: Callable[[str], Path], text: str, words: list[str]) -> None:
    with pytest.raises(FileError) as caught:
        load_target(written(text), now=NOW)
    assert len(caught.value.problems) == len(words)
    for word in words:
        assert word in str(caught.value)


def test_addresses_and_launch_exclude_each_other(written: Callable[[str], Path]) -> None:
    with pytest.raises(FileError) as caught:
        load_target(written(GOOD + '[launch]\ncommand = ["x"]\n'), now=NOW)
    assert [problem.place.line for problem in caught.value.problems] == [8, 9, 10, 13]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.toml:1:1: cannot be read: no such file"):
        load_target(tmp_path / "none.toml")


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "acme.toml"
    path.write_bytes(b'[iut]\nname = "\xff"\n')
    with pytest.raises(FileError, match=r"acme\.toml:2:9: is not UTF-8"):
        load_target(path)


def test_no_message_shows_a_password_or_a_key(written: Callable[[str], Path]) -> None:
    text = GOOD.replace("https://127.0.0.1:8443", "https://me:hush@127.0.0.1:0").replace("sae-1.key", "damaged.key")
    with pytest.raises(FileError) as caught:
        load_target(written(text), now=NOW)
    shown = repr(caught.value) + str(caught.value)
    assert "user name" in shown
    assert "hush" not in shown
    assert "c2VjcmV0" not in shown
