"""A module's optical port: one stream to the fibre plant, plugged in again when it breaks."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import grpc

from harness.sdk import ContractError, bearer_metadata, loopback_channel, read_error
from qkd.optical.v1.plant_pb2 import AttachRequest, AttachResponse, Plug
from qkd.optical.v1.plant_pb2_grpc import FibrePlantServiceStub

_log = logging.getLogger(__name__)
_AGAIN_S = 0.2
_PLUG_S = 10.0
# These will not get better by trying again.
_FINAL = frozenset(
    {
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)


class PlantLink:
    """Holds the stream of one port.

    Args:
        address: ``host:port`` of the plant.
        token: of the port; secret.
        plug: the first message.
    """

    def __init__(self, address: str, token: str, plug: Plug) -> None:
        self._address = address
        self._token = token
        self._plug = plug
        self._received: Callable[[AttachResponse], None] = lambda _: None
        self._unplugged: Callable[[], None] = lambda: None
        self._outgoing: asyncio.Queue[AttachRequest] = asyncio.Queue()
        self._plugged: asyncio.Future[None] | None = None
        self._refusal: ContractError | None = None
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"PlantLink({self._plug.port_id!r} at {self._address})"

    async def start(self, received: Callable[[AttachResponse], None], unplugged: Callable[[], None]) -> None:
        """Plugs in.

        Args:
            received: called with each message of the plant, `plugged` among them, in order.
            unplugged: called when the stream has ended.

        Raises:
            ContractError: the plant refuses the port (its own reason), or cannot be reached (UNAVAILABLE).
        """
        self._received, self._unplugged = received, unplugged
        self._plugged = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(), name=repr(self))
        try:
            async with asyncio.timeout(_PLUG_S):
                await self._plugged
        except TimeoutError:
            await self.stop()
            raise self._refusal or ContractError(
                grpc.StatusCode.UNAVAILABLE, "PLANT_SILENT", message=f"the plant did not answer within {_PLUG_S:g} s"
            ) from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Unplugs."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def send(self, request: AttachRequest) -> None:
        """Sends a message; what is sent while unplugged is lost, as light would be."""
        self._outgoing.put_nowait(request)

    async def _run(self) -> None:
        while True:
            try:
                await self._hold()
            except grpc.aio.AioRpcError as error:
                self._refusal = read_error(error)
                _log.warning("%r: %s %s", self, self._refusal.code.name, self._refusal.message)
                if self._refusal.code in _FINAL and self._plugged is not None and not self._plugged.done():
                    self._plugged.set_exception(self._refusal)
            except Exception as error:  # noqa: BLE001 - plugging in anew is better than a port that is silent for ever
                frames = "".join(traceback.format_tb(error.__traceback__))  # name code, never values
                _log.error("%r: a message of the plant failed with %s\n%s", self, type(error).__qualname__, frames)
            self._unplugged()
            await asyncio.sleep(_AGAIN_S)

    async def _hold(self) -> None:
        outgoing = self._outgoing = asyncio.Queue()
        outgoing.put_nowait(AttachRequest(plug=self._plug))
        async with loopback_channel(self._address) as channel:
            stub = FibrePlantServiceStub(channel)
            call = stub.Attach(metadata=bearer_metadata(self._token), wait_for_ready=True)
            writer = asyncio.create_task(_write(call, outgoing))
            try:
                async for response in call:
                    self._received(response)
                    if self._plugged is not None and not self._plugged.done() and response.HasField("plugged"):
                        self._plugged.set_result(None)
            finally:
                writer.cancel()
                await asyncio.wait((writer,))
                call.cancel()


async def _write(call: Any, outgoing: asyncio.Queue[AttachRequest]) -> None:
    """Writes until the call ends; why it did, its reader learns."""
    with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
        while True:
            await call.write(await outgoing.get())
