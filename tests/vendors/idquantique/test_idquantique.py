"""Cerberis 3: warmth costs visibility and rate."""

from __future__ import annotations

from pathlib import Path

import pytest

from qkd.device.v1 import module_pb2 as pb
from tests.vendors.emulation.rig import rig
from vendors.idquantique.vendor import IdQuantique

pytestmark = pytest.mark.anyio


async def test_rate_and_qber_follow_the_temperature(tmp_path: Path) -> None:
    async with rig(IdQuantique(), tmp_path) as net:
        _, rx = await net.pair("O")

        async def mean() -> pb.Performance:
            total = pb.Performance(qber=0, visibility=0)
            for _ in range(20):
                await net.advance(1)
                seen = (await rx("GetStatus", pb.GetStatusRequest())).performance
                total.skr_bps += seen.skr_bps / 20
                total.qber += seen.qber / 20
                total.visibility += seen.visibility / 20
            return total

        await net.advance(4)
        cool = await mean()
        net.disturb(temperature_offset_c=8.0)
        warm = await mean()
        assert warm.qber > cool.qber
        assert warm.visibility < cool.visibility
        assert 0 < warm.skr_bps < cool.skr_bps
