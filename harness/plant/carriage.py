"""Carries light and service messages between the modules that are plugged in."""

from __future__ import annotations

import logging
from collections.abc import Callable

import grpc

from harness.contract import ContractError
from harness.plant import physics
from harness.plant.hub import Hub
from harness.plant.session import Session, Train
from harness.plant.spectrum import Refusal
from harness.plant.world import World, check_channel
from qkd.optical.v1 import plant_pb2

_log = logging.getLogger(__name__)
_GONE = Refusal("RECEIVER_GONE", "the module at the other end was unplugged during the tick")


class Carriage:
    """Who is plugged in, and the delivery of what they send.

    Args:
        world: the physical state.
        tick_s: length of a tick, seconds of the plant's time.

    Attributes:
        sessions: by port, in the order of plugging.
        tick: number of the present tick; -1 before the first.
    """

    def __init__(self, world: World, tick_s: float) -> None:
        self.world = world
        self.tick_s = tick_s
        self.tick = -1
        self.sessions: dict[str, Session] = {}
        self._ports = {port.port_id for port in world.plan.ports}
        self._hubs = {plan.port_id: Hub(plan, world.fabric.arms(plan.port_id)) for plan in world.plan.hubs}

    # -- plugging ---------------------------------------------------------------------------------------

    def plug(self, plug: plant_pb2.Plug) -> Session:
        """A module comes.

        Raises:
            ContractError: NOT_FOUND / UNKNOWN_PORT; ALREADY_EXISTS / PORT_IN_USE; INVALID_ARGUMENT /
                WRONG_DIRECTION.
        """
        if plug.port_id not in self._ports:
            text = f"the plant has no port {plug.port_id}"
            raise ContractError(grpc.StatusCode.NOT_FOUND, "UNKNOWN_PORT", message=text)
        if (other := self.sessions.get(plug.port_id)) is not None:
            text = f"{other.module_id} is plugged into {plug.port_id}; unplug it first"
            raise ContractError(grpc.StatusCode.ALREADY_EXISTS, "PORT_IN_USE", message=text)
        if (plug.direction == plant_pb2.DIRECTION_MEASURE) != (plug.port_id in self._hubs):
            what = (
                "a hub's: only DIRECTION_MEASURE" if plug.port_id in self._hubs else "no hub's: not DIRECTION_MEASURE"
            )
            text = f"port {plug.port_id} is {what} fits"
            raise ContractError(grpc.StatusCode.INVALID_ARGUMENT, "WRONG_DIRECTION", message=text)
        session = self.sessions[plug.port_id] = Session(plug)
        return session

    def unplug(self, session: Session) -> None:
        """A module goes. Who waits for it in this tick is told."""
        if self.sessions.get(session.port_id) is not session:
            return
        del self.sessions[session.port_id]
        session.end()
        self.world.spectrum.douse(session.port_id)
        if (partner := self._partner(session)) is not None:
            self._darken(partner, _GONE)
        for other in tuple(self.sessions.values()):
            if other.train is not None and other.train.to == session.port_id:
                self._darken(other, _GONE)

    # -- what modules say -------------------------------------------------------------------------------

    def tune(self, session: Session, channel: str) -> None:
        """Sets a laser or filter; a sender whose channel is refused is told (Dark).

        Raises:
            ContractError: INVALID_ARGUMENT / UNKNOWN_CHANNEL.
        """
        check_channel(channel)
        session.channel = channel
        if session.direction != plant_pb2.DIRECTION_TRANSMIT:
            return
        if (refusal := self.world.light(session.port_id, channel)) is not None:
            self._say_dark(session, max(self.tick, 0), refusal)

    def emit(self, session: Session, emit: plant_pb2.Emit) -> None:
        """Takes a train to where it arrives.

        Raises:
            ContractError: FAILED_PRECONDITION / NOT_A_SENDER; INVALID_ARGUMENT / TICK_OUT_OF_ORDER for a tick that
                has not begun, or one that had a train already.
        """
        if session.direction != plant_pb2.DIRECTION_TRANSMIT:
            text = f"port {session.port_id} is no sender's and emits nothing"
            raise ContractError(grpc.StatusCode.FAILED_PRECONDITION, "NOT_A_SENDER", message=text)
        last = -1 if session.train is None else session.train.tick
        if not last < emit.tick <= self.tick:
            text = f"a train for tick {emit.tick} at tick {self.tick}, after one for {last}: one a tick, in order"
            raise ContractError(grpc.StatusCode.INVALID_ARGUMENT, "TICK_OUT_OF_ORDER", message=text)
        train = session.train = Train(emit.tick, emit.seed)
        if (refusal := self._obstacle(session)) is not None:
            self._darken(session, refusal)
            return
        train.to = self._end_of(session.port_id)
        if train.to in self._hubs:
            self._into_hub(self._hubs[train.to], session, train)
        else:
            path = self.world.path_state(session.port_id, session.channel, train.tick * self.tick_s)
            light = plant_pb2.Light(
                tick=train.tick, interval_s=self.tick_s, seed=train.seed, from_port=session.port_id, path=path
            )
            self.sessions[train.to].send(plant_pb2.AttachResponse(light=light))

    def finish(self, session: Session, number: int) -> None:
        """A module is done with a tick.

        Raises:
            ContractError: INVALID_ARGUMENT / TICK_OUT_OF_ORDER for a tick that has not begun.
        """
        if number > max(self.tick, 0):
            text = f"done with tick {number}, but the present tick is {self.tick}"
            raise ContractError(grpc.StatusCode.INVALID_ARGUMENT, "TICK_OUT_OF_ORDER", message=text)
        if number > self.tick:
            return  # the answer to a refused Tune before the first tick, which names tick 0
        session.done = max(session.done, number)
        if session.train is not None and session.train.tick <= number:
            session.train.over = True
        partner = self._partner(session)
        nothing = session.train is None or session.train.tick < number
        if nothing and partner is not None and partner.train is not None and partner.train.tick == number:
            self._darken(partner, Refusal("NO_RECEIVER", f"{session.port_id} emits nothing in this tick"))

    def carry(self, session: Session, message: plant_pb2.ServiceMessage) -> Session | None:
        """Takes a service message to its addressee and gives that; None when it got lost."""
        start, addressee = self._route(session.port_id, message.port_id)
        to = self.sessions.get(addressee)
        ways = [self.world.way(one) for one in start]
        if to is None or any(not way.end or self.world.cut_link(way) for way in ways):
            _log.debug("a message from %s to %r is lost", session, message.port_id)
            return None
        session.messages += 1
        tampered = physics.combined(self.world.tampered(way) for way in ways)
        octets = self._perhaps_tampered(session, message.octets, tampered)
        to.send(plant_pb2.AttachResponse(service=plant_pb2.ServiceMessage(port_id=session.port_id, octets=octets)))
        return to

    # -- the plant's own doings -------------------------------------------------------------------------

    def begin(self, tick: int) -> None:
        """A tick begins: everybody is told."""
        self.tick = tick
        for hub in self._hubs.values():
            hub.begin(tick, self._senders_of(hub))
        time_s = tick * self.tick_s
        for session in self.sessions.values():
            warmth = self.world.temperature_c(session.port_id, time_s)
            message = plant_pb2.Tick(number=tick, time_s=time_s, interval_s=self.tick_s, temperature_c=warmth)
            session.send(plant_pb2.AttachResponse(tick=message))

    def reconsider(self) -> None:
        """After a change of the world: trains under way whose path is gone are dark."""
        for session in tuple(self.sessions.values()):
            if session.train is None or session.train.over:
                continue
            # One change can take a path away, but not give another in its place.
            if (refusal := self._obstacle(session)) is not None:
                self._darken(session, refusal)

    def other_end(self, session: Session) -> str:
        """The port that a session's light or messages go to; empty = none."""
        return "" if session.port_id in self._hubs else self._end_of(session.port_id)

    # -- light ------------------------------------------------------------------------------------------

    def _obstacle(self, session: Session) -> Refusal | None:
        """Why light of a sender does not arrive; None when it does."""
        if not session.channel:
            return Refusal("NOT_TUNED", "the laser is not tuned; send Tune first")
        if (refusal := self.world.light(session.port_id, session.channel)) is not None:
            return refusal
        way = self.world.way(session.port_id)
        if not way.end:
            return Refusal("NO_PATH", f"the light stops at {way.stops_at}: nothing is connected there")
        if link := self.world.cut_link(way):
            return Refusal("CUT", f"link {link} is cut")
        end = self._end_of(session.port_id)
        receiver = self.sessions.get(end)
        if receiver is None:
            return Refusal("NO_RECEIVER", f"nothing is plugged into {end}")
        if receiver.direction == plant_pb2.DIRECTION_TRANSMIT:
            return Refusal("NO_RECEIVER", f"{end} is a sender too")
        # A hub has no filter of its own to set: it takes what both senders agree on.
        open_filter = receiver.direction == plant_pb2.DIRECTION_MEASURE and not receiver.channel
        if receiver.channel != session.channel and not open_filter:
            filtered = f"tuned to {receiver.channel}" if receiver.channel else "not tuned"
            return Refusal("NOT_TUNED", f"{end} is {filtered}, the light is {session.channel}")
        return None

    def _end_of(self, port_id: str) -> str:
        end = self.world.way(port_id).end
        return self.world.fabric.hub_of.get(end, end)

    def _darken(self, session: Session, refusal: Refusal) -> None:
        """Tells a sender, once, that its train is lost; and its partner at a hub, whose train is of no use alone."""
        train = session.train
        if train is None or train.over:
            return
        train.over = train.dark = True
        self._say_dark(session, train.tick, refusal)
        partner = self._partner(session)
        if partner is not None and partner.train is not None and partner.train.tick == train.tick:
            text = f"the light of {session.port_id} does not arrive: {refusal.text}"
            self._darken(partner, _GONE if refusal is _GONE else Refusal("NO_RECEIVER", text))

    @staticmethod
    def _say_dark(session: Session, tick: int, refusal: Refusal) -> None:
        dark = plant_pb2.Dark(tick=tick, reason=refusal.reason, text=refusal.text)
        session.send(plant_pb2.AttachResponse(dark=dark))

    # -- hubs -------------------------------------------------------------------------------------------

    def _senders_of(self, hub: Hub) -> list[str]:
        ends = (self.world.way(arm).end for arm in hub.arms)
        found = (self.sessions.get(end) for end in ends)
        return [one.port_id for one in found if one is not None and one.direction == plant_pb2.DIRECTION_TRANSMIT]

    def _partner(self, session: Session) -> Session | None:
        """The other sender at the same hub in the present tick."""
        for hub in self._hubs.values():
            if (port := hub.partner(session.port_id)) is not None:
                return self.sessions.get(port)
        return None

    def _into_hub(self, hub: Hub, session: Session, train: Train) -> None:
        partner = self._partner(session)
        if train.tick != hub.tick or partner is None:
            self._darken(session, Refusal("NO_RECEIVER", hub.why_alone(session.port_id)))
        elif partner.train is None or partner.train.tick < train.tick:
            if partner.done >= train.tick:
                self._darken(session, Refusal("NO_RECEIVER", f"{partner.port_id} emits nothing in this tick"))
        elif partner.train.dark:
            self._darken(session, Refusal("NO_RECEIVER", f"the light of {partner.port_id} does not arrive"))
        elif partner.channel != session.channel:
            text = f"{session.channel} and {partner.channel} do not interfere; tune both senders alike"
            self._darken(session, Refusal("NOT_TUNED", text))
        else:
            outcome = hub.outcome((partner, partner.train), (session, train), self._path_at)
            outcome.interval_s = self.tick_s
            self.sessions[hub.port_id].send(plant_pb2.AttachResponse(bell_outcome=outcome))

    @property
    def _path_at(self) -> Callable[[Session, Train], plant_pb2.PathState]:
        return lambda session, train: self.world.path_state(session.port_id, session.channel, train.tick * self.tick_s)

    # -- service messages -------------------------------------------------------------------------------

    def _route(self, origin: str, addressee: str) -> tuple[list[str], str]:
        """The ports and arms whose ways a message takes, and where it comes out; empty = nowhere."""
        if origin in self._hubs:
            arms = [arm for arm in self._hubs[origin].arms if addressee and self.world.way(arm).end == addressee]
            return arms, addressee if arms else ""
        end = self._end_of(origin)
        if addressee in ("", end):
            return [origin], end
        if end in self._hubs:  # two senders of a hub speak over both arms
            arms = [arm for arm in self._hubs[end].arms if self.world.way(arm).end == addressee]
            return [origin, *arms], addressee if arms else ""
        return [origin], ""

    def _perhaps_tampered(self, session: Session, octets: bytes, share: float) -> bytes:
        if not octets or share <= 0:
            return octets
        chance, where = physics.draw(self.world.plan.seed, f"tamper {session.port_id}", session.messages)
        if chance >= share:
            return octets
        changed = bytearray(octets)
        changed[where // 8 % len(octets)] ^= 1 << where % 8
        return bytes(changed)
