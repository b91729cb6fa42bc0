"""Messages as text without secrets: by schema, wherever the field is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from google.protobuf import any_pb2
from google.rpc import status_pb2

from harness.contract import redacted_text
from qkd.kms.v1 import key_delivery_pb2
from qkd.vendor.v1 import vendor_pb2

SECRET = "HUNTER2"
OCTETS = SECRET.encode()


def test_every_redacted_field_is_hidden_wherever_it_is(shapes: Callable[..., Any]) -> None:
    inner = {"name": "n", "secret": OCTETS, "deeper": {"name": "d", "secret": OCTETS}}
    message = shapes(
        inner=inner, inners=[inner], named={"k": inner}, password=SECRET, keys=[OCTETS, OCTETS], tokens={"a": SECRET}
    )
    text = redacted_text(message)
    assert SECRET not in text
    shown = json.loads(text)
    hidden = {"name": "n", "secret": "(redacted)", "deeper": {"name": "d", "secret": "(redacted)"}}
    assert shown == {
        "inner": hidden,
        "inners": [hidden],
        "named": {"k": hidden},
        "password": "(redacted)",
        "keys": "(redacted)",
        "tokens": "(redacted)",
    }


def test_what_is_not_secret_is_shown(shapes: Callable[..., Any]) -> None:
    message = shapes(text="tä", octets=b"\xff\x00", number=3, colour=1, colours={"a": 1, "b": 7})
    message.free.update({"secret": "not by name", "list": [1, None]})
    assert json.loads(redacted_text(message)) == {
        "text": "tä",
        "octets": "(2 octets)",
        "number": 3,
        "colour": "COLOUR_RED",
        "free": {"secret": "not by name", "list": [1, None]},
        "colours": {"a": "COLOUR_RED", "b": 7},
    }


def test_any_is_followed_when_its_type_is_known(shapes: Callable[..., Any]) -> None:
    status = status_pb2.Status(code=3)
    status.details.add().Pack(shapes(password=SECRET, text="ok"))
    text = redacted_text(status)
    assert SECRET not in text
    assert '"text": "ok"' in text


def test_any_of_an_unknown_type_shows_nothing_of_itself() -> None:
    hidden = any_pb2.Any(type_url="type.googleapis.com/acme.Secret", value=OCTETS)
    assert json.loads(redacted_text(hidden)) == {"@type": hidden.type_url, "value": "(7 octets)"}


def test_any_that_cannot_be_read_shows_nothing_of_itself(shapes: Callable[..., Any]) -> None:
    packed = any_pb2.Any()
    packed.Pack(shapes())
    packed.value = b"\xff" + OCTETS
    assert SECRET not in redacted_text(packed)


def test_the_keys_of_the_contracts_are_hidden() -> None:
    response = key_delivery_pb2.GetKeyResponse(
        key_container=key_delivery_pb2.KeyContainer(keys=[key_delivery_pb2.Key(key_id="id", key=OCTETS)])
    )
    assert json.loads(redacted_text(response)) == {"key_container": {"keys": [{"key_id": "id", "key": "(redacted)"}]}}
    request = vendor_pb2.ProvisionKmeRequest(
        credentials=vendor_pb2.Credentials(private_key_pem=OCTETS, certificate_pem=b"-----BEGIN"),
        key_sources=[vendor_pb2.KeySource(token=SECRET, link_id="l")],
    )
    text = redacted_text(request)
    assert SECRET not in text
    assert "-----BEGIN" in text
