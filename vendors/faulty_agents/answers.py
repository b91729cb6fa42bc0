"""Faults in status codes and headers of answers."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from .bodies import Rewriting
from .catalogue import fault


class _Headers(Rewriting):
    """Changes status and headers, not documents."""

    def document(self, document: Any) -> Any:
        """See `Rewriting`."""
        return document


@fault("plain-json", "ETSI015-RC-MEDIA-1")
class PlainJson(_Headers):
    """Answers are application/json."""

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        """See `Rewriting`."""
        if answer.content_type == "application/yang-data+json" and answer.status == 200:
            answer.content_type = "application/json"
        return answer


@fault("absent-is-empty", "ETSI015-RC-GET-1")
class AbsentIsEmpty(_Headers):
    """What is not there is 204."""

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        """See `Rewriting`."""
        return web.Response(status=204) if (request.method, answer.status) == ("GET", 404) else answer


@fault("no-head", "ETSI015-RC-HEAD-1")
class NoHead(_Headers):
    """HEAD is not implemented."""

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        """See `Rewriting`."""
        return web.Response(status=501) if request.method == "HEAD" else answer


@fault("options-without-allow", "ETSI015-RC-OPTIONS-1")
class OptionsWithoutAllow(_Headers):
    """OPTIONS does not say which methods there are."""

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        """See `Rewriting`."""
        return web.Response() if request.method == "OPTIONS" else answer


@fault("no-entity-tags", "ETSI015-RC-ETAG-1")
class NoEntityTags(_Headers):
    """There are no entity tags."""

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        """See `Rewriting`."""
        answer.headers.pop("ETag", None)
        return answer


@fault("one-entity-tag", "ETSI015-RC-ETAG-2")
class OneEntityTag(_Headers):
    """The entity tag never changes."""

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        """See `Rewriting`."""
        if "ETag" in answer.headers:
            answer.headers["ETag"] = '"1"'
        return answer


@fault("created-is-ok", "ETSI015-RC-POST-1")
class CreatedIsOk(_Headers):
    """POST that creates is 200, without a Location."""

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        """See `Rewriting`."""
        return web.Response() if (request.method, answer.status) == ("POST", 201) else answer


@fault("put-is-always-200", "ETSI015-RC-PUT-1")
class PutIsAlways200(_Headers):
    """PUT is 200 whether it creates or replaces."""

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        """See `Rewriting`."""
        return web.Response() if request.method == "PUT" and answer.status < 300 else answer


@fault("gone-is-gone", "ETSI015-RC-DELETE-1")
class GoneIsGone(_Headers):
    """DELETE of what is not there is 204."""

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        """See `Rewriting`."""
        return web.Response(status=204) if (request.method, answer.status) == ("DELETE", 404) else answer


@fault("errors-as-text", "ETSI015-RC-ERR-1")
class ErrorsAsText(_Headers):
    """Errors are a line of text."""

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        """See `Rewriting`."""
        return web.Response(status=answer.status, text="no") if answer.status >= 400 else answer


@fault("malformed-is-our-fault", "ETSI015-RC-BODY-1")
class MalformedIsOurFault(_Headers):
    """A body that is no JSON is an internal error."""

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        """See `Rewriting`."""
        if answer.status == 400 and b"malformed-message" in bytes(answer.body or b""):  # type: ignore[arg-type]
            answer.set_status(500)
        return answer


@fault("method-is-bad-request", "ETSI015-RC-METHOD-1")
class MethodIsBadRequest(_Headers):
    """A method that a resource does not have is 400."""

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        """See `Rewriting`."""
        if answer.status == 405:
            answer.set_status(400)
        return answer


@fault("no-host-meta", "ETSI015-RC-ROOT-1")
class NoHostMeta(_Headers):
    """The root is where everybody puts it, and host-meta is missing."""

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        """See `Rewriting`."""
        return web.Response(status=404) if request.path == "/.well-known/host-meta" else answer


@fault("state-swallowed", "ETSI015-MODEL-4")
class StateSwallowed(_Headers):
    """A write to a leaf of state is 204, and nothing happens."""

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        """See `Rewriting`."""
        swallowed = request.method == "PUT" and answer.status == 405
        return web.Response(status=204) if swallowed else answer


@fault("key-swallowed", "ETSI015-MODEL-3")
class KeySwallowed(_Headers):
    """An entry with another key than the path is 201, and nothing happens."""

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        """See `Rewriting`."""
        text = bytes(answer.body or b"")  # type: ignore[arg-type]
        return web.Response(status=201) if re.search(rb"a key cannot be changed", text) else answer


@fault("node-deleted", "ETSI015-MODEL-5")
class NodeDeleted(_Headers):
    """DELETE of the node is 204, and nothing happens."""

    def answered(self, request: web.Request, answer: web.Response) -> web.Response:
        """See `Rewriting`."""
        return web.Response(status=204) if (request.method, answer.status) == ("DELETE", 405) else answer
