"""Links between interfaces (W3): who fits whom, the light path, the same link at both nodes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from qkd.node.v1 import agent_pb2 as pb

from .engine import Engine
from .light import LightError, LightPaths
from .model import PhysicalLink, Stage
from .refusals import impossible, invalid, unknown
from .spectrum import channels_of, common_channels
from .virtual import VirtualLinks, refusal_of

_SENDS = (pb.LINK_ROLE_TRANSMITTER, pb.LINK_ROLE_TRANSCEIVER)
_RECEIVES = (pb.LINK_ROLE_RECEIVER, pb.LINK_ROLE_TRANSCEIVER)


@dataclass(frozen=True, slots=True)
class End:
    """An interface at its node."""

    qkdn_id: str
    qkdi_id: int
    interface: pb.QkdInterface

    def __str__(self) -> str:
        return f"interface {self.qkdi_id} of node {self.qkdn_id}"


class PhysicalLinks:
    """Makes and takes away links between interfaces."""

    def __init__(self, engine: Engine, virtual: VirtualLinks, light: LightPaths) -> None:
        self._engine = engine
        self._plan = engine.plan
        self._virtual = virtual
        self._light = light
        self._busy: set[str] = set()  # links that a call is at work on

    async def create(
        self, qkdl_id: str, one: pb.LinkEnd, other: pb.LinkEnd, wavelength: str, attenuation_db: float | None
    ) -> PhysicalLink:
        """Joins two interfaces; returns when both nodes have the link.

        Raises:
            ContractError: FAILED_PRECONDITION / INTERFACE_UNFIT, INTERFACE_IN_USE, NO_LIGHT_PATH, WAVELENGTH_OCCUPIED,
                SLA_CLASSICAL, LOSS_TOO_HIGH, NODE_OFFLINE, NODE_REFUSED; NOT_FOUND; then nothing of it is left.
        """
        known = self._plan.physical.get(qkdl_id)
        ends = {(one.qkdn_id, one.qkdi_id), (other.qkdn_id, other.qkdi_id)}
        if known is not None and known.stage is Stage.UP and _ends(known) == ends:
            return known
        if known is not None or qkdl_id in self._plan.virtual:
            raise invalid("LINK_EXISTS", f"link {qkdl_id} exists already")
        sender, receiver = self._in_order(self._end(one), self._end(other))
        self._check_free(sender, receiver)
        channels = _channels(sender, receiver, wavelength)
        _check_loss(attenuation_db, sender, receiver)
        link = PhysicalLink(
            qkdl_id or str(uuid.uuid4()),
            sender.qkdn_id,
            sender.qkdi_id,
            receiver.qkdn_id,
            receiver.qkdi_id,
            channels[0],
            attenuation_db,
        )
        self._busy.add(link.qkdl_id)
        try:
            await self._light.lay(link, sender.interface, receiver.interface, channels)
            # T-API may have told what the way loses.
            _check_loss(link.attenuation_db, sender, receiver)
            results = await self._engine.settle(link.nodes)
            if trouble := refusal_of(link.qkdl_id, results):
                raise impossible(*trouble)  # noqa: TRY301 - undone below, as every other failure is
        except LightError as error:
            await self._undo(link)
            raise impossible(error.reason, error.text) from None
        except Exception:
            await self._undo(link)
            raise
        finally:
            self._busy.discard(link.qkdl_id)
        return link

    async def remove(self, link: PhysicalLink) -> None:
        """Takes a link down at both nodes, and its light path. What went over it has found other ways before."""
        self._busy.add(link.qkdl_id)
        try:
            await self._undo(link)
        finally:
            self._busy.discard(link.qkdl_id)

    async def _undo(self, link: PhysicalLink) -> None:
        if link.qkdl_id not in self._plan.physical:
            return
        await self._virtual.take_down(link)
        await self._light.clear(link)
        await self._engine.settle(link.nodes)

    async def go_on(self) -> None:
        """Links whose making or going was broken off, by a restart or a server that was away, are gone on with."""
        for link in list(self._plan.physical.values()):
            if link.qkdl_id in self._busy:
                continue
            if link.stage is Stage.GOING:
                await self._undo(link)
            elif link.stage is Stage.MAKING:
                try:
                    await self._light.relay(link)
                    results = await self._engine.settle(link.nodes)
                except LightError:
                    await self._undo(link)
                    continue
                trouble = refusal_of(link.qkdl_id, results)
                if trouble is not None and trouble[0] == "NODE_REFUSED":
                    await self._undo(link)

    # -- checks -----------------------------------------------------------------------------------------

    def _end(self, end: pb.LinkEnd) -> End:
        view = self._engine.network.view(end.qkdn_id)
        if view is None:
            raise unknown("node", end.qkdn_id)
        if not view.online:
            raise impossible("NODE_OFFLINE", f"node {end.qkdn_id} does not answer: {view.trouble}")
        interface = self._engine.network.interface(end.qkdn_id, end.qkdi_id)
        if interface is None or not end.HasField("qkdi_id"):
            raise unknown("interface", f"{end.qkdi_id} of node {end.qkdn_id}")
        found = End(end.qkdn_id, end.qkdi_id, interface)
        if interface.qkdi_status == pb.INTERFACE_STATUS_FAILED:  # DISABLED may just be waiting for a link
            raise impossible("INTERFACE_UNFIT", f"{found} has failed")
        return found

    def _in_order(self, one: End, other: End) -> tuple[End, End]:
        """The sender, then the receiver."""
        if one.qkdn_id == other.qkdn_id:
            raise impossible("INTERFACE_UNFIT", "both interfaces are of one node")
        if one.interface.qkdi_type != other.interface.qkdi_type:
            names = " and ".join(pb.Technology.Name(end.interface.qkdi_type) for end in (one, other))
            raise impossible("INTERFACE_UNFIT", f"{one} and {other} are of different technologies: {names}")
        for sender, receiver in ((one, other), (other, one)):
            roles = sender.interface.role_support, receiver.interface.role_support
            if (roles[0] in _SENDS or not roles[0]) and (roles[1] in _RECEIVES or not roles[1]):
                return sender, receiver
        names = " and ".join(pb.LinkRole.Name(end.interface.role_support) for end in (one, other))
        raise impossible("INTERFACE_UNFIT", f"{one} and {other} have roles that do not go together: {names}")

    def _check_free(self, *ends: End) -> None:
        for end in ends:
            for link in self._plan.physical.values():
                if (end.qkdn_id, end.qkdi_id) in _ends(link):
                    raise impossible("INTERFACE_IN_USE", f"{end} is used by link {link.qkdl_id} ({link.stage})")


def _ends(link: PhysicalLink) -> set[tuple[str, int]]:
    return {(link.one, link.one_interface), (link.other, link.other_interface)}


def _channels(sender: End, receiver: End, wavelength: str) -> list[str]:
    """Channels to try, in order; [""] = none is known of."""
    ranges = sender.interface.wavelength_range, receiver.interface.wavelength_range
    if wavelength:
        for end, own in zip((sender, receiver), ranges, strict=True):
            if own and (not wavelength.isdigit() or int(wavelength) not in channels_of(own)):
                raise impossible("INTERFACE_UNFIT", f"channel {wavelength} is not in the range of {end}: {own}")
        return [wavelength]
    common = common_channels(*ranges)
    if common is not None and not common:
        raise impossible(
            "INTERFACE_UNFIT", f"{sender} and {receiver} have no channel in common: {' and '.join(ranges)}"
        )
    return [str(channel) for channel in common] if common else [""]


def _check_loss(attenuation_db: float | None, *ends: End) -> None:
    for end in ends:
        if attenuation_db is not None and end.interface.HasField("max_absorption"):
            most = end.interface.max_absorption
            if attenuation_db > most:
                text = f"the way loses {attenuation_db:g} dB, {end} bears {most:g} dB"
                raise impossible("LOSS_TOO_HIGH", text)
