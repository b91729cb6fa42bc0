"""Whatever comes, in whatever order, and whoever dies when: an index never holds different bytes at the two ends."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from qkd.reference.v1.kme_peer_pb2 import Offer
from tests.vendors.reference.intake.ends import BLOCK_OCTETS, KMES, Cable, Death, End, Module, World, slices
from vendors.reference.intake.choice import Combining
from vendors.reference.intake.composition import Composition, PartName, Slice, Strand, to_wire
from vendors.reference.intake.follower import Follower
from vendors.reference.intake.parts import NewBlock
from vendors.reference.vault import Vault


class History:
    """A random history of two ends, checked after every step."""

    def __init__(self, folder: Path, seed: int, combining: Combining, sources: int) -> None:
        self.random = random.Random(seed)
        names = [f"link/{number}" for number in range(sources)]
        self.world = World(folder, combining, names)
        self.ends = {kme_id: End(self.world, kme_id) for kme_id in KMES}
        self.cable = Cable(self.ends["kme-a"], self.ends["kme-b"])
        self.modules = [Module(name, self.random) for name in names]
        self.seen: dict[int, bytes] = {}
        self.boots = 0

    async def step(self) -> None:
        end = self.ends[self.random.choice(KMES)]
        match self.random.choices(
            ["make", "hand over", "deliver", "take", "time", "cut", "kill", "doom"], [25, 30, 40, 10, 6, 2, 1, 1]
        )[0]:
            case "make":
                self.random.choice(self.modules).make()
            case "hand over":
                self.random.choice(self.modules).hand_over(end)
            case "deliver" if not self.cable.connected:
                self.cable.connect()
            case "deliver":
                to = self.random.choice(["leader", "follower"])
                try:
                    self.cable.deliver(to)
                except Death:
                    self.restart(self.ends["kme-a" if to == "leader" else "kme-b"])
            case "take":
                self.take(end)
            case "time":
                self.pass_time(self.random.choice([0.1, 1.0, 4.0]))
            case "cut":
                self.cable.cut()
            case "kill":
                self.restart(end)
            case "doom":
                end.doomed = self.random.choice(["before", "after"])
        await asyncio.sleep(0)
        self.check()

    def pass_time(self, seconds: float) -> None:
        while seconds > 0:
            self.world.pass_time(min(1.0, seconds))
            seconds -= 1.0
            for one in self.ends.values():
                one.role.tick()

    def take(self, end: End) -> None:
        """Keys are cut, as far as both ends have the bits."""
        (other,) = set(self.ends.values()) - {end}
        end.link.standing(other.link.held, other.link.granted)
        octets = min(end.link.available, self.random.choice([8, 32, 50]))
        if octets:
            offset = end.link.take(octets)
            end.link.account.hand_out(octets, 8 * octets, to_relay=self.random.random() < 0.5)
            assert other.link.may_grant(offset, octets)
            assert end.link.own_octets(offset, octets) == other.link.peer_octets(offset, octets)
            with end.database.transaction():
                end.link.save()
            other.link.reached(offset + octets)

    def restart(self, end: End) -> None:
        self.cable.cut()
        end.die()
        end.open()

    def check(self) -> None:
        for end in self.ends.values():
            for index, block in end.blocks().items():
                assert self.seen.setdefault(index, block) == block, f"block {index} differs"
            end.check_account()

    async def settle(self) -> None:
        """From now on nothing fails."""
        for end in self.ends.values():
            end.doomed = ""
        self.cable.cut()
        self.cable.connect()
        for _ in range(8):
            for module in self.modules:
                for end in self.ends.values():
                    while module.waiting[end.kme_id] and end.intake.sources[module.source_id].wanted.is_set():
                        module.hand_over(end)
            self.cable.deliver_all()
            await asyncio.sleep(0)
            self.cable.deliver_all()
            self.pass_time(4.0)
            for end in self.ends.values():
                self.take(end)
            self.check()


@pytest.mark.parametrize("combining", [Combining.ANY, Combining.ALL, Combining.ALL_ELSE_REMAINING])
@pytest.mark.parametrize("seed", range(3))
def test_both_ends_always_hold_the_same(tmp_path: Path, seed: int, combining: Combining) -> None:
    async def run() -> None:
        history = History(tmp_path, seed, combining, 2)
        for _ in range(400):
            await history.step()
        await history.settle()
        one, other = history.ends.values()
        assert one.link.held == other.link.held > 20
        used = list(slices(one))
        assert len(used) == len(set(used))  # no octet of a module is in the link twice
        assert used == list(slices(other))
        assert sum(end.link.account.destroyed for end in history.ends.values()) == 0  # a dead process burns nothing

    asyncio.run(run())


def test_after_a_loss_of_power_they_still_hold_the_same(tmp_path: Path) -> None:
    async def run() -> None:
        history = History(tmp_path, 11, Combining.ANY, 2)
        for number in range(12):
            for _ in range(60):
                await history.step()
            end = history.ends[history.random.choice(KMES)]
            history.restart(end)
            end.die()
            if number % 2:
                end.lose_power(f"boot-{number}")
                end.put = {name: sum(end.intake.parts.counted(name)) for name in end.put}
                for name in end.put:
                    end.put[name] += end.intake.parts.pending[name]
            else:
                end.open()
                for other in history.ends.values():
                    other.die()
                    other.snapshot()
                    other.open()
            history.seen = {}  # a block that only the end without power had may be made anew, otherwise
            for one in history.ends.values():
                one.doomed = ""
            history.cable.connect()
            for _ in range(4):
                history.cable.deliver_all()
                await asyncio.sleep(0)
            held = [one.link.held for one in history.ends.values()]
            assert held[0] == held[1]
            history.check()

    asyncio.run(run())


async def both(tmp_path: Path, combining: Combining, sources: int = 2) -> tuple[History, End, End]:
    history = History(tmp_path, 1, combining, sources)
    history.cable.connect()
    history.cable.deliver_all()
    return history, history.ends["kme-a"], history.ends["kme-b"]


async def go_on(history: History, seconds: float = 0.0) -> None:
    """Everything that can happen happens."""
    await asyncio.sleep(0)
    history.cable.deliver_all()
    history.pass_time(seconds)
    for _ in range(4):
        await asyncio.sleep(0)
        history.cable.deliver_all()
    history.check()


def block(number: int, octets: int = BLOCK_OCTETS) -> NewBlock:
    return NewBlock(bytes([number]) * 16, bytes([number]) * octets)


def test_combined_keys_need_every_source(tmp_path: Path) -> None:
    async def run() -> None:
        history, one, other = await both(tmp_path, Combining.ALL)
        for end in (one, other):
            end.give("link/0", block(0b0011))
        await go_on(history, 100.0)
        assert one.link.held == other.link.held == 0
        for end in (one, other):
            end.give("link/1", block(0b0101))
        await go_on(history)
        assert one.blocks() == other.blocks() == {0: bytes([0b0110]) * BLOCK_OCTETS}
        assert one.intake.sources["link/0"].left_out is False

    asyncio.run(run())


def test_the_others_go_on_when_a_source_fails_and_the_policy_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        history, one, other = await both(tmp_path, Combining.ALL_ELSE_REMAINING)
        for end in (one, other):
            end.give("link/0", block(1))
        await go_on(history, 29.0)
        assert one.link.held == 0  # patience
        await go_on(history, 2.0)
        await go_on(history)
        assert one.blocks() == other.blocks() == {0: bytes([1]) * BLOCK_OCTETS}
        for end in (one, other):
            source = end.intake.sources["link/1"]
            assert source.silent or source.left_out
        assert "keys are made without source link/1" in caplog.text
        for end in (one, other):  # it returns: all of them again
            end.give("link/0", block(3))
            end.give("link/1", block(5))
        await go_on(history)
        assert one.blocks()[1] == other.blocks()[1] == bytes([6]) * BLOCK_OCTETS
        assert not any(s.silent or s.left_out for e in (one, other) for s in e.intake.sources.values())

    asyncio.run(run())


def test_a_source_that_only_one_end_hears_counts_as_failed(tmp_path: Path) -> None:
    async def run() -> None:
        history, one, other = await both(tmp_path, Combining.ALL_ELSE_REMAINING)
        for number in range(8):
            one.give("link/1", block(100 + number))  # the other end's module is dead
            for end in (one, other):
                end.give("link/0", block(number))
            await go_on(history, 10.0)
        assert one.link.held == other.link.held >= 4
        assert one.intake.sources["link/1"].silent
        assert one.intake.parts.counted("link/1")[1] > 0  # dropped

    asyncio.run(run())


def test_each_source_as_it_comes(tmp_path: Path) -> None:
    async def run() -> None:
        history, one, other = await both(tmp_path, Combining.ANY)
        for end in (one, other):
            end.give("link/1", block(1))
        await go_on(history)
        assert one.link.held == other.link.held == 1

    asyncio.run(run())


def test_what_only_one_end_has_is_dropped_at_both_in_time(tmp_path: Path) -> None:
    async def run() -> None:
        history, one, other = await both(tmp_path, Combining.ANY, 1)
        one.give("link/0", block(1))
        other.give("link/0", block(2))
        await go_on(history)
        await go_on(history, 9.0)
        assert one.intake.parts.counted("link/0") == other.intake.parts.counted("link/0") == (0, 0)
        await go_on(history, 2.0)
        assert one.intake.parts.counted("link/0") == other.intake.parts.counted("link/0") == (0, BLOCK_OCTETS)
        one.give("link/0", block(2))  # too late
        other.give("link/0", block(1))
        await go_on(history)
        assert one.link.held == 0
        assert one.intake.parts.counted("link/0") == (0, 2 * BLOCK_OCTETS)

    asyncio.run(run())


def test_a_clock_step_drops_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        history, one, other = await both(tmp_path, Combining.ANY, 1)
        one.give("link/0", block(1))
        await go_on(history)
        history.world.now += 86400.0
        await go_on(history)
        other.give("link/0", block(1))
        await go_on(history)
        assert one.link.held == other.link.held == 1

    asyncio.run(run())


def test_a_leader_cannot_talk_a_follower_out_of_its_policy(tmp_path: Path) -> None:
    async def run() -> None:
        history, one, other = await both(tmp_path, Combining.ANY)
        other.intake.combining = Combining.ALL
        for end in (one, other):
            end.give("link/0", block(1))
        await go_on(history)
        assert one.link.held == other.link.held == 0

    asyncio.run(run())


def test_octets_cannot_be_used_twice_whatever_the_leader_says(tmp_path: Path) -> None:
    async def run() -> None:
        history, one, other = await both(tmp_path, Combining.ANY, 1)
        for end in (one, other):
            end.give("link/0", block(1, 2 * BLOCK_OCTETS))
            end.give("link/0", block(2, 16))
        await go_on(history)
        assert one.link.held == other.link.held == 2
        used, unused, unknown = (PartName("link/0", bytes([name]) * 16) for name in (1, 2, 9))
        for slices_ in [
            [Slice(used, 0, 32)],
            [Slice(used, 32, 32)],
            [Slice(unknown, 0, 32)],
            [Slice(unused, 0, 32)],
            [Slice(unused, 0, 16), Slice(unused, 0, 16)],
            [Slice(unused, 8, 8), Slice(unused, 0, 8), Slice(unused, 0, 16)],
        ]:
            again = Composition((Strand("link/0", tuple(slices_)),))
            offer = Offer(link_id="link", first_index=2, blocks=to_wire([again]), block_octets=BLOCK_OCTETS)
            assert isinstance(other.role, Follower)
            result = other.role._offered(offer)
            assert result.refusal
            assert result.held_blocks == 2

    asyncio.run(run())


def test_a_module_that_differs_in_length_makes_no_blocks(tmp_path: Path) -> None:
    async def run() -> None:
        history, one, other = await both(tmp_path, Combining.ANY, 1)
        one.give("link/0", block(1))
        other.give("link/0", block(1, 64))
        await go_on(history)
        await go_on(history, 1.0)
        assert one.link.held == other.link.held == 0
        assert one.intake.parts.counted("link/0")[1] == BLOCK_OCTETS

    asyncio.run(run())


def test_a_new_store_at_one_end_burns_and_goes_on(tmp_path: Path) -> None:
    async def run() -> None:
        for kme_id in KMES:
            folder = tmp_path / f"without-{kme_id}"
            folder.mkdir()
            history, one, other = await both(folder, Combining.ANY, 1)
            for end in (one, other):
                for number in range(5):
                    end.give("link/0", block(number))
            await go_on(history)
            assert one.link.held == 5
            history.cable.cut()
            end = history.ends[kme_id]
            end.die()
            for path in end.folder.glob("store.*"):
                path.unlink()
            end.put = dict.fromkeys(end.put, 0)
            end.open()
            history.cable.connect()
            await go_on(history)
            assert one.link.held == other.link.held == 5
            assert one.blocks() == other.blocks() == {}
            for end in (one, other):
                end.give("link/0", block(9))
            await go_on(history)
            assert one.blocks() == other.blocks() == {5: bytes([9]) * BLOCK_OCTETS}

    asyncio.run(run())


def test_parts_are_sealed_at_rest_and_what_is_used_is_gone(tmp_path: Path) -> None:
    async def run() -> None:
        history, one, other = await both(tmp_path, Combining.ANY, 1)
        secret = random.Random(5).randbytes(BLOCK_OCTETS + 16)
        for end in (one, other):
            end.give("link/0", NewBlock(b"i" * 16, secret))
        await go_on(history)
        assert one.link.held == 1
        files = b"".join(path.read_bytes() for path in one.folder.glob("store.*"))
        assert secret[:16] not in files
        assert secret[-16:] not in files
        ((sealed, used),) = one.database.read("SELECT sealed, used FROM part")
        assert isinstance(sealed, bytes)
        rest = Vault.open(one.folder / "store.kek").unseal(
            sealed, f"part of 1 from {used}: link/0/{b'i'.hex() * 16}/0".encode()
        )
        assert rest == secret[BLOCK_OCTETS:]

    asyncio.run(run())
