from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from tests.harness.contract.compiling import PROTOS, compile_with_protoc_alone

# Every shape that a field can have, with every constraint that fits it.
SHAPES = """
syntax = "proto3";
package qkd.tests.shapes.v1;
import "google/protobuf/any.proto";
import "google/protobuf/struct.proto";
import "qkd/constraints/v1/constraints.proto";

enum Colour { COLOUR_UNSPECIFIED = 0; COLOUR_RED = 1; }

message Inner {
  string name = 1 [(qkd.constraints.v1.field) = {required: true, max_length: 4}];
  bytes secret = 2 [debug_redact = true];
  Inner deeper = 3;
}

message Shapes {
  string text = 1 [(qkd.constraints.v1.field) = {min_length: 2, max_length: 4, pattern: "[a-zä]+"}];
  bytes octets = 2 [(qkd.constraints.v1.field) = {min_length: 2, max_length: 4}];
  optional int64 number = 3 [(qkd.constraints.v1.field) = {minimum: -1, maximum: 5}];
  double real = 4 [(qkd.constraints.v1.field) = {minimum: 0.5, maximum: 1}];
  optional string chosen = 5 [(qkd.constraints.v1.field) = {required: true}];
  Colour colour = 6 [(qkd.constraints.v1.field) = {required: true}];
  Inner inner = 7 [(qkd.constraints.v1.field) = {required: true}];
  repeated Inner inners = 8 [(qkd.constraints.v1.field) = {min_items: 1, max_items: 2}];
  map<string, Inner> named = 9 [(qkd.constraints.v1.field) = {max_items: 1}];
  repeated string texts = 10 [(qkd.constraints.v1.field) = {required: true, max_length: 2}];
  repeated sint32 numbers = 11 [(qkd.constraints.v1.field) = {maximum: 9}];
  google.protobuf.Struct free = 12;
  google.protobuf.Any any = 13;
  string password = 14 [debug_redact = true];
  repeated bytes keys = 15 [debug_redact = true];
  map<string, string> tokens = 16 [debug_redact = true];
  map<string, Colour> colours = 17;
  oneof either { string one = 18 [(qkd.constraints.v1.field) = {required: true}]; string other = 19; }
}
"""


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """The class ``Shapes`` above."""
    folder = tmp_path_factory.mktemp("shapes")
    (folder / "shapes.proto").write_text(SHAPES, encoding="utf-8")
    constraints = folder / "qkd" / "constraints" / "v1"
    constraints.mkdir(parents=True)
    name = "qkd/constraints/v1/constraints.proto"
    (folder / name).write_text((PROTOS / name).read_text(encoding="utf-8"), encoding="utf-8")
    compile_with_protoc_alone(folder, folder / "set")
    files = descriptor_pb2.FileDescriptorSet.FromString((folder / "set").read_bytes())
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(files.file[-1].SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("qkd.tests.shapes.v1.Shapes"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
