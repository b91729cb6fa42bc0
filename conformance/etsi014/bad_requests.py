"""Requests that are wrong, by what is wrong with them. The names are what findings say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final
from uuid import UUID

_DEEP: Final = 1000
_LONG: Final = 4000

NOT_JSON: Final[Mapping[str, bytes]] = {
    "plain text": b"give me a key",
    "an object cut off": b'{"number": 1',
    "a string cut off": b'{"number',
    "brackets the wrong way round": b"}{",
    "two colons": b'{"number":: 1}',
    "a form": b"number=1&size=256",
    "XML": b"<request><number>1</number></request>",
    "octets that are no text": bytes(range(0x80, 0xA0)),
    "a thousand opening brackets": b"[" * _DEEP,
}
"""No parser of JSON, however tolerant, takes these."""

NO_OBJECT: Final[Mapping[str, bytes]] = {
    "a list of numbers": b"[1, 2]",
    "a string": b'"one key please"',
    "a number": b"7",
    "true": b"true",
}
"""JSON, but not the object that it has to be. (``null`` and ``[]`` count as empty in some languages: `TOLERABLE`.)"""

TOLERABLE: Final[Mapping[str, bytes]] = {
    "null": b"null",
    "an empty list": b"[]",
    "a trailing comma": b'{"number": 1,}',
    "single quotes": b"{'number': 1}",
    "a name without quotes": b"{number: 1}",
    "a comment": b'{"number": 1 /* one */}',
    "text after the object": b'{"number": 1} thanks',
    "a duplicate name": b'{"number": 1, "number": 1}',
    "a leading zero": b'{"number": 01}',
    "NaN in an unknown member": b'{"number": 1, "qkdh_unknown": NaN}',
    "a byte order mark": b'\xef\xbb\xbf{"number": 1}',
    "UTF-16": '{"number": 1}'.encode("utf-16"),
    "a broken octet in a string": b'{"number": 1, "qkdh_unknown": "\xff"}',
    "a control character in a string": b'{"number": 1, "qkdh_unknown": "\x01"}',
    "half a surrogate pair": b'{"number": 1, "qkdh_unknown": "\\ud800"}',
    "a thousand lists in one another": b'{"number": 1, "qkdh_unknown": ' + b"[" * _DEEP + b"]" * _DEEP + b"}",
}
"""Wrong, or unusual, and taken by some parsers: a key is asked for all the same."""


def unreadable(name: str, wrap: int) -> dict[str, bytes]:
    """Key requests whose ``name`` (number or size) is no number, or one that only wrapped round is ``wrap``."""
    values = {
        "text": '"abc"',
        "a list": "[2, 3]",
        "an object": f'{{"value": {wrap}}}',
        "beyond 32 bits": str(2**32 + wrap),
        "beyond 64 bits": str(2**64 + wrap),
        "beyond all bits": str(10**40),
        "beyond all floats": "1e400",
    }
    return {f"{name}: {what}": f'{{"{name}": {value}}}'.encode() for what, value in values.items()}


def lenient(name: str, value: int) -> dict[str, bytes]:
    """Key requests whose ``name`` (number or size) is of the wrong type, and can be read as ``value`` or as absent."""
    values = {
        "digits in a string": f'"{value}"',
        "a fraction of zero": f"{value}.0",
        "a fraction": f"{value}.5",
        "true": "true",
        "null": "null",
        "an empty string": '""',
    }
    return {f"{name}: {what}": f'{{"{name}": {text}}}'.encode() for what, text in values.items()}


OFF_TYPE: Final[Mapping[str, bytes]] = {
    f"{name}: {what}": json.dumps({name: value}).encode()
    for name, values in {
        "additional_slave_SAE_IDs": {"a string": "qkdh-x", "an object": {}, "numbers": [1], "null in it": [None]},
        "extension_mandatory": {"a string": "x", "an object": {"qkdh_x": 1}, "numbers": [1], "strings": ["x"]},
        "extension_optional": {"a string": "x", "an object": {"qkdh_x": 1}, "numbers": [1], "strings": ["x"]},
    }.items()
    for what, value in values.items()
}
"""Key requests with a list that is none, or holds something else."""


def _ids(value: object) -> bytes:
    return json.dumps({"key_IDs": value}).encode()


NAMES_NO_KEY: Final[Mapping[str, bytes]] = {
    "an empty object": b"{}",
    "key_IDs: null": _ids(None),
    "key_IDs: text": _ids("all"),
    "key_IDs: a number": _ids(5),
    "key_IDs: an object": _ids({}),
    "key_IDs: null in it": _ids([None]),
    "key_IDs: numbers": _ids([5]),
    "key_IDs: lists": _ids([[]]),
    "key_IDs: an empty object": _ids([{}]),
    "key_ID: null": _ids([{"key_ID": None}]),
    "key_ID: a number": _ids([{"key_ID": 5}]),
    "key_ID: true": _ids([{"key_ID": True}]),
    "key_ID: a list": _ids([{"key_ID": []}]),
    "key_ID: empty": _ids([{"key_ID": ""}]),
    "key_ID: no UUID": _ids([{"key_ID": "not-a-uuid"}]),
    "key_ID: nil UUID": _ids([{"key_ID": str(UUID(int=0))}]),
    "key_ID: an asterisk": _ids([{"key_ID": "*"}]),
    "key_ID: a per cent sign": _ids([{"key_ID": "%"}]),
    "key_ID: SQL": _ids([{"key_ID": "' OR '1'='1"}]),
    "key_ID: an operator": _ids([{"key_ID": {"$ne": None}}]),
    "key_ID: a path": _ids([{"key_ID": "../../../etc/passwd"}]),
    "key_ID: control characters": _ids([{"key_ID": "\x00\r\n\t"}]),
    "key_ID: very long": _ids([{"key_ID": "0" * _LONG}]),
    "another name for key_IDs": json.dumps({"keys": [{"key_ID": str(UUID(int=1))}]}).encode(),
}
"""Key IDs objects in which no key is named."""

QUERIES_UNREADABLE: Final[Mapping[str, str]] = {
    "number: text": "number=abc",
    "size: text": "size=abc",
    "number: beyond 32 bits": f"number={2**32 + 1}",
    "number: beyond 64 bits": f"number={2**64 + 1}",
    "size: beyond 64 bits": f"size={2**64 + 256}",
}
"""Queries of Get key in which a number is none."""

QUERIES_LENIENT: Final[Mapping[str, str]] = {
    "number: empty": "number=",
    "size: empty": "size=",
    "number: twice": "number=1&number=2",
    "number: a fraction": "number=1.5",
    "number: a sign": "number=%2B1",
    "number: a NUL after it": "number=1%00",
    "number: a broken escape": "number=%zz",
    "extension_mandatory in the query": "extension_mandatory=%5B%7B%22qkdh_x%22%3A1%7D%5D",
    "an unknown parameter": "qkdh_unknown=1",
}
"""Queries of Get key that some would read."""

ID_QUERIES: Final[Mapping[str, str]] = {
    "nothing": "",
    "key_ID: empty": "?key_ID=",
    "key_ID: no UUID": "?key_ID=not-a-uuid",
    "key_ID: NUL": "?key_ID=%00",
    "key_ID: an asterisk": "?key_ID=*",
    "key_ID: a per cent sign": "?key_ID=%25",
    "key_ID: SQL": "?key_ID=%27%20OR%20%271%27%3D%271",
    "key_ID: two unknown ones": f"?key_ID={UUID(int=1)}&key_ID={UUID(int=2)}",
    "another name for key_ID": f"?keyID={UUID(int=1)}",
}
"""Queries of Get key with key IDs in which no key is named."""


def strange_paths(slave: str) -> dict[str, str]:
    """Paths that Table 2 does not have; ``slave`` is a known SAE ID, percent-encoded."""
    return {
        "another last part": f"/api/v1/keys/{slave}/qkdh_keys",
        "no last part": f"/api/v1/keys/{slave}",
        "no SAE ID": "/api/v1/keys/enc_keys",
        "an empty SAE ID": "/api/v1/keys//enc_keys",
        "a NUL in the SAE ID": f"/api/v1/keys/{slave}%00/enc_keys",
        "an escaped slash in the SAE ID": f"/api/v1/keys/{slave}%2Fqkdh/enc_keys",
        "a path out of the tree": "/api/v1/keys/..%2F..%2F..%2Fetc%2Fpasswd/enc_keys",
        "an SAE ID of 4000 characters": f"/api/v1/keys/{'x' * _LONG}/enc_keys",
        "a broken escape": "/api/v1/keys/%zz/enc_keys",
        "the root": "/",
    }
