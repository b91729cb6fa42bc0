"""The bounded log, as the shim writes it and the harness reads it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.hosting.log import LogTail, read_tail, scrub
from harness.hosting.shim import Log

_LIMIT = 1000


def written(path: Path, *chunks: bytes) -> Path:
    log = Log(str(path), _LIMIT)
    for chunk in chunks:
        log.write(chunk)
    os.close(log._file)
    return path


@pytest.mark.parametrize("sizes", [[10], [999, 1], [999, 2], [600] * 5, [5000], [1, 5000, 1], [1000, 1000, 1000]])
def test_nothing_is_lost_uncounted(tmp_path: Path, sizes: list[int]) -> None:
    stream = bytes(ord("a") + i % 26 for i in range(sum(sizes)))
    offsets = [sum(sizes[:i]) for i in range(len(sizes))]
    chunks = [stream[at : at + size] for at, size in zip(offsets, sizes, strict=True)]
    tail = read_tail(written(tmp_path / "log", *chunks), [])
    assert tail.dropped + len(tail.text) == len(stream)
    assert stream.decode().endswith(tail.text)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2 * (_LIMIT + 64)


def test_a_log_goes_on_after_a_restart(tmp_path: Path) -> None:
    written(tmp_path / "log", b"x" * 1500, b"first\n")
    tail = read_tail(written(tmp_path / "log", b"second\n"), [])
    assert tail.text.endswith("first\nsecond\n")
    assert tail.dropped + len(tail.text) == 1500 + len("first\nsecond\n")


def test_the_log_is_private(tmp_path: Path) -> None:
    assert written(tmp_path / "log", b"x").stat().st_mode & 0o077 == 0


def test_a_secret_that_was_cut_in_half_is_not_shown(tmp_path: Path) -> None:
    secret = "s3cr3t-" * 6
    path = written(tmp_path / "log", secret[:20].encode().rjust(_LIMIT), secret[20:].encode().ljust(_LIMIT), b"end\n")
    tail = read_tail(path, [secret])
    assert tail.dropped == _LIMIT
    assert "s3cr3t" not in tail.text


def test_secrets_keys_and_terminal_controls_are_scrubbed() -> None:
    key = "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----"
    assert (
        scrub(f"a tok b {key} c \x1b[2Jd\te\n", ["tok"])
        == "a (redacted) b (redacted) c \N{REPLACEMENT CHARACTER}[2Jd\te\n"
    )


def test_a_key_that_is_cut_off_at_the_end_is_scrubbed() -> None:
    assert scrub("x -----BEGIN PRIVATE KEY-----\nMHcC", []) == "x (redacted)"


def test_octets_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    assert "\N{REPLACEMENT CHARACTER}" in read_tail(written(tmp_path / "log", b"\xff\xfe\n"), []).text


def test_no_log_is_an_empty_tail(tmp_path: Path) -> None:
    assert read_tail(tmp_path / "log", ["x"]) == LogTail("", 0)


def test_lines_say_what_is_missing() -> None:
    assert LogTail("").lines(3) == ["  log: empty"]
    assert LogTail("a\nb\nc\nd\n", 7).lines(2) == [
        "  log: last 2 of 4 lines, 7 octets before them dropped",
        "    | c",
        "    | d",
    ]
