"""The HTTPS server of an agent: who may ask, which resource is meant, what goes wrong."""

from __future__ import annotations

import asyncio
import logging
import ssl
import traceback
from collections.abc import Collection
from functools import partial

from aiohttp import web

from vendors.reference.agent.datastore import Datastore
from vendors.reference.agent.hub import Hub
from vendors.reference.agent.refusals import RefusedError, absent
from vendors.reference.agent.settings import AgentSettings
from vendors.reference.tls import common_name

from .bodies import answer, error_answer, require_accept
from .data import PATH as DATA_PATH
from .data import DataResources
from .dialect import Dialect
from .library import SCHEMA_PATH, STREAM_PATH, library_version
from .query import no_query
from .streams import EventStream
from .tolerance import TolerantDialect

_log = logging.getLogger(__name__)
_GRACE_S = 2.0
_HANDSHAKE_S = 10.0
_XRD_TYPE, _YANG_TYPE = "application/xrd+xml", "application/yang"
_HOST_META = (
    "<?xml version='1.0' encoding='UTF-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n"
    "  <Link rel='restconf' href='/restconf'/>\n</XRD>\n"
)
_READ = "GET, HEAD, OPTIONS"


class RestconfServer:
    """RESTCONF over TLS with certificates on both sides.

    Args:
        store: the datastore.
        hub: the notifications.
        settings: limits and dialect.
        controllers: common names of certificates that are admitted.
    """

    def __init__(self, store: Datastore, hub: Hub, settings: AgentSettings, controllers: Collection[str]) -> None:
        self._store = store
        self._settings = settings
        self._controllers = frozenset(controllers)
        self._dialect = dialect_of(settings)
        self._data = DataResources(store, self._dialect)
        self._stream = EventStream(hub, settings.keep_alive_s)
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None

    async def start(self, context: ssl.SSLContext, port: int) -> int:
        """Listens; says on which port.

        Args:
            context: TLS.
            port: 0 = any.

        Raises:
            OSError: the port is taken.
        """
        if self._runner is None:
            application = web.Application(client_max_size=self._settings.max_body_octets)
            application.router.add_route("*", "/{path:.*}", self._handle)
            self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_GRACE_S)
            await self._runner.setup()
        self._server = await asyncio.get_running_loop().create_server(
            partial(_connection, self._runner),
            self._settings.host,
            port,
            ssl=context,
            ssl_handshake_timeout=_HANDSHAKE_S,
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stops listening, lets calls under way finish. The hub has been ended before, and with it the streams."""
        if self._server is not None:
            self._server.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            self._admit(request)
            return await self._dispatch(request)
        except RefusedError as refused:
            return error_answer(refused)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - the edge
            place = "".join(traceback.format_tb(error.__traceback__))
            _log.error("a call failed with %s\n%s", type(error).__qualname__, place)
            return error_answer(RefusedError("operation-failed", "the agent failed; see its log"))

    def _admit(self, request: web.Request) -> None:
        transport = request.transport
        name = common_name(transport.get_extra_info("peercert")) if transport else None
        if name not in self._controllers:
            text = "the common name of the client certificate is not that of a controller of this agent"
            raise RefusedError("access-denied", text, kind="protocol")

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path
        if path == DATA_PATH or path.startswith(f"{DATA_PATH}/"):
            return await self._data.handle(request, path.removeprefix(DATA_PATH))
        if path == STREAM_PATH:
            return await self._stream.handle(request)
        return self._fixed(request, self._dialect.path(path))

    def _fixed(self, request: web.Request, path: str) -> web.Response:
        """Resources that never change."""
        version: dict[str, object] = {"yang-library-version": library_version(self._store.model)}
        resources: dict[str, dict[str, object]] = {
            "/restconf": {"restconf": {"data": {}, "operations": {}, **version}},
            "/restconf/operations": {"operations": {}},
            "/restconf/yang-library-version": version,
        }
        module = self._store.model.modules.get(path.removeprefix(f"{SCHEMA_PATH}/"))
        text = _HOST_META if path == "/.well-known/host-meta" else module.text if module else None
        if path not in resources and text is None:
            raise absent("there is no such resource; /restconf/data holds the node")
        if request.method not in _READ.split(", "):
            text = f"{request.method} is not for this resource; {_READ} are"
            raise RefusedError("operation-not-supported", text, allow=_READ)
        if request.method == "OPTIONS":
            return web.Response(headers={"Allow": _READ})
        no_query(request.rel_url.raw_query_string)
        if text is not None:
            kind = _YANG_TYPE if module else _XRD_TYPE
            require_accept(request, (kind,))
            return web.Response(body=text.encode(), content_type=kind)
        require_accept(request, self._dialect.media_types)
        return answer({f"ietf-restconf:{name}": value for name, value in resources[path].items()})


def dialect_of(settings: AgentSettings) -> Dialect:
    """How strictly an agent with these settings reads requests."""
    return TolerantDialect() if settings.tolerance == "tfs-freeconf" else Dialect()


def _connection(runner: web.AppRunner) -> web.RequestHandler:
    assert runner.server is not None  # noqa: S101 - it is set up
    connection = runner.server()
    connection.__class__ = _Connection
    return connection


class _Connection(web.RequestHandler):
    """Answers what is not even HTTP with an errors body, where aiohttp would send text."""

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
        refused = RefusedError("malformed-message", "the request is not HTTP/1.1, or a line of it is too long")
        if status >= 500:
            refused = RefusedError("operation-failed", "the agent failed; see its log")
        response = error_answer(refused)
        response.force_close()
        return response
