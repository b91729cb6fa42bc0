"""Faults of the gRPC binding alone; over HTTPS these KMEs are as the reference KME."""

from __future__ import annotations

import copy
from collections.abc import Awaitable
from typing import Any, NoReturn, TypeVar

import grpc

from harness.sdk import ContractError
from qkd.kms.v1 import key_delivery_pb2 as wire
from vendors.reference.copies import Copy
from vendors.reference.delivery import KeyDelivery
from vendors.reference.forms import Forms
from vendors.reference.grpc014 import Context, Grpc014
from vendors.reference.model import KeyContainer, KeyRequest
from vendors.reference.refusals import RefusedError

from .catalogue import fault

T = TypeVar("T")


class _Refusing(Grpc014):
    """Ends refused calls itself, past the interceptor."""

    async def GetStatus(self, request: wire.GetStatusRequest, context: Context) -> wire.GetStatusResponse:
        return await self._ended(super().GetStatus(request, context), context)

    async def GetKey(self, request: wire.GetKeyRequest, context: Context) -> wire.GetKeyResponse:
        return await self._ended(super().GetKey(request, context), context)

    async def GetKeyWithKeyIds(
        self, request: wire.GetKeyWithKeyIdsRequest, context: Context
    ) -> wire.GetKeyWithKeyIdsResponse:
        return await self._ended(super().GetKeyWithKeyIds(request, context), context)

    async def _ended(self, call: Awaitable[T], context: Context) -> T:
        try:
            return await call
        except ContractError as error:
            code, text = self.end(error)
            await context.abort(code, text)
        raise AssertionError("abort returns to nobody")

    def end(self, error: ContractError) -> tuple[grpc.StatusCode, str]:
        """How the call ends."""
        raise NotImplementedError


@fault("grpc-bare-unknown", caught_by=["ETSI014-6.4-R2", "ETSI014-5.4-R2", "ETSI014-6.5-R1"])
class BareUnknown(_Refusing):
    """A refusal is an exception that nobody catches: the caller sees UNKNOWN and no details."""

    def end(self, error: ContractError) -> tuple[grpc.StatusCode, str]:
        """As the library does it."""
        return grpc.StatusCode.UNKNOWN, "Unexpected exception"


@fault("grpc-no-error-info", caught_by=["ETSI014-6.5-R1"])
class NoErrorInfo(_Refusing):
    """The code and the text are right, and ErrorInfo is missing."""

    def end(self, error: ContractError) -> tuple[grpc.StatusCode, str]:
        """Without details."""
        return error.code, error.message


class _Metadata(Grpc014):
    def refuse(self, refused: RefusedError) -> NoReturn:
        try:
            super().refuse(refused)
        except ContractError as error:
            raise ContractError(error.code, error.reason, error.domain, self.metadata(error.metadata)) from None

    def metadata(self, metadata: dict[str, str]) -> dict[str, str]:
        """What ErrorInfo says."""
        raise NotImplementedError


@fault("grpc-etsi-status-wrong", caught_by=["ETSI014-5.4-R2", "ETSI014-6.4-R2", "ETSI014-6.5-R1"])
class EtsiStatusWrong(_Metadata):
    """etsi_status is 400 for everything."""

    def metadata(self, metadata: dict[str, str]) -> dict[str, str]:
        """400."""
        return metadata | {"etsi_status": "400"}


@fault("grpc-no-etsi-message", caught_by=["ETSI014-6.5-R1", "ETSI014-6.4-R2"])
class NoEtsiMessage(_Metadata):
    """The messages of the standard are left out: "the code says it all"."""

    def metadata(self, metadata: dict[str, str]) -> dict[str, str]:
        """The status alone."""
        return {"etsi_status": metadata["etsi_status"]}


@fault("grpc-other-bytes-for-slave", caught_by=["ETSI014-5.4-R1"])
class GrpcOtherBytes(Grpc014):
    """The slave's key gets a wrong last octet over gRPC, where a length is counted differently."""

    async def GetKeyWithKeyIds(
        self, request: wire.GetKeyWithKeyIdsRequest, context: Context
    ) -> wire.GetKeyWithKeyIdsResponse:
        """With the last octet changed."""
        response = await super().GetKeyWithKeyIds(request, context)
        for key in response.key_container.keys:
            key.key = key.key[:-1] + bytes([key.key[-1] ^ 0xFF])
        return response


@fault("grpc-other-bytes-than-https", caught_by=["ETSI014-5.4-R1"])
class GrpcReversed(Grpc014):
    """The two bindings disagree about the order of octets; each is right on its own."""

    def container(self, container: KeyContainer) -> wire.KeyContainer:
        """Backwards, at both ends."""
        answer = super().container(container)
        for key in answer.keys:
            key.key = key.key[::-1]
        return answer


class _AnySae(KeyDelivery):
    def may_fetch(self, caller: str, copy: Copy) -> bool:
        return True


@fault("grpc-serves-foreign-sae", caught_by=["ETSI014-5.4-R3"])
class GrpcServesForeignSae(Grpc014):
    """Who may fetch a key is checked by the HTTPS handlers, not by what is behind both bindings."""

    def __init__(self, delivery: KeyDelivery, forms: Forms) -> None:
        unchecked = copy.copy(delivery)
        unchecked.__class__ = _AnySae
        super().__init__(unchecked, forms)


@fault("grpc-caller-in-metadata", caught_by=["ETSI014-4-R2"])
class GrpcCallerInMetadata(Grpc014):
    """The metadata x-sae-id says who calls, if it is there."""

    def caller_of(self, context: Context) -> str | None:
        """Whom the metadata names."""
        metadata: dict[str, Any] = dict(context.invocation_metadata() or ())
        return metadata.get("x-sae-id") or super().caller_of(context)


@fault("grpc-ignores-size", caught_by=["ETSI014-6.3-R5"])
class GrpcIgnoresSize(Grpc014):
    """`size` was added to the message later, and the server still reads the old one."""

    def key_request(self, request: wire.GetKeyRequest) -> KeyRequest:
        """Without size."""
        return super().key_request(request)._replace(size=None)


@fault("grpc-ignores-mandatory", caught_by=["ETSI014-6.2-R10"])
class GrpcIgnoresMandatory(Grpc014):
    """Extensions were left out of the gRPC binding, silently."""

    def key_request(self, request: wire.GetKeyRequest) -> KeyRequest:
        """Without extensions."""
        return super().key_request(request)._replace(extension_mandatory=(), extension_optional=())
