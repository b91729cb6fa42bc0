"""Hop keys: few calls for many messages, nothing unaccounted; back-pressure when the KME runs low."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.vendors.reference.forwarding.rig import QUICK, FakeHopKeys, KeyTable, assert_equal, both, chain
from tests.vendors.reference.rig import in_loop
from vendors.reference.forwarding.hops import HopKey, HopKeyError, KeysGoneError, KmeError, NoKeysError, RefusedError
from vendors.reference.forwarding.settings import ForwardingSettings
from vendors.reference.forwarding.supply import KeyFetcher, KeySupply


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def supply_of(table: KeyTable, keys: FakeHopKeys | None = None, clock: Clock | None = None) -> KeySupply:
    return KeySupply(keys or FakeHopKeys("a", table), "b", usual=[96], prefetch=4, prefetch_s=30, now=clock or Clock())


class SmallKme(FakeHopKeys):
    """A KME that serves two keys a request, and calls more a bad request."""

    async def take(self, slave_sae_id: str, number: int, octets: int) -> list[HopKey]:
        if number > 2:
            self._table.calls["take"] += 1
            raise RefusedError("number")
        return await super().take(slave_sae_id, number, octets)

    async def fetch(self, master_sae_id: str, key_ids: Sequence[str]) -> list[HopKey]:
        if len(key_ids) > 2:
            self._table.calls["fetch"] += 1
            raise KeysGoneError
        return await super().fetch(master_sae_id, key_ids)


@in_loop
async def test_callers_that_wait_share_a_request_and_a_few_keys_are_ready() -> None:
    table = KeyTable()
    supply = supply_of(table)
    keys = await asyncio.gather(*(supply.take(96) for _ in range(8)))
    assert len({key.key_id for key in keys}) == 8
    assert table.calls["take"] == 1
    assert supply.held_bits == 4 * 96 * 8
    await asyncio.gather(*(supply.take(96) for _ in range(4)))
    assert (table.calls["take"], supply.held_bits) == (1, 0)
    await supply.take(40)  # not a usual size: not one too many
    assert supply.held_bits == 0
    assert table.taken_bits["a", "b"] == 8 * (12 * 96 + 40)


@in_loop
async def test_keys_taken_ahead_are_not_used_when_they_are_old() -> None:
    clock, table = Clock(), KeyTable()
    supply = supply_of(table, clock=clock)
    await supply.take(96)
    clock.now = 31.0
    await supply.take(96)
    assert table.calls["take"] == 2
    assert (supply.discarded_bits, supply.held_bits) == (4 * 96 * 8, 4 * 96 * 8)
    await supply.close()
    assert (supply.discarded_bits, supply.held_bits) == (8 * 96 * 8, 0)


@in_loop
async def test_a_caller_that_gives_up_leaves_its_key_to_the_next() -> None:
    table = KeyTable()
    supply = supply_of(table)
    task = asyncio.create_task(supply.take(40))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    while supply._refills:  # noqa: ASYNC110 - ends with the request
        await asyncio.sleep(0)
    assert supply.held_bits == table.taken_bits["a", "b"]
    supply.give_back(await supply.take(40))
    assert supply.held_bits + supply.discarded_bits == table.taken_bits["a", "b"]


@in_loop
async def test_the_last_key_of_the_stock_is_served_without_others_ahead() -> None:
    table = KeyTable(stock={("a", "b"): 96})
    supply = supply_of(table)
    one, other = await asyncio.gather(supply.take(96), supply.take(96), return_exceptions=True)
    assert isinstance(one, HopKey)
    assert isinstance(other, NoKeysError)
    assert supply.held_bits == 0


@in_loop
async def test_a_kme_that_serves_few_at_a_time_is_asked_for_few() -> None:
    table = KeyTable()
    kme = SmallKme("a", table)
    supply = supply_of(table, kme)
    for _ in range(20):
        await supply.take(96)
    asked = table.calls["take"]
    await asyncio.gather(supply.take(96), supply.take(96), supply.take(96))
    assert table.calls["take"] - asked <= 3
    fetcher = KeyFetcher(SmallKme("b", table), "a")
    waiting = list(table.waiting)[:9]
    for _ in range(2):
        taken = await asyncio.gather(*(fetcher.fetch(waiting.pop()) for _ in range(4)))
        assert len({key.key_id for key in taken}) == 4


@in_loop
async def test_one_key_that_is_gone_does_not_take_others_with_it() -> None:
    table = KeyTable()
    keys = await FakeHopKeys("a", table).take("b", 3, 96)
    fetcher = KeyFetcher(FakeHopKeys("b", table), "a")
    names = [keys[0].key_id, "gone", keys[1].key_id, keys[0].key_id, keys[2].key_id]
    fetched = await asyncio.gather(*(fetcher.fetch(name) for name in names), return_exceptions=True)
    assert [type(one) for one in fetched] == [HopKey, KeysGoneError, HopKey, KeysGoneError, HopKey]
    assert isinstance(fetched[0], HopKey)
    assert fetched[0].spend() == keys[0].spend()


@in_loop
async def test_who_waits_is_told_when_it_ends() -> None:
    class Silent(FakeHopKeys):
        async def take(self, slave_sae_id: str, number: int, octets: int) -> list[HopKey]:
            await asyncio.Event().wait()
            raise AssertionError

        async def fetch(self, master_sae_id: str, key_ids: Sequence[str]) -> list[HopKey]:
            await asyncio.Event().wait()
            raise AssertionError

    table = KeyTable()
    supply, fetcher = supply_of(table, Silent("a", table)), KeyFetcher(Silent("b", table), "a")
    waiting = [asyncio.create_task(supply.take(96)), asyncio.create_task(fetcher.fetch("one"))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await supply.close()
    await fetcher.close()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(one, HopKeyError) and isinstance(one, KmeError) for one in ended)


@in_loop
async def test_a_kme_that_runs_low_slows_the_origin_down_and_loses_little(tmp_path: Path) -> None:
    async with chain(tmp_path, 3) as rig:
        at_origin, at_destination = await both(rig, 4, "n0", "n3")
        low = ("sae-n1", "sae-n2")
        rig.table.stock[low] = 0
        relay = rig.up["n1"].relay
        await rig.until(lambda: relay.dropped > 0 and rig.lost("n0", "n3") >= 2 * QUICK.window)
        origin = rig.up["n0"].relay._origins["n3"]
        assert origin._pause_s > 0
        assert origin._window == 1  # nothing but losses for so long: one block tries the way
        assert len(origin._under_way) <= 1
        assert relay.neighbours["n2"]._held <= QUICK.held_messages
        assert relay.tampered == 0
        del rig.table.stock[low]
        await asyncio.gather(at_origin.next(50), at_destination.next(50))
        assert origin._pause_s == 0
        assert assert_equal(at_origin, at_destination) > 40


@in_loop
async def test_a_new_relation_begins_with_one_block_and_comes_to_its_window(tmp_path: Path) -> None:
    async with chain(tmp_path, 2) as rig:
        at_destination = rig.read("n2", "n0")
        arriving = asyncio.create_task(at_destination.next(1000))
        at_origin = rig.read("n0", "n2")
        await at_origin.next()
        origin = rig.up["n0"].relay._origins["n2"]
        seen = [origin._window]
        while seen[-1] < QUICK.window:
            await at_origin.next()
            seen.append(origin._window)
        assert seen[0] < QUICK.window
        assert all(after - before <= 1 for before, after in pairwise(seen))
        arriving.cancel()


@in_loop
async def test_an_origin_without_keys_makes_and_loses_no_block(tmp_path: Path) -> None:
    async with chain(tmp_path, 1, replace(QUICK, hold_s=0.02)) as rig:
        rig.table.stock["sae-n0", "sae-n1"] = 0
        at_origin, at_destination = rig.read("n0", "n1"), rig.read("n1", "n0")
        await rig.until(lambda: rig.table.refused["sae-n0", "sae-n1"] > 10)
        assert rig.lost("n0", "n1") == 0
        rig.table.stock["sae-n0", "sae-n1"] = 3 * (QUICK.relay_block_octets + 32)
        await asyncio.gather(at_origin.next(3), at_destination.next(3))
        assert assert_equal(at_origin, at_destination) == 3
        assert rig.table.stock["sae-n0", "sae-n1"] == 0


@in_loop
async def test_too_many_messages_for_one_hop_are_dropped_at_once(tmp_path: Path) -> None:
    few = replace(QUICK, held_messages=1, window=8)
    async with chain(tmp_path, 2, few) as rig:
        rig.table.stock["sae-n1", "sae-n2"] = 0
        rig.read("n0", "n2")
        relay = rig.up["n1"].relay
        await rig.until(lambda: relay.dropped >= 7)
        assert relay.neighbours["n2"]._held <= 1


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ({"windows": "1"}, "unknown setting 'windows'"),
        ({"window": "0"}, "at least 1"),
        ({"window": "x"}, "setting window: 'x'"),
        ({"hold_s": "0"}, "hold_s is above 0"),
        ({"hold_s": "nan"}, "hold_s is above 0"),
        ({"relay_block_octets": "0"}, "relay_block_octets is 1 to"),
        ({"key_supply": "post"}, "key_supply is one of"),
        ({"prefetch": "-1"}, "prefetch is not negative"),
    ],
)
def test_settings_that_make_no_sense_are_refused(texts: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ForwardingSettings.from_text(texts)


def test_settings_in_text_form() -> None:
    settings = ForwardingSettings.from_text({"relay_block_octets": "512", "hold_s": "1.5", "key_supply": "etsi014"})
    assert (settings.relay_block_octets, settings.hold_s, settings.key_supply) == (512, 1.5, "etsi014")
