"""The calls of a raised network: modules, forwarding modules and KMEs, by the interfaces that all makers have."""

from __future__ import annotations

from typing import Any, cast

import grpc

from harness.contract import bearer_metadata
from harness.sdk.server import CHANNEL_OPTIONS, loopback_channel
from harness.twin.instances import MONITOR, Instances
from qkd.device.v1 import module_pb2_grpc
from qkd.kms.v1 import store_pb2, store_pb2_grpc
from qkd.node.v1 import forwarding_pb2_grpc

_CALL_S = 10.0


class Calls:
    """Calls instances wherever they are now, over one channel an address."""

    def __init__(self, raised: Instances) -> None:
        self._raised = raised
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._stores: dict[str, grpc.aio.Channel] = {}

    async def module(self, module_id: str, method: str, request: Any) -> Any:
        """Calls qkd.device.v1 of a module.

        Raises:
            grpc.aio.AioRpcError: it refuses or does not answer.
        """
        address = self._raised.modules[module_id].control_address
        stub: Any = module_pb2_grpc.QkdModuleServiceStub(self._channel(address))
        return await _call(stub, method, request, self._raised.tokens[module_id])

    async def store(self, kme_id: str) -> store_pb2.GetStoreResponse:
        """The account of a KME; raises as `module`."""
        address = self._raised.kmes[kme_id].grpc_address
        if address not in self._stores:
            monitor = self._raised.wallet.sae(MONITOR)
            credentials = grpc.ssl_channel_credentials(
                self._raised.wallet.trust_pem, monitor.private_key_pem, monitor.certificate_pem
            )
            self._stores[address] = grpc.aio.secure_channel(address, credentials, CHANNEL_OPTIONS)
        stub: Any = store_pb2_grpc.StoreServiceStub(self._stores[address])
        answer = await stub.GetStore(store_pb2.GetStoreRequest(), timeout=_CALL_S, wait_for_ready=True)
        return cast(store_pb2.GetStoreResponse, answer)

    async def close(self) -> None:
        """Closes all channels."""
        for channel in (*self._channels.values(), *self._stores.values()):
            await channel.close()

    def _channel(self, address: str) -> grpc.aio.Channel:
        if address not in self._channels:
            self._channels[address] = loopback_channel(address)
        return self._channels[address]

    async def forwarding(self, kme_id: str, method: str, request: Any) -> Any:
        """Calls qkd.node.v1 of the forwarding module of a site; raises as `module`."""
        address = self._raised.forwarders[kme_id].control_address
        stub: Any = forwarding_pb2_grpc.ForwardingServiceStub(self._channel(address))
        return await _call(stub, method, request, self._raised.tokens[f"fwd {kme_id}"])


async def _call(stub: Any, method: str, request: Any, token: str) -> Any:
    # A server that was just restarted is dialled anew; until then a channel fails at once.
    return await getattr(stub, method)(request, metadata=bearer_metadata(token), timeout=_CALL_S, wait_for_ready=True)
