"""No key octet gets out: known keys are planted, a campaign is run, and everything that was written is searched.

The KMEs are fed from a key source with a known seed, so every octet that could become a key is known here. The search
looks for any eight neighbouring octets of it, raw or in the usual encodings.
"""

from __future__ import annotations

import base64
import binascii
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.hosting import LaunchSpec
from harness.testbed.blocking import BlockingBed, blocking_bed
from harness.testbed.pair import Supply

_SEED = bytes(range(32))
_BLOCKS, _BLOCK_OCTETS = 96, 4096
_WINDOW = 8
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{11,}")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}[:\s,-]?){8,}")
_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")
_NUMBERS = re.compile(rb"(?:\d{1,3},\s*){7,}\d{1,3}")


class Planted:
    """All octets of the links that feed the KMEs."""

    def __init__(self, streams: list[bytes]) -> None:
        self._windows = {stream[at : at + _WINDOW] for stream in streams for at in range(len(stream) - _WINDOW + 1)}

    def found_in(self, written: bytes) -> bool:
        """Whether eight neighbouring planted octets stand in ``written``, in any encoding looked for."""
        return any(self._holds(reading) for reading in _readings(written))

    def _holds(self, octets: bytes) -> bool:
        return any(octets[at : at + _WINDOW] in self._windows for at in range(len(octets) - _WINDOW + 1))


def _readings(written: bytes) -> Iterator[bytes]:
    yield written
    if b"\\x" in written:  # as repr writes octets
        yield _ESCAPE.sub(lambda escape: bytes([int(escape[1], 16)]), written)
    for run in _BASE64.findall(written):
        standard = run.replace(b"-", b"+").replace(b"_", b"/")
        for shift in range(4):
            piece = standard[shift:]
            yield base64.b64decode(piece[: len(piece) // 4 * 4])
    for run in _HEX.findall(written):
        digits = re.sub(rb"[:\s,-]", b"", run)
        for shift in range(2):
            piece = digits[shift:]
            yield binascii.unhexlify(piece[: len(piece) // 2 * 2])
    for run in _NUMBERS.findall(written):
        numbers = [int(number) for number in run.split(b",")]
        yield bytes(number for number in numbers if number < 256)


def _planted(bed: BlockingBed) -> Planted:
    return Planted(
        [b"".join(bed.key_source.block(link.id, index) for index in range(_BLOCKS)) for link in bed.network.links]
    )


def _bed(module: str, variant: str = "") -> Iterator[BlockingBed]:
    spec = LaunchSpec(("{python}", "-m", module), name=module)
    supply = Supply(seed=_SEED, block_octets=_BLOCK_OCTETS, total_blocks=_BLOCKS)
    with blocking_bed(spec, variant=variant, separate_processes=True, supply=supply) as bed:
        yield bed


def _certify(folder: Path, bed: BlockingBed, *options: str) -> tuple[int, dict[str, bytes]]:
    """Certify the bed from a folder of its own; gives the exit code and everything that was written."""
    target = bed.reached.write_target(folder / "target")
    work = folder / "work"
    work.mkdir()
    command = [str(Path(sys.executable).with_name("qkd-harness")), "certify", str(target), "--out", "out", *options]
    ran = subprocess.run(command, cwd=work, capture_output=True, check=False, timeout=100)
    written = {str(path.relative_to(work)): path.read_bytes() for path in work.rglob("*") if path.is_file()}
    written |= {"stdout": ran.stdout, "stderr": ran.stderr}
    for kme in bed.reached.kmes:
        written[f"log of {kme.id}"] = bed.log_tail(kme.id).text.encode()
    return ran.returncode, written


@pytest.mark.timeout(240)
def test_a_campaign_on_the_reference_writes_no_key(tmp_path: Path) -> None:
    for bed in _bed("vendors.reference"):
        code, written = _certify(tmp_path, bed, "--json")
        assert code == 0, written["stderr"][-2000:]
        assert {"out/run.json", "out/junit.xml", "out/report.html"} <= set(written)
        planted = _planted(bed)
        assert [name for name, octets in written.items() if planted.found_in(octets)] == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize("variant", ["error-shows-last-key", "key-in-refusal", "slave-gets-other-bytes"])
def test_a_kme_that_spills_keys_does_not_make_the_harness_spill_them(tmp_path: Path, variant: str) -> None:
    for bed in _bed("vendors.faulty", variant):
        code, written = _certify(tmp_path, bed)
        assert code == 1, written["stderr"][-2000:]
        planted = _planted(bed)
        logs = {name for name in written if name.startswith("log of")}
        assert [name for name, octets in written.items() if name not in logs and planted.found_in(octets)] == []


_KEY = bytes.fromhex("8f3b1c77aa02de915560f1c4377e0b2a9d")


@pytest.mark.parametrize(
    "written",
    [
        _KEY,
        b"x" + base64.b64encode(_KEY),
        b'{"key": "' + base64.b64encode(b"ab" + _KEY) + b'"}',
        base64.urlsafe_b64encode(_KEY).rstrip(b"="),
        _KEY.hex().encode(),
        _KEY.hex(":").upper().encode(),
        repr(_KEY).encode(),
        str(list(_KEY)).encode(),
    ],
    ids=["raw", "base64", "base64 in JSON, shifted", "base64url", "hex", "hex with colons", "repr", "numbers"],
)
def test_the_search_finds_a_key_in_each_encoding(written: bytes) -> None:
    planted = Planted([b"\0" * 16 + _KEY + b"\1" * 16])
    assert planted.found_in(b"some text " + written + b" more text")
    assert not planted.found_in(b"some text " + quote("nothing to see").encode() + b" more text")
