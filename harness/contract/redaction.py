"""Messages as text without their secrets, by schema: fields marked ``debug_redact`` are never printed."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf import any_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

REDACTED = "(redacted)"

# Their JSON form is a plain value, and they hold no fields of ours.
_PLAIN = frozenset(
    f"google.protobuf.{name}"
    for name in (
        *("Struct", "Value", "ListValue", "Timestamp", "Duration", "FieldMask", "Empty"),
        *("BoolValue", "BytesValue", "DoubleValue", "FloatValue", "StringValue"),
        *("Int32Value", "Int64Value", "UInt32Value", "UInt64Value"),
    )
)


def redacted_text(message: Message) -> str:
    """`message` as one line of JSON with every ``debug_redact`` field that is set replaced by "(redacted)".

    For logs and evidence. Follows the schema through submessages, lists, maps and ``Any``; an ``Any`` of an
    unknown type is given as its type and length, since nobody can say what it holds.
    """
    return json.dumps(redacted(message), ensure_ascii=False)


def redacted(message: Message) -> Any:
    """`message` as JSON-ready values, redacted as in `redacted_text`; names are those of the ``.proto``."""
    if isinstance(message, any_pb2.Any):
        return _any(message)
    if message.DESCRIPTOR.full_name in _PLAIN:
        return json_format.MessageToDict(message, preserving_proto_field_name=True)
    return {field.name: _field(field, value) for field, value in message.ListFields()}


def _field(field: FieldDescriptor, value: Any) -> Any:
    if field.GetOptions().debug_redact:
        return REDACTED
    if field.is_repeated and field.message_type is not None and field.message_type.GetOptions().map_entry:
        inner = field.message_type.fields_by_name["value"]
        return {str(key): _single(inner, value[key]) for key in value}
    if field.is_repeated:
        return [_single(field, one) for one in value]
    return _single(field, value)


def _single(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None:
        return redacted(value)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _bytes(value)
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return value if named is None else named.name
    return value


def _bytes(value: bytes) -> str:
    try:
        return value.decode("ascii")
    except UnicodeDecodeError:
        return f"({len(value)} octets)"


def _any(message: any_pb2.Any) -> dict[str, Any]:
    unreadable = {"@type": message.type_url, "value": f"({len(message.value)} octets)"}
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(message.TypeName())
    except KeyError:
        return unreadable
    inner = message_factory.GetMessageClass(descriptor)()
    try:
        inner.ParseFromString(message.value)
    except DecodeError:
        return unreadable
    shown = redacted(inner)
    fields = shown if isinstance(shown, dict) else {"value": shown}
    return {"@type": message.type_url, **fields}
