"""Light paths for links: which T-API server has both ports, and which channel is free on the way."""

from __future__ import annotations

import logging
import uuid

from qkd.node.v1.agent_pb2 import QkdInterface

from .engine import Engine
from .model import PhysicalLink, Stage
from .refusals import impossible
from .restconf import RefusedError, UnreachableError
from .tapi import TransportApi

_log = logging.getLogger(__name__)
_OCCUPIED = ("WAVELENGTH_OCCUPIED", "SLA_CLASSICAL")


class LightError(Exception):
    """No light path; `reason` as in `qkd.control.v1`."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason
        self.text = text


class LightPaths:
    """Sets up and clears light paths. The UUID of each is stored before it is asked for.

    Args:
        engine: of the plan.
        servers: of Transport API.
    """

    def __init__(self, engine: Engine, servers: list[TransportApi]) -> None:
        self._plan = engine.plan
        self._servers = {server.url: server for server in servers}
        self._bound_s = engine.settings.light_path_s

    async def lay(self, link: PhysicalLink, sender: QkdInterface, receiver: QkdInterface, channels: list[str]) -> None:
        """A path from the sender to the receiver on the first channel that is free; none where both are patched.

        Writes the link into the plan, first as one that is not lit.

        Raises:
            LightError: NO_LIGHT_PATH, WAVELENGTH_OCCUPIED, SLA_CLASSICAL.
        """
        switched = [bool(end.device and end.HasField("port")) for end in (sender, receiver)]
        if not any(switched) or not self._servers:
            self._put(link, lit=True)  # patched; or switches that nobody gave this controller
            return
        if not all(switched):
            raise LightError("NO_LIGHT_PATH", "one interface hangs on a switch, the other is patched")
        server, ends = await self._server_of(sender, receiver)
        refused = LightError("NO_LIGHT_PATH", "there is no channel to try")
        for channel in channels:
            link.wavelength, link.light_path, link.tapi_url = channel, str(uuid.uuid4()), server.url
            self._put(link, lit=False)
            try:
                await self._make(server, link, ends)
            except LightError as error:
                refused = error
                await self._delete(server, link)
                if error.reason not in _OCCUPIED:
                    break
            else:
                self._put(link, lit=True)
                return
        link.light_path = ""
        raise refused

    async def _make(self, server: TransportApi, link: PhysicalLink, ends: tuple[str, str]) -> None:
        try:
            await server.create(link.light_path, ends, link.wavelength)
            await server.wait(link.light_path, self._bound_s)
        except RefusedError as error:
            reason = error.reason if error.reason in _OCCUPIED else "NO_LIGHT_PATH"
            raise LightError(reason, f"{server.url}: {error.text}") from None
        except (UnreachableError, TimeoutError) as error:
            raise LightError("NO_LIGHT_PATH", f"{server.url}: {error}") from None

    async def relay(self, link: PhysicalLink) -> None:
        """Goes on with a path whose making was broken off. Raises `LightError`."""
        if link.lit or not link.light_path:
            self._put(link, lit=True)
            return
        server = self._servers.get(link.tapi_url)
        try:
            if server is None or not await server.exists(link.light_path):
                raise LightError("NO_LIGHT_PATH", "the light path was not asked for yet")
            await server.wait(link.light_path, self._bound_s)
        except (RefusedError, UnreachableError, TimeoutError) as error:
            raise LightError("NO_LIGHT_PATH", str(error)) from None
        self._put(link, lit=True)

    async def clear(self, link: PhysicalLink) -> None:
        """Takes a link's path away, as far as its server answers; one that does not is asked again later."""
        server = self._servers.get(link.tapi_url)
        if link.light_path and (server is None or await self._delete(server, link)):
            link.light_path = ""
            with self._plan.change() as change:
                change.put(link)

    async def _delete(self, server: TransportApi, link: PhysicalLink) -> bool:
        try:
            await server.delete(link.light_path)
        except (RefusedError, UnreachableError) as error:
            _log.warning("light path %s at %s stays for now: %s", link.light_path, server.url, error)
            return False
        return True

    async def _server_of(self, *ends: QkdInterface) -> tuple[TransportApi, tuple[str, str]]:
        troubles = []
        for server in self._servers.values():
            try:
                points = await server.points()
            except (RefusedError, UnreachableError) as error:
                troubles.append(f"{server.url}: {error}")
                continue
            found = [points.get((end.device, end.port)) for end in ends]
            if found[0] and found[1]:
                return server, (found[0], found[1])
        names = " and ".join(f"{end.device}/{end.port}" for end in ends)
        text = f"no Transport API server has both {names}" + "".join(f"; {one}" for one in troubles)
        raise LightError("NO_LIGHT_PATH", text)

    def _put(self, link: PhysicalLink, *, lit: bool) -> None:
        with self._plan.change() as change:
            mine = self._plan.physical.get(link.qkdl_id)
            if mine is None and any(_ends(one) & _ends(link) for one in self._plan.physical.values()):
                raise impossible("INTERFACE_IN_USE", "another link has taken one of the interfaces meanwhile")
            link.lit = lit
            if link.stage is not Stage.GOING:
                change.put(link)


def _ends(link: PhysicalLink) -> set[tuple[str, int]]:
    return {(link.one, link.one_interface), (link.other, link.other_interface)}
