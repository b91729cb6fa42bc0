"""Random octets for blocks and masks: the system's, or those of a generator (`qkd.entropy.v1`)."""

from __future__ import annotations

import os
from typing import Any, Protocol

import grpc

from harness.sdk import bearer_metadata, loopback_channel
from qkd.entropy.v1.entropy_pb2 import GetEntropyRequest
from qkd.entropy.v1.entropy_pb2_grpc import EntropyServiceStub

_MOST_OCTETS = 1024 * 1024  # GetEntropyRequest.octets


class EntropyError(Exception):
    """The generator gives no random octets now."""


class Entropy(Protocol):
    """A source of uniformly random octets, each handed out once."""

    async def octets(self, number: int) -> bytes:
        """So many; raises `EntropyError`."""
        ...

    async def close(self) -> None:
        """Hangs up."""
        ...


class SystemEntropy:
    """The operating system's randomness."""

    async def octets(self, number: int) -> bytes:
        """See `Entropy`."""
        return os.urandom(number)

    async def close(self) -> None:
        """Nothing to do."""


class ServiceEntropy:
    """A generator at ``host:port``. When it fails there are no blocks: nothing takes its place unasked.

    Make it inside the event loop.
    """

    def __init__(self, address: str, token: str, timeout_s: float) -> None:
        self._channel = loopback_channel(address)
        self._stub: Any = EntropyServiceStub(self._channel)
        self._metadata = bearer_metadata(token)
        self._timeout_s = timeout_s

    async def octets(self, number: int) -> bytes:
        """See `Entropy`."""
        starts = range(0, number, _MOST_OCTETS)
        return b"".join([await self._piece(min(_MOST_OCTETS, number - start)) for start in starts])

    async def _piece(self, number: int) -> bytes:
        request = GetEntropyRequest(octets=number)
        try:
            answer = await self._stub.GetEntropy(request, metadata=self._metadata, timeout=self._timeout_s)
        except grpc.aio.AioRpcError as error:
            raise EntropyError(f"the generator answers {error.code().name}") from None
        if len(answer.octets) != number:
            raise EntropyError(f"the generator gave {len(answer.octets)} octets instead of {number}")
        return bytes(answer.octets)

    async def close(self) -> None:
        """See `Entropy`."""
        await self._channel.close()
