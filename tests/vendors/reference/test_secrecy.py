"""No key byte in clear: not on the disk, not in a log, not in a repr, not in an exception."""

from __future__ import annotations

import base64
import logging
import stat
from pathlib import Path

import pytest

from tests.vendors.reference.rig import in_loop, planted_block, planted_stream, raised
from vendors.reference.copies import NewCopy
from vendors.reference.delivery import KeyDelivery
from vendors.reference.kme import Parts
from vendors.reference.model import Key, KeyIdsRequest
from vendors.reference.settlement import Allocation

LINK = "kme-a--kme-b"
BLOCKS = 16


def traces_of(secret: bytes) -> list[bytes]:
    """How a secret of 16 octets could stand in a file or a log."""
    forms = [secret, secret.hex().encode(), repr(secret)[2:-1].encode(), base64.b64encode(secret)[:20]]
    return forms + [base64.b64encode(bytes(shift) + secret)[4:24] for shift in (1, 2)]


def assert_absent(where: bytes, what: str) -> None:
    for index in range(BLOCKS):
        block = planted_block(LINK, index)
        for start in range(0, len(block), 16):
            for trace in traces_of(block[start : start + 16]):
                assert trace not in where, f"octets {start} of block {index} are in {what}"


def files_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@in_loop
async def test_nothing_in_the_state_folder_or_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with raised(tmp_path, blocks=BLOCKS) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        taken = (await one.enc("sae-2", {"number": 8, "size": 128, "additional_slave_SAE_IDs": ["sae-4"]})).keys
        assert_absent(files_of(tmp_path), "the stores with keys waiting")
        assert (await two.dec("sae-1", *list(taken)[:4])).status == 200
        await two.dec("sae-1", *taken)
        assert_absent(files_of(tmp_path), "the stores with keys delivered")
        for kme_id in ("kme-a", "kme-b"):
            kek = tmp_path / kme_id / "store.kek"
            assert stat.S_IMODE(kek.stat().st_mode) == 0o600
            assert stat.S_IMODE((tmp_path / kme_id / "store.db").stat().st_mode) == 0o600
            assert kek.read_bytes() not in (tmp_path / kme_id / "store.db").read_bytes()
    assert_absent(files_of(tmp_path), "the stores when closed")
    assert_absent(caplog.text.encode(), "the log")


@in_loop
async def test_nothing_in_the_log_when_it_goes_wrong(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(KeyDelivery):
        async def get_key_with_key_ids(self, caller: str | None, request: KeyIdsRequest) -> None:  # type: ignore[override]
            delivery = await super().get_key_with_key_ids(caller, request)
            raise ValueError(delivery.container.keys[0].octets, delivery)

    caplog.set_level(logging.DEBUG)
    async with raised(tmp_path, parts=Parts(delivery=Broken, stream=planted_stream(BLOCKS))) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        key_id, _ = await one.get_key("sae-2", size=128)
        answer = await two.dec("sae-1", key_id)
        assert (answer.status, answer.json) == (503, {"message": "error on server side"})
        assert_absent(answer.body, "the answer")
    assert "ValueError" in caplog.text
    assert "test_secrecy.py" in caplog.text  # where it happened is told
    assert_absent(caplog.text.encode(), "the log")


@in_loop
async def test_a_store_without_its_key_gives_nothing(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        key_id, _ = await one.get_key("sae-2")
        await rig.stop("kme-b")
        (tmp_path / "kme-b" / "store.kek").unlink()
        await rig.start("kme-b")
        answer = await two.dec("sae-1", key_id)
        assert (answer.status, answer.json) == (503, {"message": "key data access error"})


@in_loop
async def test_deleted_octets_are_overwritten(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        key_id, _ = await one.get_key("sae-2")
        (row,) = rig.kmes["kme-b"].database.read("SELECT sealed FROM copy")
        sealed = row[0]
        assert isinstance(sealed, bytes)
        await two.dec("sae-1", key_id)
    assert sealed not in files_of(tmp_path)


def test_reprs() -> None:
    secret = b"0123456789abcdef"
    for thing in (
        Key(bytes(16), secret),
        NewCopy(bytes(16), "s", "m", secret),
        Allocation(bytes(16), secret, 128, "m", [], []),
    ):
        assert secret.decode() not in repr(thing)
