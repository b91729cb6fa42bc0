"""A module's ETSI GS QKD 014 interface to the KMS of its site: HTTPS with certificates on both sides (5.1)."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from vendors.reference.forms import Forms
from vendors.reference.refusals import RefusedError, bad_request, unavailable, unknown_caller

from .keys014 import Ends, Etsi014Settings, ModuleKeys
from .source import BlockSource
from .tls import TlsCredentials, common_name, server_context

_log = logging.getLogger(__name__)
_FORMS = Forms()
_JSON = "application/json"
_MAX_BODY_OCTETS = 1 << 20
_HANDSHAKE_S = 10.0
_GRACE_S = 2.0

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Etsi014Server:
    """Serves the blocks of a `BlockSource` to one caller: the KMS of the module's site.

    The caller is whoever the only common name of its certificate names, and must be `Ends.local_kme_id`
    (otherwise 401); the SAE ID in the path is `Ends.peer_kme_id` (otherwise 400).

    Args:
        source: the blocks of this end.
        credentials: the module's; the common name should be its module ID (`source_KME_ID` of Status).
        ends: who is at both ends.
        settings: what is served.
        now: the plant's time, seconds.

    Raises:
        ValueError: when the credentials cannot be used.

    Attributes:
        keys: the rules; `keys.expire()` may be called as time passes.
    """

    def __init__(
        self,
        source: BlockSource,
        credentials: TlsCredentials,
        ends: Ends,
        settings: Etsi014Settings,
        now: Callable[[], float],
    ) -> None:
        self.keys = ModuleKeys(source, ends, settings, now)
        self._context = server_context(credentials)
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listens; gives the base URL, for instance ``https://127.0.0.1:8443``.

        Raises:
            OSError: the port is taken.
        """
        runner = self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=_GRACE_S)
        await runner.setup()

        def connection() -> web.RequestHandler:
            assert runner.server is not None  # noqa: S101 - it is set up
            made = runner.server()
            made.__class__ = _Connection
            return made

        self._server = await asyncio.get_running_loop().create_server(
            connection, host, port, ssl=self._context, ssl_handshake_timeout=_HANDSHAKE_S
        )
        return f"https://{host}:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Stops listening, lets calls under way finish."""
        if self._server is not None:
            self._server.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=_MAX_BODY_OCTETS)
        keys = "/api/v1/keys/{sae_id}"
        routes: Mapping[str, Mapping[str, _Handler]] = {
            f"{keys}/enc_keys": {"GET": self._get_enc_keys, "POST": self._post_enc_keys},
            f"{keys}/dec_keys": {"GET": self._get_dec_keys, "POST": self._post_dec_keys},
            f"{keys}/status": {"GET": self._get_status},
        }
        for path, handlers in routes.items():
            for verb, handler in handlers.items():
                application.router.add_route(verb, path, self._guarded(handler))
            application.router.add_route("*", path, _wrong_verb(", ".join(handlers)))
        application.router.add_route("*", "/{path:.*}", _wrong_path)
        return application

    # -- the methods (5.1, Table 2) -----------------------------------------------------------------

    async def _get_status(self, request: web.Request) -> web.StreamResponse:
        return _answer(_FORMS.status(self.keys.status(request.match_info["sae_id"])))

    async def _get_enc_keys(self, request: web.Request) -> web.StreamResponse:
        asked = _FORMS.key_request_of_query(request.match_info["sae_id"], _query_of(request))
        return _answer(_FORMS.container(self.keys.get_key(asked)))

    async def _post_enc_keys(self, request: web.Request) -> web.StreamResponse:
        asked = _FORMS.key_request(request.match_info["sae_id"], _FORMS.object_of(await _body_of(request)))
        return _answer(_FORMS.container(self.keys.get_key(asked)))

    async def _get_dec_keys(self, request: web.Request) -> web.StreamResponse:
        asked = _FORMS.key_ids_request_of_query(request.match_info["sae_id"], _query_of(request))
        return _answer(_FORMS.container(self.keys.get_key_with_key_ids(asked)))

    async def _post_dec_keys(self, request: web.Request) -> web.StreamResponse:
        asked = _FORMS.key_ids_request(request.match_info["sae_id"], _FORMS.object_of(await _body_of(request)))
        return _answer(_FORMS.container(self.keys.get_key_with_key_ids(asked)))

    def _guarded(self, handler: _Handler) -> _Handler:
        """Lets the local KMS in, turns refusals into answers."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            transport = request.transport
            if transport is None or transport.is_closing():
                raise ConnectionResetError  # nobody is left to answer: no key is taken for it
            try:
                if common_name(transport.get_extra_info("peercert")) != self.keys.ends.local_kme_id:
                    raise unknown_caller()  # noqa: TRY301 - refusals are answered in one place
                return await handler(request)
            except RefusedError as refused:
                return _error_answer(refused)
            except Exception as error:  # noqa: BLE001 - the edge; its text may hold secrets, its place does not
                place = "".join(traceback.format_tb(error.__traceback__))
                _log.error("a call failed with %s\n%s", type(error).__qualname__, place)
                return _error_answer(unavailable("error on server side", "INTERNAL"))

        return guarded


class _Connection(web.RequestHandler):
    """Answers what is not even HTTP with an Error object, where aiohttp would send text."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """See `web.RequestHandler`."""
        if request.writer.output_size > 0:
            raise ConnectionResetError  # an answer has begun
        refused = bad_request("the request is not HTTP/1.1", "NOT_HTTP")
        if status >= 500:
            refused = unavailable("error on server side", "INTERNAL")
        response = _answer(_FORMS.error(refused), refused.status)
        response.force_close()
        return response


def _answer(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type=_JSON)


def _error_answer(refused: RefusedError) -> web.Response:
    """An Error object; 401 has no body (5.2 to 5.4)."""
    if refused.status == 401:
        return web.Response(status=401)
    return _answer(_FORMS.error(refused), refused.status)


def _query_of(request: web.Request) -> dict[str, list[str]]:
    """The query of a GET, which has no body (6.2, 6.4)."""
    if request.can_read_body:
        raise bad_request("GET takes no body", "BODY_WITH_GET")
    return {name: request.query.getall(name) for name in request.query}


async def _body_of(request: web.Request) -> bytes:
    """The body of a POST: JSON in UTF-8, if it says what it is (5.1, Table 1)."""
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise bad_request("the body is too long", "BODY_TOO_LONG") from None
    except (web.RequestPayloadError, ValueError):
        raise bad_request("the body cannot be read", "BODY_UNREADABLE") from None
    said = request.headers.get("Content-Type")
    if body and said is not None and (request.content_type != _JSON or (request.charset or "utf-8").lower() != "utf-8"):
        raise bad_request("Content-Type shall be application/json, in UTF-8", "CONTENT_TYPE")
    return body


def _wrong_verb(allowed: str) -> _Handler:
    async def handler(_request: web.Request) -> web.StreamResponse:
        response = _answer(_FORMS.error(bad_request(f"{allowed} only")), 405)
        response.headers["Allow"] = allowed
        return response

    return handler


async def _wrong_path(_request: web.Request) -> web.StreamResponse:
    return _answer(_FORMS.error(bad_request("no such resource")), 404)
