"""One NETCONF session: hello, RPCs one after the other, and notifications between them once it has subscribed."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Collection, Sequence

import asyncssh

from vendors.reference.agent.hub import Hub, Reader, TooManyReadersError

from .errors import RpcError, element_of
from .framing import Framer, FramingError, framed
from .markup import Element, MalformedError, added, made, name_of, parsed, space_of, text_of, written
from .names import BASE, BASE_1_0, BASE_1_1, NOTIFICATION
from .notices import notice, subscribed_filter
from .operations import Operations
from .parameters import parameters

_log = logging.getLogger(__name__)
_READ = 65536
_HELLO_S = 10.0


class Session:
    """One session.

    Args:
        number: its session-id.
        operations: what it may ask.
        hub: the notifications.
        longest: octets of a message that it may send.
        wire: reader and writer of its channel.
    """

    def __init__(
        self,
        number: int,
        operations: Operations,
        hub: Hub,
        longest: int,
        wire: tuple[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]],
    ) -> None:
        self._number = number
        self._operations = operations
        self._hub = hub
        self._reading, self._writing = wire
        self._framer = Framer(longest)
        self._chunked = False
        self._stream: Reader | None = None
        self._chosen: Element | None = None
        self._notices: asyncio.Task[None] | None = None

    @property
    def number(self) -> int:
        """Its session-id."""
        return self._number

    def abort(self) -> None:
        """Ends it at once."""
        self._writing.channel.abort()

    async def run(self, capabilities: Sequence[str]) -> None:
        """Until either side ends it.

        Args:
            capabilities: of the server.
        """
        try:
            if await self._greet(capabilities):
                while (message := await self._next()) is not None and await self._answer(message):
                    pass
        except FramingError as error:
            _log.warning("session %d is ended: %s", self._number, error)
        except (OSError, TimeoutError, asyncssh.Error):
            _log.info("session %d is lost", self._number)
        except Exception as error:  # noqa: BLE001 - the edge
            _log_failure(f"session {self._number}", error)
        finally:
            if self._notices is not None:
                self._notices.cancel()
                await asyncio.gather(self._notices, return_exceptions=True)
            if self._stream is not None:
                self._hub.close(self._stream)

    # -- messages -------------------------------------------------------------------------------------

    async def _next(self) -> bytes | None:
        """The next message; None = the peer has ended."""
        while (message := self._framer.next()) is None:
            octets = await self._reading.read(_READ)
            if not octets:
                return None
            self._framer.feed(octets)
        return message

    async def _send(self, root: Element) -> None:
        self._writing.write(framed(written(root), chunked=self._chunked))
        await self._writing.drain()

    async def _greet(self, capabilities: Sequence[str]) -> bool:
        """Exchanges hellos; False = the peer's is none (RFC 6241, 8.1)."""
        hello = made(BASE, "hello")
        able = added(hello, "capabilities")
        for one in capabilities:
            added(able, "capability", one)
        added(hello, "session-id", str(self._number))
        await self._send(hello)
        async with asyncio.timeout(_HELLO_S):
            message = await self._next()
        if message is None:
            return False
        theirs = _capabilities_of(message)
        if not {BASE_1_0, BASE_1_1} & set(theirs):
            _log.warning("session %d is ended: the peer's hello is none of NETCONF 1.0 or 1.1", self._number)
            return False
        self._chunked = self._framer.chunked = BASE_1_1 in theirs
        return True

    # -- RPCs -----------------------------------------------------------------------------------------

    async def _answer(self, message: bytes) -> bool:
        """Answers a message; False = that was the last one."""
        try:
            rpc = _rpc_of(message)
        except MalformedError as error:
            if not self._chunked:  # NETCONF 1.0 knows no such error
                _log.warning("session %d is ended: %s", self._number, error)
                return False
            reply = made(BASE, "rpc-reply")
            reply.append(element_of(RpcError("malformed-message", str(error), kind="rpc"), {}))
            await self._send(reply)
            return True
        reply = made(BASE, "rpc-reply", names={name: space for name, space in rpc.nsmap.items() if name})
        for name, value in rpc.attrib.items():
            reply.set(str(name), str(value))
        last = False
        try:
            operation = _operation_of(rpc)
            last = name_of(operation) == "close-session" and space_of(operation) == BASE
            await self._run(operation, reply)
        except RpcError as error:
            last = False
            reply.append(element_of(error, self._operations.spaces))
        await self._send(reply)
        if self._stream is not None and self._notices is None:
            self._notices = asyncio.create_task(self._notify(self._stream))
        return not last

    async def _run(self, operation: Element, reply: Element) -> None:
        which = (space_of(operation), name_of(operation))
        data = None
        if which == (BASE, "close-session"):
            parameters(operation, BASE, {})
        elif which == (NOTIFICATION, "create-subscription"):
            self._subscribe(operation)
        else:
            data = await self._carried_out(operation)
        reply.append(made(BASE, "ok") if data is None else data)

    async def _carried_out(self, operation: Element) -> Element | None:
        try:
            return await self._operations(operation, self)
        except RpcError:
            raise
        except Exception as error:  # noqa: BLE001 - the edge
            _log_failure("a call", error)
            text = "the agent failed; see its log"
            raise RpcError("operation-failed", text, kind="application") from None

    # -- notifications --------------------------------------------------------------------------------

    def _subscribe(self, operation: Element) -> None:
        if self._stream is not None:
            raise RpcError("in-use", "this session has a subscription already")
        self._chosen = subscribed_filter(operation)
        try:
            self._stream = self._hub.open()
        except TooManyReadersError as error:
            raise RpcError("resource-denied", str(error), kind="application") from None
        self._stream.on_cut = self.abort

    async def _notify(self, stream: Reader) -> None:
        try:
            async for one in stream:
                root = notice(one, self._operations, self._chosen)
                if root is not None:
                    await self._send(root)
        except (OSError, asyncssh.Error):
            _log.info("session %d is lost", self._number)
        except Exception as error:  # noqa: BLE001 - the edge
            _log_failure(f"the notifications of session {self._number}", error)
            self.abort()  # a subscription that is silent for ever would be worse


def _log_failure(what: str, error: Exception) -> None:
    """Where it happened; what the exception says may hold what a peer sent."""
    _log.error(
        "%s failed with %s\n%s", what, type(error).__qualname__, "".join(traceback.format_tb(error.__traceback__))
    )


def _capabilities_of(message: bytes) -> Collection[str]:
    """What a peer's hello says; nothing if it is none."""
    try:
        hello = parsed(message)
    except MalformedError:
        return ()
    names = [name_of(child) for child in hello]
    if (space_of(hello), name_of(hello)) != (BASE, "hello") or names != ["capabilities"]:
        return ()  # a session-id is the server's to tell
    return [text_of(one).strip() for one in hello[0]]


def _rpc_of(message: bytes) -> Element:
    root = parsed(message)
    if (space_of(root), name_of(root)) != (BASE, "rpc"):
        raise MalformedError("a message is an rpc")
    return root


def _operation_of(rpc: Element) -> Element:
    if "message-id" not in rpc.attrib:
        info = {"bad-attribute": "message-id", "bad-element": "rpc"}
        raise RpcError("missing-attribute", "an rpc has a message-id", kind="rpc", info=info)
    if len(rpc) != 1:
        raise RpcError("missing-element" if not len(rpc) else "bad-element", "an rpc holds one operation", kind="rpc")
    return rpc[0]
