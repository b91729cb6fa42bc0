"""A witness at a KME: forwarding modules take their hop keys through it, so that the bench knows them.

It stands between a forwarding module and the KME of its site with the certificates of both, which the testbed has
issued, passes every call on as it is, and keeps the keys that went by.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import grpc

from harness.pki import Issued
from qkd.kms.v1 import key_delivery_pb2 as wire
from qkd.kms.v1.key_delivery_pb2_grpc import (
    KeyDeliveryServiceServicer,
    KeyDeliveryServiceStub,
    add_KeyDeliveryServiceServicer_to_server,
)

_TIMEOUT_S = 5.0
_OPTIONS = (("grpc.enable_http_proxy", 0),)


@dataclass
class Witnessed:
    """A key that a forwarding module took as master.

    Attributes:
        master: its SAE ID.
        slave: the SAE ID of the neighbour.
        octets: the key.
        fetched: how often the slave was given it.
    """

    master: str
    slave: str
    octets: bytes = field(repr=False)
    fetched: int = 0


class KeyWitness(KeyDeliveryServiceServicer):
    """Between one forwarding module and its KME. An asynchronous context manager.

    Args:
        sae_id: who the forwarding module is.
        sae, kme: their certificates.
        trust_pem: the CA's.
        address: of the KME's gRPC port.
        seen: where keys are noted, by key ID; common to all witnesses of a bench.

    Attributes:
        address: where the forwarding module is to ask, once entered.
    """

    def __init__(
        self, sae_id: str, *, sae: Issued, kme: Issued, trust_pem: bytes, address: str, seen: dict[str, Witnessed]
    ) -> None:
        self.address = ""
        self._sae_id = sae_id
        self._seen = seen
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self._credentials = grpc.ssl_server_credentials(
            [(kme.private_key_pem, kme.certificate_pem)], trust_pem, require_client_auth=True
        )
        secret = grpc.ssl_channel_credentials(trust_pem, sae.private_key_pem, sae.certificate_pem)
        self._channel = grpc.aio.secure_channel(address, secret, options=_OPTIONS)
        self._kme: Any = KeyDeliveryServiceStub(self._channel)

    async def start(self) -> None:
        """Begins to answer."""
        add_KeyDeliveryServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_secure_port('127.0.0.1:0', self._credentials)}"
        await self._server.start()

    async def stop(self) -> None:
        """Ends."""
        await self._server.stop(None)
        await self._channel.close()

    async def GetStatus(self, request: wire.GetStatusRequest, context: Any) -> Any:
        """Passed on."""
        return await self._pass("GetStatus", request, context)

    async def GetKey(self, request: wire.GetKeyRequest, context: Any) -> Any:
        """Passed on; the keys are noted."""
        answer: wire.GetKeyResponse = await self._pass("GetKey", request, context)
        for key in answer.key_container.keys:
            self._seen[key.key_id] = Witnessed(self._sae_id, request.slave_sae_id, key.key)
        return answer

    async def GetKeyWithKeyIds(self, request: wire.GetKeyWithKeyIdsRequest, context: Any) -> Any:
        """Passed on; counted."""
        answer: wire.GetKeyWithKeyIdsResponse = await self._pass("GetKeyWithKeyIds", request, context)
        for key in answer.key_container.keys:
            if key.key_id in self._seen:
                self._seen[key.key_id].fetched += 1
        return answer

    async def _pass(self, method: str, request: Any, context: Any) -> Any:
        try:
            return await getattr(self._kme, method)(request, timeout=_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            details = tuple(error.trailing_metadata() or ())
            await context.abort(error.code(), error.details() or "", trailing_metadata=details)
