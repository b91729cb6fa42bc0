"""Other manners on the wire: latency, connections, headers, encodings."""

from __future__ import annotations

import asyncio

from aiohttp import web

from vendors.faulty.catalogue import variant
from vendors.reference.api014 import Api014

_LATENCY_S = 0.05


class _OnPrepare(Api014):
    """Changes answers just before their headers are written."""

    def application(self) -> web.Application:
        application = super().application()
        application.on_response_prepare.append(self.prepared)
        return application

    async def prepared(self, request: web.Request, response: web.StreamResponse) -> None:
        """Changes the answer."""
        raise NotImplementedError


@variant("latency-50-ms")
class Latency(_OnPrepare):
    """Every answer takes 50 ms."""

    async def prepared(self, request: web.Request, response: web.StreamResponse) -> None:
        """Waits."""
        await asyncio.sleep(_LATENCY_S)


@variant("connection-close")
class ConnectionClose(_OnPrepare):
    """Every connection serves one request, and says so."""

    async def prepared(self, request: web.Request, response: web.StreamResponse) -> None:
        """Without keep-alive."""
        response.headers["Connection"] = "close"
        response.force_close()


@variant("hangs-up-silently")
class HangsUp(_OnPrepare):
    """Every connection serves one request and is closed without a word in the headers, as HTTP/1.1 allows."""

    async def prepared(self, request: web.Request, response: web.StreamResponse) -> None:
        """Closes right after the answer."""
        response.force_close()  # the headers are made already


@variant("chunked-answers")
class Chunked(Api014):
    """Answers come in chunks, without Content-Length."""

    def answer(self, body: bytes, status: int = 200) -> web.Response:
        """In chunks."""
        response = super().answer(body, status)
        response.enable_chunked_encoding()
        return response


@variant("headers-in-other-case")
class HeaderCase(_OnPrepare):
    """Header names in capitals, and a few that nobody asked for."""

    async def prepared(self, request: web.Request, response: web.StreamResponse) -> None:
        """All in capitals."""
        headers = [(name.upper(), value) for name, value in response.headers.items()]
        response.headers.clear()
        response.headers.extend([*headers, ("CACHE-CONTROL", "no-store"), ("X-REQUEST-ID", "7"), ("VARY", "Accept")])


@variant("no-grpc", grpc=False)
class NoGrpc(Api014):
    """The gRPC binding is not offered."""
