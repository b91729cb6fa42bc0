"""The emulated link: the same octets for everybody who may have them, at the pace that was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import numpy as np
import pytest

from harness.contract import bearer_metadata, read_error
from harness.sdk import loopback_channel
from harness.testbed.key_source import KeySource
from qkd.device.v1 import key_source_pb2, key_source_pb2_grpc

pytestmark = pytest.mark.anyio

SEED = bytes(range(32))


async def read(source: KeySource, link: str, count: int, *, first: int = 0, token: str | None = None) -> list[Any]:
    async with loopback_channel(source.address) as channel, asyncio.timeout(10):
        stream = _stream(channel, link, first, token or source.token(link))
        return [await stream.read() for _ in range(count)]


def _stream(channel: grpc.aio.Channel, link: str, first: int, token: str) -> Any:
    stub: Any = key_source_pb2_grpc.KeySourceServiceStub(channel)
    request = key_source_pb2.StreamBlocksRequest(link_id=link, first_index=first)
    return stub.StreamBlocks(request, metadata=bearer_metadata(token))


@pytest.fixture
async def source() -> AsyncIterator[KeySource]:
    async with KeySource(["l", "m"], seed=SEED, block_octets=64) as source:
        yield source


async def test_both_ends_and_any_restart_get_the_same_blocks(source: KeySource) -> None:
    one, other = await asyncio.gather(read(source, "l", 20), read(source, "l", 20))
    assert one == other
    assert [block.index for block in one] == list(range(20))
    assert [block.block for block in one] == [source.block("l", i) for i in range(20)]
    assert await read(source, "l", 3, first=17) == one[17:]
    async with KeySource(["l"], seed=SEED, block_octets=64) as again:
        assert await read(again, "l", 20) == one
        assert again.served("l") >= 20


async def test_links_and_seeds_and_blocks_differ(source: KeySource) -> None:
    blocks = [source.block(link, index) for link in ("l", "m") for index in (0, 1, 2, 1 << 60)]
    blocks.append(KeySource(["l"], block_octets=64).block("l", 0))
    assert len(set(blocks)) == len(blocks)
    assert {len(block) for block in blocks} == {64}


def test_the_bits_are_balanced() -> None:
    source = KeySource(["l"], seed=SEED)
    octets = np.frombuffer(b"".join(source.block("l", i) for i in range(64)), dtype=np.uint8)
    ones = float(np.unpackbits(octets).mean())
    assert abs(ones - 0.5) < 0.005


@pytest.mark.parametrize(("link", "token"), [("l", "wrong"), ("unknown", "wrong"), ("m", "of l")])
async def test_a_wrong_token_or_link_is_refused_alike(source: KeySource, link: str, token: str) -> None:
    given = source.token("l") if token == "of l" else token
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await read(source, link, 1, token=given)
    error = read_error(caught.value)
    assert (error.code, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REFUSED")


async def test_a_dry_link_stays_open_and_goes_on_when_extended() -> None:
    async with (
        KeySource(["l"], seed=SEED, total_blocks=2) as source,
        loopback_channel(source.address) as channel,
        asyncio.timeout(10),
    ):
        stream = _stream(channel, "l", 0, source.token("l"))
        assert [(await stream.read()).index for _ in range(2)] == [0, 1]
        third = asyncio.ensure_future(stream.read())
        done, _ = await asyncio.wait({third}, timeout=0.1)
        assert not done
        await source.extend("l", 1)
        assert (await third).index == 2


async def test_a_link_grows_at_its_pace() -> None:
    async with KeySource(["l"], seed=SEED, blocks_per_second=50) as source:
        loop = asyncio.get_running_loop()
        start = loop.time()
        await read(source, "l", 10)
        assert loop.time() - start >= 10 / 50 - 0.05
        # what has grown meanwhile is there at once, for the other end too: it has not to grow again
        async with asyncio.timeout(30):
            await read(source, "l", 10)


@pytest.mark.parametrize(
    "wrong", [{"block_octets": 0}, {"block_octets": 17}, {"blocks_per_second": 0.0}, {"seed": b"short"}]
)
def test_arguments_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"block|seed"):
        KeySource(["l"], **wrong)


def test_no_secret_is_in_the_repr() -> None:
    source = KeySource(["l"], seed=SEED)
    assert repr(source) == "KeySource(l)"
