"""The generator on its wires, and as the harness hosts it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import aiohttp
import grpc
import pytest

from harness.hosting import HostingError, LaunchSpec, launch
from harness.sdk import bearer_metadata, loopback_channel, read_error
from qkd.entropy.v1 import entropy_pb2, entropy_pb2_grpc
from qkd.vendor.v1.vendor_pb2 import ProvisionEntropyRequest
from vendors.quside.entry import ENTRY
from vendors.quside.noise import QrngSettings
from vendors.quside.qrng import QusideQrng

TOKEN = "the token of the generator"


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs an asynchronous test, of at most 30 s."""

    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(30):
                await test(*arguments, **named)

        asyncio.run(bounded())

    return run


@dataclass
class User:
    """Somebody who wants entropy."""

    rest_url: str
    session: aiohttp.ClientSession
    stub: entropy_pb2_grpc.EntropyServiceStub

    async def get(self, path: str, token: str | None = TOKEN) -> tuple[int, Any]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with self.session.get(self.rest_url + path, headers=headers) as answer:
            return answer.status, await answer.json()

    async def rest(self, octets: int) -> bytes:
        status, members = await self.get(f"/api/v1/entropy?octets={octets}")
        assert status == 200
        return base64.b64decode(members["entropy"], validate=True)

    async def grpc(self, octets: int, token: str = TOKEN) -> bytes:
        request = entropy_pb2.GetEntropyRequest(octets=octets)
        call: Any = self.stub.GetEntropy(request, metadata=bearer_metadata(token))
        answer: entropy_pb2.GetEntropyResponse = await call
        return answer.octets


@asynccontextmanager
async def using(rest_url: str, address: str) -> AsyncIterator[User]:
    async with aiohttp.ClientSession() as session, loopback_channel(address) as channel:
        yield User(rest_url, session, entropy_pb2_grpc.EntropyServiceStub(channel))


@asynccontextmanager
async def raised(
    settings: QrngSettings | None = None, noise: Callable[[int], bytes] | None = None
) -> AsyncIterator[User]:
    generator = QusideQrng(TOKEN, settings, noise)
    endpoints = await generator.start()
    try:
        async with using(endpoints.rest_url, endpoints.grpc) as user:
            yield user
    finally:
        await generator.stop()


@in_loop
async def test_entropy_comes_in_the_length_asked_for_and_never_twice() -> None:
    async with raised() as user:
        drawn = [await user.rest(32), await user.rest(32), await user.grpc(32), await user.grpc(32)]
        assert [len(one) for one in drawn] == [32] * 4
        assert len(set(drawn)) == 4
        assert len(await user.rest(1 << 20)) == len(await user.grpc(1 << 20)) == 1 << 20
        assert len(await user.rest(1)) == 1


@in_loop
async def test_a_wrong_token_is_refused() -> None:
    async with raised() as user:
        assert await user.grpc(1)  # the valid twin
        for token in (None, "", "another", TOKEN + "x", "ü"):
            for path in ("/api/v1/entropy?octets=1", "/api/v1/health"):
                status, members = await user.get(path, token)
                assert (status, list(members)) == (401, ["message"])
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await user.grpc(1, "another")
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


@in_loop
async def test_lengths_that_make_no_sense_are_refused() -> None:
    async with raised() as user:
        for query in ("", "?octets=", "?octets=0", "?octets=-1", "?octets=1.5", "?octets=1048577", "?octets=²"):
            assert (await user.get(f"/api/v1/entropy{query}"))[0] == 400, query
        assert (await user.get("/api/v1/entropy?octets=1&octets=2"))[0] == 400
        assert (await user.get("/api/v1/entropy?octets=" + "9" * 5000))[0] == 400
        for octets in (0, 1048577):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await user.grpc(octets)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("fault", ["stuck", "biased"])
@in_loop
async def test_a_source_that_fails_is_caught_and_nothing_of_it_is_given(fault: str) -> None:
    sound = 1 << 17  # more than the start-up test draws
    async with raised(QrngSettings(fault=fault, fault_after_octets=sound)) as user:
        assert len(await user.rest(4096)) == 4096
        assert await user.get("/api/v1/health") == (200, {"alarm": False})
        status, members = await user.get("/api/v1/entropy?octets=1000000")
        assert (status, list(members)) == (503, ["message"])
        assert await user.get("/api/v1/health") == (200, {"alarm": True})
        assert (await user.get("/api/v1/entropy?octets=1"))[0] == 503  # and so it stays
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await user.grpc(1)
        error = read_error(refused.value)
        assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "HEALTH_TEST_FAILED")


@in_loop
async def test_a_source_that_has_recovered_gives_again() -> None:
    stuck = True

    def noise(octets: int) -> bytes:
        return bytes(octets) if stuck else (bytes(range(256)) * (octets // 256 + 1))[:octets]

    async with raised(noise=noise) as user:
        assert (await user.get("/api/v1/entropy?octets=1"))[0] == 503
        stuck = False
        assert len(await user.rest(1)) == 1
        assert await user.get("/api/v1/health") == (200, {"alarm": False})


def test_settings_are_read_from_text() -> None:
    texts = {"entropy_per_sample": "6.5", "fault": "stuck", "fault_after_octets": "10"}
    assert QrngSettings.from_text(texts) == QrngSettings(6.5, fault="stuck", fault_after_octets=10)
    for wrong, says in (({"colour": "red"}, "colour"), ({"alpha_exponent": "x"}, "'x'"), ({"fault": "odd"}, "fault")):
        with pytest.raises(ValueError, match=says):
            QrngSettings.from_text(wrong)
    assert TOKEN not in repr(QusideQrng(TOKEN))


@in_loop
async def test_the_harness_hosts_it() -> None:
    async with launch(LaunchSpec(ENTRY.argv(), name=ENTRY.name)) as host:
        request = ProvisionEntropyRequest(instance_id="q-1", token=TOKEN)
        endpoints = await host.provision_entropy(request)
        assert await host.provision_entropy(request) == endpoints  # asked again, the same
        async with using(endpoints.rest_url, endpoints.grpc_address) as user:
            assert await user.rest(32) != await user.grpc(32)
            await host.release_instance("q-1")
            with pytest.raises(aiohttp.ClientConnectorError):
                await user.rest(32)
        failing = ProvisionEntropyRequest(instance_id="q-2", token=TOKEN, variant="stuck")
        endpoints = await host.provision_entropy(failing)
        async with using(endpoints.rest_url, endpoints.grpc_address) as user:
            assert (await user.get("/api/v1/entropy?octets=1"))[0] == 503
        wrong = ProvisionEntropyRequest(instance_id="q-3", token=TOKEN, settings={"colour": "red"})
        with pytest.raises(HostingError, match="no such setting: colour"):
            await host.provision_entropy(wrong)
