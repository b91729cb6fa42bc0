"""The two listening servers of a KME: HTTPS and gRPC."""

from __future__ import annotations

import asyncio
import ssl
from functools import partial

import grpc
from aiohttp import web

from harness.sdk import ContractServer, contract_server

from .api014 import Api014
from .forms import Forms
from .grpc014 import Grpc014
from .refusals import bad_request, unavailable

_GRACE_S = 2.0
_HANDSHAKE_S = 10.0


class HttpsServer:
    """Serves the web application of an `Api014`."""

    def __init__(self, api: Api014) -> None:
        self._api = api
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int, context: ssl.SSLContext) -> int:
        """Listens; says on which port.

        Raises:
            OSError: the port is taken.
        """
        if self._runner is None:
            self._runner = web.AppRunner(self._api.application(), access_log=None, shutdown_timeout=_GRACE_S)
            await self._runner.setup()
        make = partial(self._connection, self._runner)
        self._server = await asyncio.get_running_loop().create_server(
            make, host, port, ssl=context, ssl_handshake_timeout=_HANDSHAKE_S, backlog=1024
        )
        return int(self._server.sockets[0].getsockname()[1])

    def _connection(self, runner: web.AppRunner) -> web.RequestHandler:
        assert runner.server is not None  # noqa: S101 - it is set up
        connection = runner.server()
        connection.__class__ = _Connection
        return connection

    async def stop(self) -> None:
        """Stops listening, lets calls under way finish."""
        if self._server is not None:
            self._server.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._api.erase_written()


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
        response = web.Response(body=Forms().error(refused), status=refused.status, content_type=Api014.content_type)
        response.force_close()
        return response


class GrpcServer:
    """Serves a `Grpc014`, and what stands beside it, with health checking, reflection and enforced constraints."""

    def __init__(self, servicer: Grpc014, *others: object) -> None:
        self._servicers = (servicer, *others)
        self._server: ContractServer | None = None

    async def start(self, host: str, port: int, credentials: grpc.ServerCredentials) -> int:
        """Listens; says on which port.

        Raises:
            OSError: the port is taken.
        """
        self._server = contract_server(*self._servicers, host=host, port=port, credentials=credentials)
        await self._server.start()
        return self._server.port

    async def stop(self) -> None:
        """Stops listening, lets calls under way finish."""
        if self._server is not None:
            await self._server.stop(_GRACE_S)
