"""Hop keys over `qkd.kms.v1` with mutual TLS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc

from harness.sdk import read_error
from harness.sdk.server import CHANNEL_OPTIONS
from qkd.kms.v1 import key_delivery_pb2 as wire
from qkd.kms.v1.key_delivery_pb2_grpc import KeyDeliveryServiceStub

from .credentials import SaeCredentials
from .hops import HopKey, KeysGoneError, KmeError, NoKeysError, RefusedError

# A KME that comes back is noticed within a second.
_OPTIONS = (*CHANNEL_OPTIONS, ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 1000))


class GrpcHopKeys:
    """`HopKeys` of a KME at ``host:port``. Make it inside the event loop."""

    def __init__(self, address: str, credentials: SaeCredentials, timeout_s: float) -> None:
        secret = grpc.ssl_channel_credentials(credentials.trust, credentials.private_key, credentials.certificate)
        self._channel = grpc.aio.secure_channel(address, secret, options=_OPTIONS)
        self._stub: Any = KeyDeliveryServiceStub(self._channel)
        self._timeout_s = timeout_s

    async def take(self, slave_sae_id: str, number: int, octets: int) -> list[HopKey]:
        """See `HopKeys`."""
        request = wire.GetKeyRequest(slave_sae_id=slave_sae_id, number=number, size=8 * octets)
        try:
            answer = await self._stub.GetKey(request, timeout=self._timeout_s)
        except grpc.aio.AioRpcError as error:
            read = read_error(error)
            if read.etsi_status == 503:
                raise NoKeysError("the KME has not enough keys") from None
            if read.etsi_status == 400:
                raise RefusedError(f"Get key: {read.metadata.get('etsi_message', read.reason)}") from None
            raise KmeError(f"Get key: {read.code.name} {read.reason}".rstrip()) from None
        return _keys_of(answer.key_container)

    async def fetch(self, master_sae_id: str, key_ids: Sequence[str]) -> list[HopKey]:
        """See `HopKeys`."""
        named = [wire.KeyId(key_id=key_id) for key_id in key_ids]
        request = wire.GetKeyWithKeyIdsRequest(master_sae_id=master_sae_id, key_ids=named)
        try:
            answer = await self._stub.GetKeyWithKeyIds(request, timeout=self._timeout_s)
        except grpc.aio.AioRpcError as error:
            read = read_error(error)
            if read.etsi_status in (400, 401):
                raise KeysGoneError(read.reason) from None
            raise KmeError(f"Get key with key IDs: {read.code.name}") from None
        return _keys_of(answer.key_container)

    async def close(self) -> None:
        """See `HopKeys`."""
        await self._channel.close()


def _keys_of(container: wire.KeyContainer) -> list[HopKey]:
    return [HopKey(key.key_id, key.key) for key in container.keys]
