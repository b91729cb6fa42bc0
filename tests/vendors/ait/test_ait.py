"""AIT's modules push their keys, and come and go."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from qkd.device.v1 import module_pb2 as pb
from qkd.device.v1.push_pb2 import PushAck, PushBlock, PushFrame, PushWelcome
from tests.vendors.emulation.rig import RX, TX, account, one_link, rig
from vendors.ait.vendor import Ait
from vendors.emulation.handover.frames import framed, read_frame

pytestmark = pytest.mark.anyio
SETTINGS = {"block_octets": "256", "duty": "0.02"}
LINK = one_link(4.3, 1.5)


class Kms:
    """Stores what is pushed, by source."""

    def __init__(self) -> None:
        self.stored: dict[str, list[PushBlock]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = (await read_frame(reader, 1 << 20)).hello
        assert hello.token == "push-token"
        writer.write(framed(PushFrame(welcome=PushWelcome())))
        blocks = self.stored.setdefault(hello.source_id, [])
        try:
            while True:
                blocks.append((await read_frame(reader, 1 << 20)).block)
                writer.write(framed(PushFrame(ack=PushAck(next_sequence=blocks[-1].sequence + 1))))
        except (EOFError, ConnectionError):
            writer.close()


async def test_blocks_are_pushed_to_the_kms_of_each_end(tmp_path: Path) -> None:
    kms = Kms()
    listener = await asyncio.start_server(kms.serve, "127.0.0.1", 0)
    address = f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with listener, rig(Ait(), tmp_path, LINK) as net:
        more = {"push_address": address, "push_token": "push-token"}
        tx = await net.module("a/m", TX, SETTINGS, source_id="ait-a", **more)
        rx = await net.module("b/m", RX, SETTINGS, source_id="ait-b", **more)
        for end, peer in ((tx, "b/m"), (rx, "a/m")):
            await end.configure([peer], "C-33")
            await end("Start", pb.StartRequest())
        await net.tuned("C-33", "a/m", "b/m")
        await net.advance(8)
        async with asyncio.timeout(10):
            for end in (tx, rx):
                while (status := await end("GetStatus", pb.GetStatusRequest())).in_store_bits:
                    assert account(status)
        one, other = ([(block.block_id, block.octets) for block in kms.stored[name]] for name in ("ait-a", "ait-b"))
        assert one
        assert one == other


async def test_the_transmitter_goes_away_now_and_then_and_comes_back(tmp_path: Path) -> None:
    async with rig(Ait(), tmp_path, LINK) as net:
        tx, rx = await net.pair("C-33", {**SETTINGS, "lapse_every_s": "30", "lapse_s": "5"})
        away = []
        for _ in range(95):
            await net.advance(1)
            away.append("LAPSE" in tx.module.alarms.standing)
        assert not any(away[:30])
        assert sum(away) == 10
        assert "LAPSE" not in tx.module.alarms.standing
        assert tx.keys() == rx.keys()
