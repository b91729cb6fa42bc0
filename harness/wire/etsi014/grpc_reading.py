"""Messages and errors of the gRPC binding (qkd.kms.v1) as the documents of 014."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import cast

import grpc
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.struct_pb2 import Struct
from google.rpc import error_details_pb2, status_pb2

from harness.wire.etsi014.document import NO_BODY
from qkd.kms.v1 import key_delivery_pb2 as kms

DOMAIN = "qkd.kms.v1"
_ERROR_INFO = "google.rpc.ErrorInfo"
NOT_ACCEPTED = "tls: server certificate not accepted"
_CODES = {
    400: (grpc.StatusCode.INVALID_ARGUMENT,),
    401: (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED),
    503: (grpc.StatusCode.UNAVAILABLE,),
}
_STATUS_NAMES = {
    "source_kme_id": "source_KME_ID", "target_kme_id": "target_KME_ID", "master_sae_id": "master_SAE_ID",
    "slave_sae_id": "slave_SAE_ID", "max_sae_id_count": "max_SAE_ID_count",
}  # fmt: skip


def read_error(wrong: grpc.RpcError) -> tuple[int | None, str, object, tuple[str, ...]]:
    """Status, failure, 014 document and problems of a failed call.

    ``status`` is that of the ErrorInfo; when it is missing or ill-formed, the one that belongs to the gRPC code.
    """
    call = cast(grpc.Call, wrong)  # what a stub raises is both
    code: grpc.StatusCode = call.code()
    text: str = call.details() or ""
    problems: list[str] = []
    info = _error_info(call, problems)
    if info is None:
        if failure := _transport_failure(code, text):
            return None, failure, NO_BODY, ()
        problems.append(f"{code.name} without google.rpc.ErrorInfo")
        return _status_of(code), "", NO_BODY, tuple(problems)
    if info.domain != DOMAIN:
        problems.append(f"ErrorInfo names a domain other than {DOMAIN}")
    if not re.fullmatch(r"[A-Z][A-Z0-9_]{0,62}", info.reason):
        problems.append("the reason in ErrorInfo is not UPPER_SNAKE_CASE")
    said = info.metadata.get("etsi_status", "")
    status = int(said) if re.fullmatch(r"[1-5][0-9]{2}", said) else None
    if status is None:
        problems.append("ErrorInfo has no etsi_status")
        status = _status_of(code)
    elif code not in _CODES.get(status, (code,)):
        problems.append(f"gRPC code {code.name} with etsi_status {status}")
    if code is grpc.StatusCode.UNKNOWN:
        problems.append("bare UNKNOWN")
    message = info.metadata.get("etsi_message")
    document: object = NO_BODY if message is None else {"message": message}
    return status, "", document, tuple(problems)


def _error_info(call: grpc.Call, problems: list[str]) -> error_details_pb2.ErrorInfo | None:
    trailers: Sequence[tuple[str, str | bytes]] = call.trailing_metadata() or ()
    raw = next((value for name, value in trailers if name == "grpc-status-details-bin"), None)
    if not isinstance(raw, bytes):
        return None
    try:
        rich = status_pb2.Status.FromString(raw)
        found = [detail for detail in rich.details if detail.TypeName() == _ERROR_INFO]
        if len(found) > 1:
            problems.append("more than one ErrorInfo")
        return error_details_pb2.ErrorInfo.FromString(found[0].value) if found else None
    except Exception as unreadable:  # noqa: BLE001 - protobuf has several decode errors
        problems.append(f"grpc-status-details-bin cannot be read ({type(unreadable).__name__})")
        return None


def _transport_failure(code: grpc.StatusCode, text: str) -> str:
    lower = text.lower()
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return "timeout"
    if code is grpc.StatusCode.UNAVAILABLE:
        if "connection refused" in lower:
            return "refused"
        if "certificate_verify_failed" in lower or "hostname verification" in lower:
            return NOT_ACCEPTED
        if alert := re.search(r"alert[ _]([a-z_ ]+)", lower):
            return "tls: alert " + alert[1].strip().replace("_", " ")
        if "handshake" in lower:
            return "tls: closed"
        if any(sign in lower for sign in ("socket closed", "reset", "broken pipe", "goaway", "eof")):
            return "closed"
        if "alpn" in lower:
            return "grpc: the server does not speak HTTP/2"
        if "failed to connect" in lower:
            return "unreachable: no connection"
    if code in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL, grpc.StatusCode.CANCELLED) and any(
        sign in lower for sign in ("larger than max", "deserializ", "rst_stream", "stream removed", "trailers")
    ):
        return f"grpc: {code.name.lower()}"
    return ""


def _status_of(code: grpc.StatusCode) -> int:
    for status, codes in _CODES.items():
        if code in codes:
            return status
    return 500


def status_document(status: kms.Status) -> dict[str, object]:
    """A Status as the JSON document of Table 9."""
    document: dict[str, object] = {}
    for field in kms.Status.DESCRIPTOR.fields:
        if field.name != "status_extension":
            document[_STATUS_NAMES.get(field.name, field.name)] = getattr(status, field.name)
    if status.HasField("status_extension"):
        document["status_extension"] = _plain(status.status_extension)
    return document


def container_document(container: kms.KeyContainer) -> dict[str, object]:
    """A Key container as the JSON document of Table 11."""
    keys: list[dict[str, object]] = []
    for key in container.keys:
        entry: dict[str, object] = {"key_ID": key.key_id, "key": base64.b64encode(key.key).decode("ascii")}
        if key.HasField("key_id_extension"):
            entry["key_ID_extension"] = _plain(key.key_id_extension)
        if key.HasField("key_extension"):
            entry["key_extension"] = _plain(key.key_extension)
        keys.append(entry)
    document: dict[str, object] = {"keys": keys}
    if container.HasField("key_container_extension"):
        document["key_container_extension"] = _plain(container.key_container_extension)
    return document


def _plain(extension: Struct) -> dict[str, object]:
    return dict(MessageToDict(extension))


def struct_of(entry: object) -> Struct:
    """An element of extension_mandatory or extension_optional; raises ValueError when it is no object."""
    if not isinstance(entry, dict):
        raise ValueError("an extension that is no object cannot be said over gRPC")  # noqa: TRY004 - as for others
    try:
        return ParseDict(entry, Struct())
    except ParseError as wrong:
        raise ValueError("an extension cannot be said over gRPC") from wrong
