"""Faults of refusals as they are written (5.1, 6.5)."""

from __future__ import annotations

import orjson
from aiohttp import web

from vendors.reference.api014 import Api014
from vendors.reference.forms import Forms
from vendors.reference.refusals import RefusedError

from .catalogue import fault


@fault("error-without-message", caught_by=["ETSI014-6.5-R1"])
class NoMessage(Forms):
    """The Error has the member `error`, as in the maker's other interfaces."""

    def error(self, refused: RefusedError) -> bytes:
        """With another name."""
        return orjson.dumps({"error": refused.message})


@fault("error-message-no-text", caught_by=["ETSI014-6.5-R1"])
class MessageIsObject(Forms):
    """`message` is an object with a code and a text."""

    def error(self, refused: RefusedError) -> bytes:
        """With an object."""
        return orjson.dumps({"message": {"code": refused.reason, "text": refused.message}})


@fault("error-is-text", caught_by=["ETSI014-6.5-R1"])
class ErrorIsText(Forms):
    """The Error is a JSON string instead of an object."""

    def error(self, refused: RefusedError) -> bytes:
        """The message alone."""
        return orjson.dumps(refused.message)


@fault("error-details-object", caught_by=["ETSI014-6.5-R2"])
class DetailsAreObject(Forms):
    """`details` is one object instead of an array of objects."""

    def error(self, refused: RefusedError) -> bytes:
        """With an object."""
        return orjson.dumps({"message": refused.message, "details": {"reason": refused.reason}})


@fault("error-details-texts", caught_by=["ETSI014-6.5-R2"])
class DetailsAreTexts(Forms):
    """`details` is an array of texts instead of objects."""

    def error(self, refused: RefusedError) -> bytes:
        """With texts."""
        return orjson.dumps({"message": refused.message, "details": [refused.reason]})


@fault("error-body-empty", caught_by=["ETSI014-6.5-R1"])
class ErrorBodyEmpty(Api014):
    """A refusal is a status code and nothing else."""

    def error_answer(self, refused: RefusedError) -> web.Response:
        """Without a body."""
        return web.Response(status=refused.status)


@fault("error-page-in-html", caught_by=["ETSI014-6.5-R1", "ETSI014-5.1-R10"])
class HtmlErrors(Api014):
    """Refusals are left to the web framework, which writes a page."""

    def error_answer(self, refused: RefusedError) -> web.Response:
        """A page."""
        page = f"<html><body><h1>{refused.status}</h1><p>{refused.message}</p></body></html>"
        return web.Response(text=page, content_type="text/html", status=refused.status)


@fault("error-content-type", caught_by=["ETSI014-5.1-R10"])
class ErrorContentType(Api014):
    """An Error is sent as application/problem+json."""

    def error_answer(self, refused: RefusedError) -> web.Response:
        """As another type."""
        response = super().error_answer(refused)
        if response.status != 401:
            response.content_type = "application/problem+json"
        return response
