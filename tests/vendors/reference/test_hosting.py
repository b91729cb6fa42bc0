"""The reference KMS as the harness hosts it: raised, killed, raised again, ended; and nothing written in clear."""

from __future__ import annotations

import ssl
from pathlib import Path

import aiohttp
import pytest

from harness.hosting import HostingError, LaunchSpec
from harness.testbed.bed import Bed
from harness.testbed.pair import Supply, raise_pair
from tests.vendors.reference.rig import Sae, in_loop
from vendors.reference.entry import ENTRY


def files_of(folder: Path) -> bytes:
    """Everything in a folder."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


class Saes:
    """The SAEs of a testbed, wherever their KMEs are at the moment."""

    def __init__(self, bed: Bed, session: aiohttp.ClientSession, folder: Path) -> None:
        self._bed = bed
        self._session = session
        self._folder = folder

    def __call__(self, sae_id: str) -> Sae:
        reached = self._bed.reached
        sae = reached.sae(sae_id)
        context = ssl.create_default_context(cadata=reached.trust_pem.decode())
        both = self._folder / "both.pem"
        both.write_bytes(sae.private_key_pem + sae.certificate_pem)
        context.load_cert_chain(both)
        both.unlink()
        return Sae(self._session, reached.kme_of(sae_id).url, context)


async def stocked(sae: Sae, slave: str, keys: int) -> None:
    """Returns when the KME has so many keys."""
    for _ in range(1000):
        if (await sae.status(slave)).json["stored_key_count"] >= keys:
            return
    raise TimeoutError(f"not {keys} keys after 1000 looks at the status")


@in_loop
async def test_a_hosted_pair_goes_on_after_kill_9(tmp_path: Path) -> None:
    spec = LaunchSpec(ENTRY.argv(), name=ENTRY.name, folder=tmp_path / "hosted", env={"QKD_HARNESS_LOG": "DEBUG"})
    supply = Supply(seed=bytes(range(32)), total_blocks=8)
    async with aiohttp.ClientSession() as session, raise_pair(spec, separate_processes=True, supply=supply) as bed:
        saes = Saes(bed, session, tmp_path)
        await stocked(saes("sae-1"), "sae-2", 512)
        taken = (await saes("sae-1").enc("sae-2", {"number": 8})).keys
        first, *rest = taken
        assert (await saes("sae-2").dec("sae-1", first)).keys == {first: taken[first]}
        for kme_id in ("kme-b", "kme-a"):
            await bed.restart(kme_id)
        assert (await saes("sae-2").dec("sae-1", *rest)).keys == {key_id: taken[key_id] for key_id in rest}
        assert (await saes("sae-2").dec("sae-1", first)).status == 400
        await stocked(saes("sae-1"), "sae-2", 504)
        last = (await saes("sae-1").enc("sae-2", {"number": 128})).keys
        assert not set(last.values()) & set(taken.values())
        written = files_of(tmp_path)
        assert len(written) > 8 * 4096  # the stores are among them
        for key in (taken | last).values():
            assert key not in written
            assert key.hex().encode() not in written


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"sizes": "1"}, "unknown setting 'sizes'"), ({"key_size": "big"}, "setting key_size: 'big'")],
)
@in_loop
async def test_settings_that_make_no_sense_are_refused(tmp_path: Path, settings: dict[str, str], says: str) -> None:
    spec = LaunchSpec(ENTRY.argv(), name=ENTRY.name, folder=tmp_path)
    with pytest.raises(HostingError) as caught:
        async with raise_pair(spec, settings=settings):
            pass
    assert says in str(caught.value)
