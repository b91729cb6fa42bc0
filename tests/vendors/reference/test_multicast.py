"""Keys for several SAEs, at one KME and at several (6.2; Annex B)."""

from __future__ import annotations

from pathlib import Path

from tests.vendors.reference.rig import in_loop, raised
from vendors.reference.settings import KmeSettings

THREE_SITES = {"sae-1": "kme-a", "sae-2": "kme-b", "sae-3": "kme-b", "sae-4": "kme-a", "sae-5": "kme-c"}


@in_loop
async def test_every_slave_gets_the_same_key_once(tmp_path: Path) -> None:
    async with raised(tmp_path, saes=THREE_SITES) as rig:
        one = await rig.sae("sae-1")
        for size in (256, 259):
            members = {"number": 2, "size": size, "additional_slave_SAE_IDs": ["sae-3", "sae-4", "sae-5"]}
            taken = (await one.enc("sae-2", members)).keys
            assert len(set(taken.values())) == 2
            for name in ("sae-5", "sae-2", "sae-4", "sae-3"):
                sae = await rig.sae(name)
                assert (await sae.dec("sae-1", *taken)).keys == taken
                assert (await sae.dec("sae-1", *taken)).status == 400
            assert (await one.dec("sae-1", *taken)).status == 401


@in_loop
async def test_an_sae_that_was_not_named_gets_nothing(tmp_path: Path) -> None:
    async with raised(tmp_path, saes=THREE_SITES) as rig:
        one, three, five = [await rig.sae(name) for name in ("sae-1", "sae-3", "sae-5")]
        taken = (await one.enc("sae-2", {"additional_slave_SAE_IDs": ["sae-4"]})).keys
        assert (await three.dec("sae-1", *taken)).status == 401
        assert (await five.dec("sae-1", *taken)).status == 400  # its KME has never heard of the key


@in_loop
async def test_naming_an_sae_twice_is_naming_it_once(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        taken = (await one.enc("sae-2", {"additional_slave_SAE_IDs": ["sae-2", "sae-3", "sae-3"]})).keys
        assert (await two.dec("sae-1", *taken)).keys == taken
        assert (await two.dec("sae-1", *taken)).status == 400


@in_loop
async def test_limits(tmp_path: Path) -> None:
    async with raised(tmp_path, settings=KmeSettings(max_sae_id_count=1)) as rig:
        one = await rig.sae("sae-1")
        assert (await one.status("sae-2")).json["max_SAE_ID_count"] == 1
        assert (await one.enc("sae-2", {"additional_slave_SAE_IDs": ["sae-3"]})).status == 200
        assert (await one.enc("sae-2", {"additional_slave_SAE_IDs": ["sae-3", "sae-4"]})).status == 400


@in_loop
async def test_switched_off(tmp_path: Path) -> None:
    async with raised(tmp_path, settings=KmeSettings(max_sae_id_count=0)) as rig:
        one = await rig.sae("sae-1")
        assert (await one.enc("sae-2", {"additional_slave_SAE_IDs": []})).status == 200
        assert (await one.enc("sae-2", {"additional_slave_SAE_IDs": ["sae-3"]})).status == 400


@in_loop
async def test_a_slave_at_the_masters_own_kme(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one, four = await rig.sae("sae-1"), await rig.sae("sae-4")
        assert (await one.status("sae-4")).json["target_KME_ID"] == "kme-a"
        key_id, key = await one.get_key("sae-4")
        assert (await one.dec("sae-1", key_id)).status == 401
        assert (await four.dec("sae-1", key_id)).keys == {key_id: key}


@in_loop
async def test_no_kme_is_told_of_a_key_unless_all_are(tmp_path: Path) -> None:
    async with raised(tmp_path, saes=THREE_SITES) as rig:
        one, four = await rig.sae("sae-1"), await rig.sae("sae-4")
        await rig.stop("kme-c")
        answer = await one.enc("sae-2", {"additional_slave_SAE_IDs": ["sae-4", "sae-5"]})
        assert answer.status == 503
        assert rig.kmes["kme-a"].database.read("SELECT count(*) FROM copy") == [(0,)]
        assert (await one.enc("sae-2", {"additional_slave_SAE_IDs": ["sae-4"]})).status == 200
        assert (await four.status("sae-5")).json["stored_key_count"] == 0
