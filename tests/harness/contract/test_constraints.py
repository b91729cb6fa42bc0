"""The constraints beside the fields, for every shape of field; and the contracts themselves."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from harness.contract import check_message
from qkd.constraints.v1 import constraints_pb2
from qkd.device.v1 import key_source_pb2
from qkd.kms.v1 import key_delivery_pb2
from qkd.vendor.v1 import vendor_pb2
from tests.harness.contract.compiling import PROTOS, compile_with_protoc_alone

SOUND: dict[str, Any] = {
    "chosen": "",
    "colour": 1,
    "inner": {"name": "i"},
    "inners": [{"name": "a"}],
    "texts": ["t"],
    "one": "x",
}


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({}, []),
        # strings: characters, not octets
        ({"text": "ab"}, []),
        ({"text": "ääää"}, []),
        ({"text": ""}, []),  # absent, and not required
        ({"text": "a"}, ["text must have at least 2 character(s), has 1"]),
        ({"text": "abcde"}, ["text must have at most 4 character(s), has 5"]),
        ({"text": "a1"}, ["text must match [a-zä]+"]),
        ({"text": "ab\n"}, ["text must match [a-zä]+"]),  # the whole string, its last line end too
        # bytes
        ({"octets": b"12"}, []),
        ({"octets": b"1"}, ["octets must have at least 2 octet(s), has 1"]),
        ({"octets": b"12345"}, ["octets must have at most 4 octet(s), has 5"]),
        # numbers: an optional zero is a value, any other is absent
        ({"number": -1}, []),
        ({"number": 0}, []),
        ({"number": -2}, ["number must be at least -1"]),
        ({"number": 6}, ["number must be at most 5"]),
        ({"real": 0.0}, []),
        ({"real": 0.25}, ["real must be at least 0.5"]),
        ({"real": math.inf}, ["real must be at most 1"]),
        ({"real": math.nan}, ["real must be at least 0.5", "real must be at most 1"]),
        # required
        ({"chosen": None}, ["chosen is required"]),
        ({"colour": 0}, ["colour is required"]),
        ({"inner": None}, ["inner is required"]),
        ({"texts": []}, ["texts is required"]),
        ({"one": None, "other": "x"}, ["one is required"]),
        # lists and maps
        ({"inners": []}, ["inners must have at least 1 element(s), has 0"]),
        ({"inners": [{"name": "a"}] * 3}, ["inners must have at most 2 element(s), has 3"]),
        ({"named": {"a": {"name": "a"}, "b": {"name": "b"}}}, ["named must have at most 1 element(s), has 2"]),
        ({"texts": ["ok", "long", ""]}, ["texts[1] must have at most 2 character(s), has 4"]),
        ({"numbers": [9, 10]}, ["numbers[1] must be at most 9"]),
        # messages in messages
        ({"inner": {}}, ["inner.name is required"]),
        ({"inner": {"name": "i", "deeper": {"name": "i", "deeper": {}}}}, ["inner.deeper.deeper.name is required"]),
        ({"inners": [{"name": "a"}, {}]}, ["inners[1].name is required"]),
        ({"named": {"k": {"name": "toolong"}}}, ["named[k].name must have at most 4 character(s), has 7"]),
    ],
)
def test_a_message_breaks_just_this(shapes: Callable[..., Any], change: dict[str, Any], broken: list[str]) -> None:
    members = {name: value for name, value in {**SOUND, **change}.items() if value is not None}
    assert [str(violation) for violation in check_message(shapes(**members))] == broken


def test_a_violation_does_not_quote_the_value(shapes: Callable[..., Any]) -> None:
    found = check_message(shapes(**SOUND, text="HUNTER2", octets=b"HUNTER2"))
    assert len(found) == 3
    assert "HUNTER2" not in repr(found)


@pytest.mark.parametrize(
    ("message", "broken"),
    [
        (key_delivery_pb2.GetStatusRequest(), ["slave_sae_id is required"]),
        (key_delivery_pb2.GetKeyRequest(slave_sae_id="s", number=0), ["number must be at least 1"]),
        (key_delivery_pb2.GetKeyRequest(slave_sae_id="s", size=1 << 31), ["size must be at most 2147483647"]),
        (key_delivery_pb2.GetKeyRequest(slave_sae_id="s" * 1024), []),
        (
            key_delivery_pb2.GetKeyWithKeyIdsRequest(master_sae_id="m"),
            ["key_ids must have at least 1 element(s), has 0"],
        ),
        (
            key_delivery_pb2.GetKeyWithKeyIdsRequest(master_sae_id="m", key_ids=[key_delivery_pb2.KeyId()]),
            ["key_ids[0].key_id is required"],
        ),
        (vendor_pb2.ReleaseKmeRequest(), ["instance_id is required"]),
        (key_source_pb2.StreamBlocksRequest(), ["link_id is required"]),
    ],
)
def test_the_contracts_constraints_hold(message: Any, broken: list[str]) -> None:
    assert [str(violation) for violation in check_message(message)] == broken


def _messages(of: Any) -> list[Descriptor]:
    return list(of.DESCRIPTOR.message_types_by_name.values())


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(field, id=field.full_name)
        for file in (key_delivery_pb2, vendor_pb2, key_source_pb2)
        for message in _messages(file)
        for field in message.fields
        if field.GetOptions().HasExtension(constraints_pb2.field)
    ],
)
def test_a_constraint_fits_its_field(field: FieldDescriptor) -> None:
    """A constraint that cannot apply would be a promise that nobody keeps."""
    rules = field.GetOptions().Extensions[constraints_pb2.field]
    asked = {descriptor.name for descriptor, _ in rules.ListFields()}
    lengths, items, bounds = {"min_length", "max_length"}, {"min_items", "max_items"}, {"minimum", "maximum"}
    allowed = {"required"}
    if field.is_repeated:
        allowed |= items
    if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
        allowed |= lengths
    if field.type == FieldDescriptor.TYPE_STRING:
        allowed |= {"pattern"}
        re.compile(rules.pattern)
    if field.cpp_type not in (FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_MESSAGE):
        allowed |= bounds
    assert asked <= allowed


def test_a_maker_can_compile_the_contracts_with_googles_files_alone(tmp_path: Path) -> None:
    copy = tmp_path / "protos"
    for file in PROTOS.rglob("*.proto"):
        target = copy / file.relative_to(PROTOS)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    compile_with_protoc_alone(copy, tmp_path / "set")
    assert (tmp_path / "set").stat().st_size > 1000
