"""The JSON forms of ETSI GS QKD 014 (6): requests read strictly, answers written in the names of the standard.

Strictly: a boolean or a text is no integer, null is not the same as absent, an object is no array. Members
that are not in the tables are ignored (sheet, A20).
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TypeVar

import orjson

from .model import Key, KeyContainer, KeyIdsRequest, KeyRequest, Status
from .refusals import RefusedError, bad_request

_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_POST_ONLY_ENC = ("additional_slave_SAE_IDs", "extension_mandatory", "extension_optional")
_POST_ONLY_DEC = ("key_IDs", "key_ID_extension", "key_IDs_extension")

Query = Mapping[str, Sequence[str]]


class Forms:
    """Reads and writes. Reading raises `RefusedError` with 400."""

    # -- requests -----------------------------------------------------------------------------------

    def object_of(self, body: bytes) -> Mapping[str, object]:
        """The JSON object of a POST. No body at all stands for `{}` (6.2 lets it be empty; sheet, A9)."""
        if not body:
            return {}
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise bad_request("the body is not JSON", "NOT_JSON") from None
        if not isinstance(value, dict):
            raise bad_request("the body shall be a JSON object", "NOT_AN_OBJECT")
        return value

    def key_request(self, slave: str, members: Mapping[str, object]) -> KeyRequest:
        """Key request (6.2, Table 10) from the members of its object."""
        return KeyRequest(
            slave,
            _integer(members, "number"),
            _integer(members, "size"),
            _array(members, "additional_slave_SAE_IDs", str, "strings"),
            _array(members, "extension_mandatory", dict, "objects"),
            _array(members, "extension_optional", dict, "objects"),
        )

    def key_request_of_query(self, slave: str, query: Query) -> KeyRequest:
        """Key request from a GET: `number` and `size` only; the rest needs POST (6.2)."""
        _refuse_post_only(query, _POST_ONLY_ENC)
        return KeyRequest(slave, _query_integer(query, "number"), _query_integer(query, "size"))

    def key_ids_request(self, master: str, members: Mapping[str, object]) -> KeyIdsRequest:
        """Key IDs (6.4, Table 12) from the members of its object."""
        if "key_IDs" not in members:
            raise bad_request("key_IDs is missing", "KEY_IDS_MISSING")
        _check_object(members, "key_IDs_extension")
        entries: Sequence[Mapping[str, object]] = _array(members, "key_IDs", dict, "objects")
        for entry in entries:
            _check_object(entry, "key_ID_extension")
        key_ids = [entry.get("key_ID") for entry in entries]
        texts = [key_id for key_id in key_ids if isinstance(key_id, str)]
        if len(texts) != len(key_ids):
            raise bad_request("key_ID shall be a string", "KEY_ID_MALFORMED")
        return KeyIdsRequest(master, texts)

    def key_ids_request_of_query(self, master: str, query: Query) -> KeyIdsRequest:
        """Key IDs from a GET: exactly one `key_ID`; the rest needs POST (6.4)."""
        _refuse_post_only(query, _POST_ONLY_DEC)
        key_ids = query.get("key_ID", ())
        if len(key_ids) != 1:
            raise bad_request("GET takes exactly one key_ID", "KEY_ID_NOT_ONE")
        return KeyIdsRequest(master, key_ids)

    # -- answers ------------------------------------------------------------------------------------

    def container(self, container: KeyContainer) -> bytes:
        """Key container (6.3, Table 11)."""
        form: dict[str, object] = {"keys": [self.key(key) for key in container.keys]}
        if container.extension:
            form["key_container_extension"] = dict(container.extension)
        return orjson.dumps(form)

    def key(self, key: Key) -> dict[str, object]:
        """One key of a container."""
        return {"key_ID": self.key_id(key.key_id), "key": self.key_text(key.octets)}

    def key_id(self, key_id: bytes) -> str:
        """A UUID as text, lower case."""
        return uuid_text(key_id)

    def key_text(self, octets: bytes) -> str:
        """Key bytes as base64: standard alphabet, padded (RFC 4648, clause 4)."""
        return b2a_base64(octets, newline=False).decode("ascii")

    def status(self, status: Status) -> bytes:
        """Status (6.1, Table 9)."""
        return orjson.dumps(asdict(status))

    def error(self, refused: RefusedError) -> bytes:
        """Error (6.5, Table 13)."""
        form: dict[str, object] = {"message": refused.message}
        if refused.details:
            form["details"] = [{name: value} for name, value in refused.details]
        return orjson.dumps(form)


def uuid_text(key_id: bytes) -> str:
    """16 octets as a UUID: 8-4-4-4-12 lower-case hexadecimal digits."""
    digits = key_id.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _integer(members: Mapping[str, object], name: str) -> int | None:
    if name not in members:
        return None
    value = members[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise bad_request(f"{name} shall be an integer", "NOT_AN_INTEGER")
    return value


def _query_integer(query: Query, name: str) -> int | None:
    values = query.get(name, ())
    if not values:
        return None
    if len(values) > 1:
        raise bad_request(f"{name} is given more than once", "REPEATED")
    if not _INTEGER.fullmatch(values[0]):
        raise bad_request(f"{name} shall be an integer", "NOT_AN_INTEGER")
    return int(values[0])


_T = TypeVar("_T")


def _array(members: Mapping[str, object], name: str, kind: type[_T], kinds: str) -> Sequence[_T]:
    if name not in members:
        return ()
    value = members[name]
    if not isinstance(value, list) or not all(isinstance(entry, kind) for entry in value):
        raise bad_request(f"{name} shall be an array of {kinds}", "NOT_AN_ARRAY")
    return value


def _check_object(members: Mapping[str, object], name: str) -> None:
    if name in members and not isinstance(members[name], dict):
        raise bad_request(f"{name} shall be an object", "NOT_AN_OBJECT")


def _refuse_post_only(query: Query, names: Sequence[str]) -> None:
    for name in names:
        if name in query:
            raise bad_request(f"{name} needs POST", "NEEDS_POST")
