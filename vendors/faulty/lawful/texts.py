"""Other ways to write the same JSON, and members that the standard allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import orjson
from aiohttp import web

from vendors.faulty.catalogue import variant
from vendors.reference.api014 import Api014
from vendors.reference.forms import Forms
from vendors.reference.model import Key, KeyContainer, Status
from vendors.reference.refusals import RefusedError, bad_request


class _Rewritten(Forms):
    """Writes the same documents in another way."""

    def rewritten(self, body: bytes) -> bytes:
        """Other octets that mean the same."""
        raise NotImplementedError

    def container(self, container: KeyContainer) -> bytes:
        return self.rewritten(super().container(container))

    def status(self, status: Status) -> bytes:
        return self.rewritten(super().status(status))

    def error(self, refused: RefusedError) -> bytes:
        return self.rewritten(super().error(refused))


def _backwards(value: object) -> object:
    if isinstance(value, dict):
        return {name: _backwards(value[name]) for name in reversed(value)}
    return [_backwards(entry) for entry in value] if isinstance(value, list) else value


@variant("pretty-json")
class PrettyJson(_Rewritten):
    """JSON with line breaks and indentation."""

    def rewritten(self, body: bytes) -> bytes:
        """Indented."""
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


@variant("members-in-other-order")
class OtherOrder(_Rewritten):
    """Members of objects in another order: `key` before `key_ID`, Status from its end."""

    def rewritten(self, body: bytes) -> bytes:
        """From the end."""
        return orjson.dumps(_backwards(orjson.loads(body)))


@variant("escaped-solidus")
class EscapedSolidus(_Rewritten):
    """JSON that escapes what it may escape: every solidus and every equals sign."""

    def rewritten(self, body: bytes) -> bytes:
        """Escaped."""
        return body.replace(b"/", b"\\/").replace(b"=", b"\\u003d")


@variant("further-members")
class FurtherMembers(Forms):
    """Answers hold members that the tables do not have (A20)."""

    def container(self, container: KeyContainer) -> bytes:
        """With the number of keys."""
        return orjson.dumps(orjson.loads(super().container(container)) | {"acme_count": len(container.keys)})

    def key(self, key: Key) -> dict[str, object]:
        """With the size."""
        return super().key(key) | {"acme_size": 8 * len(key.octets)}

    def status(self, status: Status) -> bytes:
        """With a state."""
        return orjson.dumps(asdict(status) | {"acme_state": "up", "acme_rates": [1.5, None]})

    def error(self, refused: RefusedError) -> bytes:
        """With a number."""
        return orjson.dumps(orjson.loads(super().error(refused)) | {"acme_code": 4711})


@variant("extensions-in-answers")
class ExtensionsInAnswers(Forms):
    """All optional extension members are there, some of them empty."""

    def container(self, container: KeyContainer) -> bytes:
        """With key_container_extension."""
        extension = dict(container.extension) | {"acme_link": "direct"}
        return super().container(container._replace(extension=extension))

    def key(self, key: Key) -> dict[str, object]:
        """With key_ID_extension and key_extension."""
        return super().key(key) | {"key_ID_extension": {}, "key_extension": {"acme_link": {"qber": 0.02}}}

    def status(self, status: Status) -> bytes:
        """With status_extension."""
        return orjson.dumps(asdict(status) | {"status_extension": {"acme_modules": [1, 2]}})


@variant("details-in-errors")
class DetailsInErrors(Forms):
    """Errors have details with values of every type."""

    def error(self, refused: RefusedError) -> bytes:
        """With details."""
        details = [{name: value} for name, value in refused.details]
        return orjson.dumps({"message": refused.message, "details": [*details, {"acme_line": 7, "acme_hint": None}]})


@variant("unknown-members-refused")
class UnknownMembersRefused(Forms):
    """Requests with members that the tables do not have are refused with 400 (A20)."""

    _known = frozenset(
        {"number", "size", "additional_slave_SAE_IDs", "extension_mandatory", "extension_optional"}
        | {"key_IDs", "key_IDs_extension"}
    )

    def object_of(self, body: bytes) -> Mapping[str, object]:
        """Refuses what it does not know."""
        members = super().object_of(body)
        if not self._known.issuperset(members):
            raise bad_request("a member of the request is not known", "MEMBER_UNKNOWN")
        return members


@variant("text-numbers-accepted")
class TextNumbersAccepted(Forms):
    """A number in quotes is as good as one without (A8)."""

    def object_of(self, body: bytes) -> Mapping[str, object]:
        """With texts turned into numbers."""
        return {name: _number(name, value) for name, value in super().object_of(body).items()}


def _number(name: str, value: object) -> object:
    takes = name in {"number", "size"} and isinstance(value, str) and value.isascii() and value.isdigit()
    return int(value) if takes and isinstance(value, str) and len(value) < 10 else value


@variant("empty-post-refused")
class EmptyPostRefused(Forms):
    """A POST without any body is refused with 400; the empty object is served (A9)."""

    def object_of(self, body: bytes) -> Mapping[str, object]:
        """Insists on a body."""
        if not body:
            raise bad_request("the body is missing", "NO_BODY")
        return super().object_of(body)


@variant("charset-in-content-type")
class CharsetInContentType(Api014):
    """The content type of answers names the charset: utf-8 (A21)."""

    def answer(self, body: bytes, status: int = 200) -> web.Response:
        """With the charset."""
        response = super().answer(body, status)
        response.charset = "utf-8"
        return response
