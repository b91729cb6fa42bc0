"""RESTCONF (RFC 8040) in front of the services: HTTPS with client certificates."""

from __future__ import annotations

import json
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from .context import CONNECTIVITY, CONTEXT, context_of, resource
from .layout import Layout
from .payload import orders
from .refusals import RefusalError, absent
from .services import Services

MEDIA = "application/yang-data+json"
_LIBRARY = "2016-06-21"
_MOST_OCTETS = 1024 * 1024
_GRACE_S = 1.0
_SERVICES = [CONTEXT, CONNECTIVITY]
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def server_context(certificate: bytes, private_key: bytes, trust: bytes) -> ssl.SSLContext:
    """TLS 1.2 or newer; no handshake without a certificate of a trusted CA.

    Raises:
        ValueError: the certificate, the key or the trust cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(cadata=trust.decode("ascii"))
        with tempfile.TemporaryDirectory(prefix="switch-") as folder:  # 0700; OpenSSL reads files only
            chain = Path(folder, "chain.pem")
            chain.touch(mode=0o600)
            chain.write_bytes(private_key + b"\n" + certificate)
            context.load_cert_chain(chain)
    except ssl.SSLError as error:
        raise ValueError(f"credentials of the switches: {error.reason}") from None
    return context


class TapiServer:
    """The Transport API of one emulator.

    Offered: host-meta; the root, yang-library-version and data resources; GET anywhere below tapi-common:context;
    connectivity-service by POST to the connectivity-context, by PUT, and DELETE.

    Args:
        layout, services: what is served.
        controllers: common names of certificates that may call; others get 403.
    """

    def __init__(self, layout: Layout, services: Services, controllers: Collection[str]) -> None:
        self._layout = layout
        self._services = services
        self._controllers = frozenset(controllers)
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int, context: ssl.SSLContext) -> int:
        """Listens; says on which port. Raises `OSError`: the port is taken."""
        app = web.Application(middlewares=[self._guarded], client_max_size=_MOST_OCTETS)
        app.router.add_get("/.well-known/host-meta", self._host_meta)
        app.router.add_get("/restconf", self._root)
        app.router.add_get("/restconf/yang-library-version", self._library)
        app.router.add_route("*", "/restconf/data/{path:.+}", self._data)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_GRACE_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=context).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stops listening, lets calls under way finish."""
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guarded(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            self._admit(request)
            return await handler(request)
        except RefusalError as refused:
            return _json(refused.body(), status=refused.status)
        except web.HTTPException as error:
            tag = "operation-not-supported" if error.status == 405 else "invalid-value"
            return _json(RefusalError(error.status, tag, error.reason, protocol=True).body(), status=error.status)

    def _admit(self, request: web.Request) -> None:
        certificate = request.get_extra_info("peercert") or {}
        names = [value for part in certificate.get("subject", ()) for kind, value in part if kind == "commonName"]
        if len(names) != 1 or names[0] not in self._controllers:
            raise RefusalError(403, "access-denied", "this certificate is not that of a controller", protocol=True)

    async def _host_meta(self, request: web.Request) -> web.Response:
        text = "<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'><Link rel='restconf' href='/restconf'/></XRD>"
        return web.Response(text=text, content_type="application/xrd+xml")

    async def _root(self, request: web.Request) -> web.Response:
        return _json({"ietf-restconf:restconf": {"data": {}, "operations": {}, "yang-library-version": _LIBRARY}})

    async def _library(self, request: web.Request) -> web.Response:
        return _json({"ietf-restconf:yang-library-version": _LIBRARY})

    async def _data(self, request: web.Request) -> web.Response:
        path = [unquote(part) for part in request.raw_path.split("?")[0].removeprefix("/restconf/data/").split("/")]
        service = _service_in(path)
        if request.method == "GET":
            return self._read(path)
        if request.method == "POST" and path == _SERVICES:
            order = orders(await _body(request), self._layout)
            await self._services.create(order)
            where = f"/restconf/data/{CONTEXT}/{CONNECTIVITY}/connectivity-service={order.uuid}"
            return web.Response(status=201, headers={"Location": where})
        if request.method == "PUT" and service:
            order = orders(await _body(request), self._layout)
            if order.uuid != service.lower():
                raise RefusalError(400, "invalid-value", "the uuid in the body is not that in the path")
            new = await self._services.create(order, replace=True)
            return web.Response(status=201 if new else 204)
        if request.method == "DELETE" and service:
            await self._services.delete(service.lower())
            return web.Response(status=204)
        if resource(self._context(), path) is None:
            raise absent("there is no such resource")
        text = f"{request.method} is not offered here"
        raise RefusalError(405, "operation-not-supported", text, protocol=True)

    def _read(self, path: list[str]) -> web.Response:
        found = resource(self._context(), path)
        if found is None:
            raise absent("there is no such resource")
        name, value = found
        return _json({name: value})

    def _context(self) -> dict[str, Any]:
        return context_of(self._layout, self._services.shown())


def _service_in(path: list[str]) -> str:
    """The uuid of the connectivity-service that a path names; empty = it names none."""
    if len(path) != 3 or path[:2] != _SERVICES:
        return ""
    name, _, uuid = path[2].partition("=")
    return uuid if name.removeprefix("tapi-connectivity:") == "connectivity-service" else ""


async def _body(request: web.Request) -> object:
    if request.content_type not in (MEDIA, "application/json"):
        text = f"the body is {MEDIA}, not {request.content_type}"
        raise RefusalError(415, "operation-not-supported", text, protocol=True)
    try:
        return json.loads(await request.read())
    except ValueError:
        raise RefusalError(400, "malformed-message", "the body is no JSON", protocol=True) from None


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), status=status, content_type=MEDIA)
