"""Free-form values of a record (ICS claims, IXIT) as people read them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from google.protobuf.struct_pb2 import ListValue, Struct, Value


def text_of(value: Value) -> str:
    """One value as JSON, whole numbers without a point: ``true``, ``352``, ``"text"``, ``["a", "b"]``.

    A value that was never set is an empty string.
    """
    if value.WhichOneof("kind") is None:
        return ""
    return json.dumps(_plain(value), ensure_ascii=False)


def leaves(struct: Struct) -> tuple[tuple[str, str], ...]:
    """The leaves of ``struct`` as (path, text), for instance ``("kme[0].id", "kme-a")``; text is not quoted."""
    return tuple(_leaves("", struct))


def _plain(value: Value) -> object:
    match value.WhichOneof("kind"):
        case "bool_value":
            return value.bool_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return value.string_value
        case "list_value":
            return [_plain(entry) for entry in value.list_value.values]
        case "struct_value":
            return {name: _plain(entry) for name, entry in sorted(value.struct_value.fields.items())}
        case _:
            return None


def _leaves(path: str, value: Value | Struct | ListValue) -> Iterator[tuple[str, str]]:
    if isinstance(value, Struct):
        for name, entry in sorted(value.fields.items()):  # a map has no order of its own
            yield from _leaves(f"{path}.{name}" if path else name, entry)
    elif isinstance(value, ListValue):
        for index, entry in enumerate(value.values):
            yield from _leaves(f"{path}[{index}]", entry)
    elif value.HasField("struct_value"):
        yield from _leaves(path, value.struct_value)
    elif value.HasField("list_value"):
        yield from _leaves(path, value.list_value)
    else:
        yield path, value.string_value if value.HasField("string_value") else text_of(value)
