"""The plant's switches, as this controller of theirs reaches them (qkd.optical.v1.PlantControlService)."""

from __future__ import annotations

from typing import Any, Protocol

import grpc

from harness.sdk import bearer_metadata, loopback_channel, read_error
from qkd.optical.v1 import plant_pb2, plant_pb2_grpc

from .layout import Hop


class PlantError(Exception):
    """The plant does not do it; `reason` as in its contract, empty where it does not answer."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Switches(Protocol):
    """What moves the mirrors. Each raises `PlantError`."""

    async def connect(self, hop: Hop) -> None:
        """Makes a cross-connection; nothing happens when it is there."""
        ...

    async def open(self, hop: Hop) -> None:
        """Takes it away; nothing happens when it is not there."""
        ...

    async def classical(self) -> dict[str, frozenset[str]]:
        """Channels in use by classical traffic, by link."""
        ...

    async def close(self) -> None:
        """Ends."""
        ...


class PlantSwitches:
    """Those of a plant.

    Args:
        address: host:port of PlantControlService.
        token: of the plant.
        request_s: bounds each call, seconds.
    """

    def __init__(self, address: str, token: str, request_s: float) -> None:
        self._channel = loopback_channel(address)
        self._stub = plant_pb2_grpc.PlantControlServiceStub(self._channel)
        self._named: dict[str, Any] = {"metadata": bearer_metadata(token), "timeout": request_s}

    async def connect(self, hop: Hop) -> None:
        """See `Switches`."""
        await self._cross_connect(hop, opened=False)

    async def open(self, hop: Hop) -> None:
        """See `Switches`."""
        try:
            await self._cross_connect(hop, opened=True)
        except PlantError as error:
            if error.reason != "NOT_CONNECTED":
                raise

    async def classical(self) -> dict[str, frozenset[str]]:
        """See `Switches`."""
        try:
            answer = await self._stub.GetPlant(plant_pb2.GetPlantRequest(), **self._named)
        except grpc.aio.AioRpcError as error:
            raise _error(error) from None
        return {span.link_id: frozenset(span.classical_channels) for span in answer.spans}

    async def close(self) -> None:
        """See `Switches`."""
        await self._channel.close()

    async def _cross_connect(self, hop: Hop, *, opened: bool) -> None:
        connection = plant_pb2.Connection(switch_id=hop.switch, one_port=hop.one_port, other_port=hop.other_port)
        request = plant_pb2.CrossConnectRequest(connection=connection, open=opened)
        try:
            await self._stub.CrossConnect(request, **self._named)
        except grpc.aio.AioRpcError as error:
            raise _error(error) from None


def _error(error: grpc.aio.AioRpcError) -> PlantError:
    read = read_error(error)
    return PlantError(read.reason, read.message)
