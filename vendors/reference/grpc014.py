"""The gRPC binding: `qkd.kms.v1.KeyDeliveryService` over the same `KeyDelivery` as HTTPS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, NoReturn

import grpc
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from harness.sdk import ContractError
from qkd.kms.v1 import key_delivery_pb2 as wire
from qkd.kms.v1.key_delivery_pb2_grpc import KeyDeliveryServiceServicer

from .delivery import KeyDelivery
from .forms import Forms
from .model import KeyContainer, KeyIdsRequest, KeyRequest
from .refusals import RefusedError

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.PERMISSION_DENIED,
    503: grpc.StatusCode.UNAVAILABLE,
}
_STATUS_FIELDS = {field.name.lower(): field.name for field in wire.Status.DESCRIPTOR.fields}
Context = grpc.aio.ServicerContext[Any, Any]


class Grpc014(KeyDeliveryServiceServicer):
    """The servicer of one KME. Serve it behind the SDK's constraint interceptor with mutual TLS."""

    def __init__(self, delivery: KeyDelivery, forms: Forms) -> None:
        self.delivery = delivery
        self.forms = forms

    def caller_of(self, context: Context) -> str | None:
        """The SAE ID in the client certificate: its only common name; no metadata can say otherwise."""
        names = list(context.auth_context().get("x509_common_name", ()))
        return names[0].decode("utf-8", "replace") if len(names) == 1 else None

    async def GetStatus(self, request: wire.GetStatusRequest, context: Context) -> wire.GetStatusResponse:
        """Get status (5.2)."""
        try:
            status = self.delivery.get_status(self.caller_of(context), request.slave_sae_id)
        except RefusedError as refused:
            self.refuse(refused)
        members = {_STATUS_FIELDS[name.lower()]: value for name, value in asdict(status).items()}
        return wire.GetStatusResponse(status=wire.Status(**members))

    async def GetKey(self, request: wire.GetKeyRequest, context: Context) -> wire.GetKeyResponse:
        """Get key (5.3)."""
        try:
            container = await self.delivery.get_key(self.caller_of(context), self.key_request(request))
        except RefusedError as refused:
            self.refuse(refused)
        return wire.GetKeyResponse(key_container=self.container(container))

    async def GetKeyWithKeyIds(
        self, request: wire.GetKeyWithKeyIdsRequest, context: Context
    ) -> wire.GetKeyWithKeyIdsResponse:
        """Get key with key IDs (5.4)."""
        key_ids = KeyIdsRequest(request.master_sae_id, [entry.key_id for entry in request.key_ids])
        try:
            delivery = await self.delivery.get_key_with_key_ids(self.caller_of(context), key_ids)
        except RefusedError as refused:
            self.refuse(refused)

        def sent(call: Context) -> None:
            """A call that was cut short stays undecided until the next life of the store."""
            if not call.cancelled():
                self.delivery.sent(delivery)
                self.delivery.delivered(delivery)

        context.add_done_callback(sent)  # type: ignore[arg-type]  # the stub means an instance
        return wire.GetKeyWithKeyIdsResponse(key_container=self.container(delivery.container))

    def key_request(self, request: wire.GetKeyRequest) -> KeyRequest:
        """From the wire form; what is unset stays None."""
        return KeyRequest(
            request.slave_sae_id,
            request.number if request.HasField("number") else None,
            request.size if request.HasField("size") else None,
            list(request.additional_slave_sae_ids),
            _pairs(request.extension_mandatory),
            _pairs(request.extension_optional),
        )

    def container(self, container: KeyContainer) -> wire.KeyContainer:
        """To the wire form."""
        answer = wire.KeyContainer(
            keys=[wire.Key(key_id=self.forms.key_id(key.key_id), key=key.octets) for key in container.keys]
        )
        if container.extension:
            json_format.ParseDict(dict(container.extension), answer.key_container_extension)
        return answer

    def refuse(self, refused: RefusedError) -> NoReturn:
        """Raises the contract's error for a refusal (see key_delivery.proto)."""
        code = _CODES[refused.status]
        if refused.reason == "SAE_UNKNOWN":
            code = grpc.StatusCode.UNAUTHENTICATED
        metadata = {"etsi_status": str(refused.status), "etsi_message": refused.message}
        raise ContractError(code, refused.reason, "qkd.kms.v1", metadata | dict(refused.details))


def _pairs(extensions: Iterable[Struct]) -> list[dict[str, object]]:
    return [json_format.MessageToDict(extension) for extension in extensions]
