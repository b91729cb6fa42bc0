"""Faults of the bodies and headers of answers that serve (4, 5.1)."""

from __future__ import annotations

import orjson
from aiohttp import web

from vendors.reference.api014 import Api014

from .catalogue import fault


@fault("content-type-text", caught_by=["ETSI014-5.1-R9"])
class ContentTypeText(Api014):
    """Everything is sent as text/plain."""

    content_type = "text/plain"


@fault("content-type-missing", caught_by=["ETSI014-5.1-R9"])
class ContentTypeMissing(Api014):
    """Answers do not say of which type they are."""

    def application(self) -> web.Application:
        """Takes the header away before it is sent."""
        application = super().application()

        async def strip(_request: web.Request, response: web.StreamResponse) -> None:
            response.headers.pop("Content-Type", None)

        application.on_response_prepare.append(strip)
        return application


@fault("content-type-charset-latin-1", caught_by=["ETSI014-5.1-R11"])
class CharsetLatin1(Api014):
    """The framework's default charset is named in every answer: ISO-8859-1."""

    def answer(self, body: bytes, status: int = 200) -> web.Response:
        """With that charset."""
        response = super().answer(body, status)
        response.charset = "iso-8859-1"
        return response


@fault("body-in-utf-16", caught_by=["ETSI014-5.1-R11", "ETSI014-4-R3"])
class Utf16(Api014):
    """Texts are written the way the platform holds them in memory: UTF-16."""

    def answer(self, body: bytes, status: int = 200) -> web.Response:
        """In two octets a character."""
        return super().answer(body.decode("utf-8").encode("utf-16"), status)


@fault("body-with-byte-order-mark", caught_by=["ETSI014-5.1-R11", "ETSI014-4-R3"])
class ByteOrderMark(Api014):
    """The text writer of the platform begins every body with a byte order mark."""

    def answer(self, body: bytes, status: int = 200) -> web.Response:
        """With the mark."""
        return super().answer(b"\xef\xbb\xbf" + body, status)


@fault("body-no-json", caught_by=["ETSI014-4-R3"])
class PythonLiterals(Api014):
    """`str()` of a dictionary instead of JSON: single quotes."""

    def answer(self, body: bytes, status: int = 200) -> web.Response:
        """As the language prints it."""
        return super().answer(str(orjson.loads(body)).encode("utf-8"), status)


@fault("body-with-trailing-comma", caught_by=["ETSI014-4-R3"])
class TrailingComma(Api014):
    """JSON is put together by hand: a comma behind the last member."""

    def answer(self, body: bytes, status: int = 200) -> web.Response:
        """With the comma."""
        return super().answer(body[:-1] + b",}", status)
