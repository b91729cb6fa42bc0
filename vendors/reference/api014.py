"""ETSI GS QKD 014 over HTTPS (5.1, Table 2): requests in, `KeyDelivery` asked, answers out."""

from __future__ import annotations

import asyncio
import logging
import socket
import traceback
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from .delivery import Delivery, KeyDelivery
from .forms import Forms, Query
from .model import KeyContainer
from .refusals import RefusedError, bad_request, unavailable
from .settings import KmeSettings
from .tls import common_name

_log = logging.getLogger(__name__)
_LOOK_AGAIN_S = 0.005
_CORK = getattr(socket, "TCP_CORK", None)  # Linux; elsewhere nothing is held back

# How a call is served: the admitted caller and the request, to an answer.
Call = Callable[[str, web.Request], Awaitable[web.StreamResponse]]


class Api014:
    """The web application of one KME.

    Attributes:
        content_type: of every body (5.1, Table 1).
    """

    content_type = "application/json"

    def __init__(self, delivery: KeyDelivery, settings: KmeSettings, forms: Forms) -> None:
        self.delivery = delivery
        self.settings = settings
        self.forms = forms
        self._written: list[tuple[asyncio.Transport, Delivery]] = []

    def application(self) -> web.Application:
        """Routes and limits, ready to be served."""
        application = web.Application(client_max_size=self.settings.max_body_octets)
        for path, calls in self.routes().items():
            for verb, call in calls.items():
                application.router.add_route(verb, path, self._guarded(call))
            application.router.add_route("*", path, self.wrong_verb(", ".join(calls)))
        application.router.add_route("*", "/{path:.*}", self.wrong_path)
        return application

    def routes(self) -> Mapping[str, Mapping[str, Call]]:
        """The methods by path and verb; the most used first, as they are tried in order."""
        keys = "/api/v1/keys/{sae_id}"
        return {
            f"{keys}/enc_keys": {"GET": self.get_enc_keys, "POST": self.post_enc_keys},
            f"{keys}/dec_keys": {"GET": self.get_dec_keys, "POST": self.post_dec_keys},
            f"{keys}/status": {"GET": self.get_status},
        }

    # -- the methods --------------------------------------------------------------------------------

    async def get_status(self, caller: str, request: web.Request) -> web.StreamResponse:
        """Get status (5.2)."""
        status = self.delivery.get_status(caller, request.match_info["sae_id"])
        return self.answer(self.forms.status(status))

    async def get_enc_keys(self, caller: str, request: web.Request) -> web.StreamResponse:
        """Get key by GET: nothing but `number` and `size` (6.2)."""
        slave, query = request.match_info["sae_id"], self.query_of(request)
        container = await self.delivery.get_key(caller, self.forms.key_request_of_query(slave, query))
        return self.container_answer(container)

    async def post_enc_keys(self, caller: str, request: web.Request) -> web.StreamResponse:
        """Get key by POST (5.3)."""
        slave, members = request.match_info["sae_id"], self.forms.object_of(await self.body_of(request))
        container = await self.delivery.get_key(caller, self.forms.key_request(slave, members))
        return self.container_answer(container)

    async def get_dec_keys(self, caller: str, request: web.Request) -> web.StreamResponse:
        """Get key with key IDs by GET: one key ID (6.4)."""
        master, query = request.match_info["sae_id"], self.query_of(request)
        key_ids = self.forms.key_ids_request_of_query(master, query)
        return await self.hand_over(request, await self.delivery.get_key_with_key_ids(caller, key_ids))

    async def post_dec_keys(self, caller: str, request: web.Request) -> web.StreamResponse:
        """Get key with key IDs by POST (5.4)."""
        master, members = request.match_info["sae_id"], self.forms.object_of(await self.body_of(request))
        key_ids = self.forms.key_ids_request(master, members)
        return await self.hand_over(request, await self.delivery.get_key_with_key_ids(caller, key_ids))

    # -- what comes in ------------------------------------------------------------------------------

    def caller_of(self, request: web.Request) -> str | None:
        """The SAE ID in the client certificate; no header or parameter can say otherwise (5.1)."""
        transport = request.transport
        return common_name(transport.get_extra_info("peercert")) if transport else None

    def query_of(self, request: web.Request) -> Query:
        """The query of a GET: all values by name. A GET has no body (6.2, 6.4)."""
        if request.can_read_body:
            raise bad_request("GET takes no body", "BODY_WITH_GET")
        if not request.query_string:
            return {}
        query = request.query
        return {name: query.getall(name) for name in query}

    async def body_of(self, request: web.Request) -> bytes:
        """The body of a POST; 400 when it is too long, cut short, or said to be something else than JSON."""
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise bad_request("the body is too long", "BODY_TOO_LONG") from None
        except (web.RequestPayloadError, ValueError):
            raise bad_request("the body cannot be read", "BODY_UNREADABLE") from None
        if body:
            self.check_content_type(request.headers.get("Content-Type"))
        return body

    def check_content_type(self, value: str | None) -> None:
        """Accepts `application/json`, in UTF-8 if it says so, and silence (5.1, Table 1; sheet, A21)."""
        if value is None:
            return
        kind, *parameters = (part.strip().lower() for part in value.split(";"))
        charsets = [part[8:].strip('"') for part in parameters if part.startswith("charset=")]
        if kind != "application/json" or any(charset != "utf-8" for charset in charsets):
            raise bad_request("Content-Type shall be application/json, in UTF-8", "CONTENT_TYPE")

    # -- what goes out ------------------------------------------------------------------------------

    def container_answer(self, container: KeyContainer) -> web.Response:
        """200 with a Key container."""
        return self.answer(self.forms.container(container))

    def answer(self, body: bytes, status: int = 200) -> web.Response:
        """Any answer with a body."""
        return web.Response(body=body, status=status, content_type=self.content_type)

    def error_answer(self, refused: RefusedError) -> web.Response:
        """A refusal: an Error object, but 401 has no body (5.2 to 5.4)."""
        if refused.status == 401:
            return web.Response(status=401)
        return self.answer(self.forms.error(refused), refused.status)

    async def hand_over(self, request: web.Request, delivery: Delivery) -> web.StreamResponse:
        """Writes the keys out; in the next turn of the loop, when the kernel has them, that is noted.

        The connection is corked meanwhile: the kernel holds the answer back until it is on record, so nobody can
        react to one that is not. If the process dies in between, the kernel sends it all the same, and the key may
        be asked for again: see `Copies`.
        """
        transport = request.transport
        if transport is None or transport.is_closing():  # nothing was sent, so nothing was delivered
            self.delivery.not_delivered(delivery)
            raise ConnectionResetError
        response = self.container_answer(delivery.container)
        _cork(transport, on=True)
        await response.prepare(request)
        await response.write_eof()
        if not self._written:
            asyncio.get_running_loop().call_soon(self.erase_written)
        self._written.append((transport, delivery))
        return response

    def erase_written(self) -> None:
        """Has everything erased that is sent; what the kernel could not take yet is looked at again later."""
        written, self._written = self._written, []
        sent = []
        for transport, delivery in written:
            if transport.get_write_buffer_size() and not transport.is_closing():
                self._written.append((transport, delivery))
            else:
                self.delivery.sent(delivery)
                sent.append(delivery)
            _cork(transport, on=False)
        for delivery in sent:
            self.delivery.delivered(delivery)
        if self._written:
            asyncio.get_running_loop().call_later(_LOOK_AGAIN_S, self.erase_written)

    # -- what goes wrong ----------------------------------------------------------------------------

    def _guarded(self, call: Call) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handler(request: web.Request) -> web.StreamResponse:
            try:
                return await call(self.delivery.admit(self.caller_of(request)), request)
            except RefusedError as refused:
                return self.error_answer(refused)
            except ConnectionError:
                raise
            except Exception as error:  # noqa: BLE001 - the edge; its text may hold secrets, its place does not
                place = "".join(traceback.format_tb(error.__traceback__))
                _log.error("a call failed with %s\n%s", type(error).__qualname__, place)
                return self.error_answer(unavailable("error on server side", "INTERNAL"))

        return handler

    def wrong_verb(self, allowed: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Answers 405: the path is right, the verb is not in Table 2."""

        async def handler(_request: web.Request) -> web.StreamResponse:
            response = self.answer(self.forms.error(bad_request(f"{allowed} only")), 405)
            response.headers["Allow"] = allowed
            return response

        return handler

    async def wrong_path(self, request: web.Request) -> web.StreamResponse:
        """Answers 404: no method has this path."""
        return self.answer(self.forms.error(bad_request("no such resource")), 404)


def _cork(transport: asyncio.BaseTransport, *, on: bool) -> None:
    """Holds the end of what is written back in the kernel, or lets it go."""
    if _CORK is not None and not transport.is_closing():
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, _CORK, int(on))
