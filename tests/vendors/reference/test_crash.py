"""The process dies at each step of a key's life; the store is opened again as the kernel has it."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from tests.vendors.reference.rig import Rig, in_loop, planted_block, planted_stream, raised
from vendors.reference.copies import State
from vendors.reference.delivery import Delivery, KeyDelivery
from vendors.reference.kme import Parts
from vendors.reference.settings import KmeSettings
from vendors.reference.settlement import Allocation, Settlement

LINK = "kme-a--kme-b"


async def die(rig: Rig, kme_id: str) -> None:
    """Ends a KME and puts its store back as it was before the end."""
    store = rig.state / kme_id
    copy = rig.state / f"{kme_id}.dead"
    shutil.copytree(store, copy)
    await rig.stop(kme_id)
    shutil.rmtree(store)
    copy.rename(store)


async def revive(rig: Rig, kme_id: str) -> None:
    await rig.start(kme_id)
    await rig.stocked()


def state_of(rig: Rig, key_id: str) -> State:
    (copy,) = rig.kmes["kme-b"].copies.of_key(uuid.UUID(key_id).bytes)
    return State(copy.state)


@in_loop
async def test_keys_that_wait_survive_either_end(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        taken = (await one.enc("sae-2", {"number": 5})).keys
        for kme_id in ("kme-b", "kme-a"):
            await die(rig, kme_id)
            await revive(rig, kme_id)
        assert (await two.dec("sae-1", *taken)).keys == taken
        assert (await two.dec("sae-1", *taken)).status == 400


@in_loop
async def test_the_cursor_never_goes_back(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one = await rig.sae("sae-1")
        keys = []
        for _ in range(4):
            keys.append((await one.get_key("sae-2"))[1])
            await die(rig, "kme-a")
            await revive(rig, "kme-a")
        assert b"".join(keys) == planted_block(LINK, 0)[:128]


class Dies(Settlement):
    """Keeps a picture of the store at a moment of the settlement."""

    folder: Path
    pictured = False

    def picture(self, name: str) -> None:
        shutil.copytree(self.folder / "kme-a", self.folder / name)
        type(self).pictured = True


@in_loop
async def test_death_after_the_own_commit_burns_the_keys(tmp_path: Path) -> None:
    class AfterCommit(Dies):
        folder = tmp_path

        def write_down(self, keys: Sequence[Allocation]) -> None:
            super().write_down(keys)
            if not self.pictured and keys[0].master == "sae-1":
                self.picture("then")

    async with raised(tmp_path, parts=Parts(settlement=AfterCommit, stream=planted_stream(8))) as rig:
        one = await rig.sae("sae-1")
        await one.enc("sae-2", {"number": 2})
        await rig.stop("kme-a")
        shutil.rmtree(tmp_path / "kme-a")
        (tmp_path / "then").rename(tmp_path / "kme-a")
        await revive(rig, "kme-a")
        _, key = await one.get_key("sae-2")
        assert key == planted_block(LINK, 0)[64:96]  # what the dead process had cut is not cut again


@in_loop
async def test_an_issuer_that_lost_its_memory_is_told_by_the_keeper(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one = await rig.sae("sae-1")
        shutil.copytree(tmp_path / "kme-a", tmp_path / "then")  # what a disk may come back with
        await one.enc("sae-2", {"number": 3})
        await rig.stop("kme-a")
        shutil.rmtree(tmp_path / "kme-a")
        (tmp_path / "then").rename(tmp_path / "kme-a")
        await revive(rig, "kme-a")
        _, key = await one.get_key("sae-2")
        assert key == planted_block(LINK, 0)[96:128]


class Interrupted(KeyDelivery):
    """Dies, as it were, before the kernel has the answer."""

    def sent(self, delivery: Delivery) -> None:
        pass

    def delivered(self, delivery: Delivery) -> None:
        pass


INTERRUPTED = Parts(delivery=Interrupted, stream=planted_stream(8))


@in_loop
async def test_death_within_a_delivery_lets_the_same_sae_ask_again(tmp_path: Path) -> None:
    async with raised(tmp_path, parts=INTERRUPTED) as rig:
        one, two, three = [await rig.sae(name) for name in ("sae-1", "sae-2", "sae-3")]
        taken = (await one.enc("sae-2", {"number": 2, "additional_slave_SAE_IDs": ["sae-3"]})).keys
        first, second = taken
        assert (await two.dec("sae-1", first)).status == 200
        assert (await two.dec("sae-1", first)).status == 400  # never twice in one life
        await die(rig, "kme-b")
        rig.parts = Parts(stream=planted_stream(8))
        await revive(rig, "kme-b")
        assert (await one.dec("sae-1", first)).status == 401
        assert (await two.dec("sae-1", first, second)).keys == taken
        assert (await two.dec("sae-1", first)).status == 400
        assert (await three.dec("sae-1", first, second)).keys == taken


@in_loop
async def test_a_delivery_may_be_cut_short_more_than_once(tmp_path: Path) -> None:
    async with raised(tmp_path, parts=INTERRUPTED) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        key_id, key = await one.get_key("sae-2")
        for _ in range(3):
            assert (await two.dec("sae-1", key_id)).keys == {key_id: key}
            assert (await two.dec("sae-1", key_id)).status == 400
            await die(rig, "kme-b")
            await revive(rig, "kme-b")


@in_loop
async def test_what_is_not_asked_for_in_time_is_destroyed(tmp_path: Path) -> None:
    async with raised(tmp_path, parts=INTERRUPTED) as rig:
        one, two, three = [await rig.sae(name) for name in ("sae-1", "sae-2", "sae-3")]
        key_id, _ = await one.get_key("sae-2")
        waiting, key = await one.get_key("sae-2")
        await two.dec("sae-1", key_id)
        await die(rig, "kme-b")
        await revive(rig, "kme-b")
        rig.kmes["kme-b"].end_recovery()
        assert state_of(rig, key_id) == State.DELIVERED
        assert (await two.dec("sae-1", key_id)).status == 400
        assert (await three.dec("sae-1", key_id)).status == 401
        assert (await two.dec("sae-1", waiting)).keys == {waiting: key}


@in_loop
async def test_recovery_ends_by_itself(tmp_path: Path) -> None:
    settings = KmeSettings(recovery_s=0.0)
    async with raised(tmp_path, parts=INTERRUPTED, settings=settings) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        key_id, _ = await one.get_key("sae-2")
        await two.dec("sae-1", key_id)
        await die(rig, "kme-b")
        await revive(rig, "kme-b")
        assert (await two.dec("sae-1", key_id)).status == 400
        assert state_of(rig, key_id) == State.DELIVERED


@in_loop
async def test_death_after_a_delivery_was_noted_changes_nothing(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        key_id, _ = await one.get_key("sae-2")
        await two.dec("sae-1", key_id)
        assert state_of(rig, key_id) == State.DELIVERED
        await die(rig, "kme-b")
        await revive(rig, "kme-b")
        assert (await two.dec("sae-1", key_id)).status == 400


@in_loop
async def test_ports_are_kept_over_lives(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        before = rig.endpoints["kme-a"]
        await die(rig, "kme-a")
        await revive(rig, "kme-a")
        assert rig.endpoints["kme-a"] == before
