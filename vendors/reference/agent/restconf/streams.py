"""The event stream: notifications as server-sent events (RFC 8040, 3.8, 6)."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from qkd.node.v1.agent_pb2 import WatchNotificationsResponse
from vendors.reference.agent.hub import Hub, Reader, TooManyReadersError
from vendors.reference.agent.mapping import NODE_MODULE, date_and_time, notification
from vendors.reference.agent.refusals import RefusedError

from .bodies import require_accept
from .query import no_query

_EVENTS = "text/event-stream"


class EventStream:
    """The stream NETCONF in JSON. Replay and filters are not offered.

    Args:
        hub: where notifications come from.
        keep_alive_s: pause after which a silent stream is sent a comment, so that a peer that is gone is noticed.
    """

    def __init__(self, hub: Hub, keep_alive_s: float) -> None:
        self._hub = hub
        self._keep_alive_s = keep_alive_s

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Streams until the peer, the agent or too much delay ends it.

        Raises:
            RefusedError: another method, query parameters, 406, too many streams.
        """
        if request.method != "GET":
            raise RefusedError("operation-not-supported", "a stream is read by GET", allow="GET")
        require_accept(request, (_EVENTS,))
        no_query(request.rel_url.raw_query_string)
        try:
            reader = self._hub.open()
        except TooManyReadersError as error:
            raise RefusedError("resource-denied", str(error)) from None
        try:
            response = web.StreamResponse(headers={"Content-Type": _EVENTS, "Cache-Control": "no-cache"})
            response.enable_chunked_encoding()
            response.force_close()  # its end is the end of the connection
            await response.prepare(request)
            await self._run(request, response, reader)
            return response
        finally:
            self._hub.close(reader)

    async def _run(self, request: web.Request, response: web.StreamResponse, reader: Reader) -> None:
        transport = request.transport
        if transport is not None:
            reader.on_cut = transport.abort
        await response.write(b": the node's notifications, from now on\n\n")
        while True:
            try:
                async with asyncio.timeout(self._keep_alive_s):
                    one = await reader.next()
            except TimeoutError:
                await response.write(b":\n\n")
                continue
            if one is None:
                return
            if (text := event(one)) is not None:
                await response.write(f"data: {text}\n\n".encode())


def event(one: WatchNotificationsResponse) -> str | None:
    """The JSON of a notification in its envelope (RFC 8040, 6.4); None = it holds none."""
    named = notification(one)
    if named is None:
        return None
    name, content = named
    envelope = {"eventTime": date_and_time(one.event_time), f"{NODE_MODULE}:{name}": content}
    return json.dumps({"ietf-restconf:notification": envelope}, separators=(",", ":"), ensure_ascii=False)
