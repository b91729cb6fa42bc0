"""A plant that is told to stand still, and goes on."""

from __future__ import annotations

import asyncio

import pytest

from harness.contract import ContractError
from harness.plant import FibrePlant
from harness.topology import load
from harness.twin.world import plant_of


def test_time_stands_still_on_hold_but_for_who_advances_it() -> None:
    asyncio.run(_held())


async def _held() -> None:
    async with FibrePlant(plant_of(load("barcelona-ring")), tick_s=1.0, speed=1000.0) as plant:
        with pytest.raises(ContractError, match="runs by itself"):
            await plant.advance(1.0)
        await plant.hold()
        await plant.hold()
        then = plant.time_s
        for _ in range(20):
            await asyncio.sleep(0)
        assert plant.time_s == then
        assert await plant.advance(5.0) == then + 5.0
        plant.go_on()
        async with asyncio.timeout(10):
            while True:
                if plant.time_s > then + 6.0:
                    break
                await asyncio.sleep(0.01)
