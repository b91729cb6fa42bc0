"""``qkd.optical.v1`` on the wire: streams of ports, and the control of the plant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

import grpc

from harness.contract import ContractError, carries_token
from harness.plant.carriage import Carriage
from harness.plant.clock import Clock
from harness.plant.session import Session
from qkd.optical.v1 import plant_pb2, plant_pb2_grpc

if TYPE_CHECKING:
    from harness.plant.plant import FibrePlant

_LAST_WRITE_S = 0.25


class PortService(plant_pb2_grpc.FibrePlantServiceServicer):
    """FibrePlantService.

    Args:
        carriage: where messages go.
        clock: told who is done with a tick.
        tokens: by port.
    """

    def __init__(self, carriage: Carriage, clock: Clock, tokens: Mapping[str, str]) -> None:
        self._carriage = carriage
        self._clock = clock
        self._tokens = tokens

    # It writes to the context, which gRPC allows and the stub's type does not: a generator that is cancelled while
    # its answer is written would unplug the port only when it is collected.
    async def Attach(  # type: ignore[override]
        self, requests: AsyncIterator[plant_pb2.AttachRequest], context: Any
    ) -> None:
        """One port, from plugging to the end of the stream."""
        metadata = context.invocation_metadata()
        # Every token is compared, so that the time taken tells nothing about which came near.
        own = [port for port, token in self._tokens.items() if carries_token(metadata, token)]
        if not own:
            raise _refused("the call carries the token of no port (metadata authorization: Bearer …)")
        first = await anext(requests, None)
        if first is None:
            return
        session = self._plug(first, own)
        reading = asyncio.create_task(self._read(requests, session))
        writing = asyncio.create_task(_write(session, context))
        try:
            await session.ended.wait()
            self._unplug(session)
            # gRPC takes no status beside a write that has just begun; one that nobody reads never ends.
            await asyncio.wait({writing}, timeout=_LAST_WRITE_S)
        finally:
            self._unplug(session)
            reading.cancel()
            writing.cancel()
            await asyncio.gather(reading, writing, return_exceptions=True)
        if session.error is not None:
            raise session.error

    def _plug(self, first: plant_pb2.AttachRequest, own: list[str]) -> Session:
        if first.WhichOneof("message") != "plug":
            raise ContractError(
                grpc.StatusCode.FAILED_PRECONDITION, "NOT_PLUGGED", message="the first message of a stream is `plug`"
            )
        port = first.plug.port_id
        if port in self._tokens and port not in own:
            raise _refused(f"the call does not carry the token of port {port}")
        session = self._carriage.plug(first.plug)
        session.send(plant_pb2.AttachResponse(plugged=plant_pb2.Plugged(time_s=self._clock.time_s)))
        return session

    def _unplug(self, session: Session) -> None:
        self._carriage.unplug(session)
        self._clock.gone(session)

    async def _read(self, requests: AsyncIterator[plant_pb2.AttachRequest], session: Session) -> None:
        """Takes what the module says until its stream ends or breaks the contract."""
        try:
            async for request in requests:
                if session.ended.is_set():
                    return
                addressee = self._take(request, session)
                if addressee is not None:
                    await addressee.room()
        except ContractError as error:
            session.end(error)
        finally:
            session.end()

    def _take(self, request: plant_pb2.AttachRequest, session: Session) -> Session | None:
        """Acts on one message; gives the addressee of a service message."""
        match request.WhichOneof("message"):
            case "emit":
                self._carriage.emit(session, request.emit)
            case "service":
                return self._carriage.carry(session, request.service)
            case "tick_done":
                self._carriage.finish(session, request.tick_done.number)
                self._clock.done(session, request.tick_done.number)
            case "tune":
                self._carriage.tune(session, request.tune.channel)
            case "plug":
                text = f"the stream is plugged into {session.port_id} already; open another for another port"
                raise ContractError(grpc.StatusCode.FAILED_PRECONDITION, "PLUGGED_ALREADY", message=text)
            case _:
                text = "a message without content, or of a newer contract"
                raise ContractError(grpc.StatusCode.INVALID_ARGUMENT, "NO_MESSAGE", message=text)
        return None


async def _write(session: Session, context: Any) -> None:
    try:
        while (response := await session.next()) is not None:
            await context.write(response)
    finally:
        session.end()


class ControlService(plant_pb2_grpc.PlantControlServiceServicer):
    """PlantControlService: each call is the plant's method of the same name.

    Args:
        plant: what is controlled.
    """

    def __init__(self, plant: FibrePlant) -> None:
        self._plant = plant

    async def GetPlant(self, _: plant_pb2.GetPlantRequest, context: Any) -> plant_pb2.GetPlantResponse:
        """See `FibrePlant.state`."""
        self._authorise(context)
        return self._plant.state()

    async def Disturb(self, request: plant_pb2.DisturbRequest, context: Any) -> plant_pb2.DisturbResponse:
        """See `FibrePlant.disturb`."""
        self._authorise(context)
        self._plant.disturb(request.disturbance, clear=request.clear)
        return plant_pb2.DisturbResponse()

    async def CrossConnect(
        self, request: plant_pb2.CrossConnectRequest, context: Any
    ) -> plant_pb2.CrossConnectResponse:
        """See `FibrePlant.cross_connect`."""
        self._authorise(context)
        one = request.connection
        self._plant.cross_connect(one.switch_id, one.one_port, one.other_port, opened=request.open)
        return plant_pb2.CrossConnectResponse()

    async def Advance(self, request: plant_pb2.AdvanceRequest, context: Any) -> plant_pb2.AdvanceResponse:
        """See `FibrePlant.advance`."""
        self._authorise(context)
        return plant_pb2.AdvanceResponse(time_s=await self._plant.advance(request.seconds))

    def _authorise(self, context: Any) -> None:
        if not carries_token(context.invocation_metadata(), self._plant.control_token):
            raise _refused("the call does not carry the plant's control token (metadata authorization: Bearer …)")


def _refused(text: str) -> ContractError:
    return ContractError(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REFUSED", message=text)
