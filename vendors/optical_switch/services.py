"""Connectivity services: accepted, connected switch by switch, installed after a while, taken away."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .context import Shown, end_point_of
from .layout import Hop, Layout, id_of
from .payload import SERVICE, Order, orders
from .plant import PlantError, Switches
from .refusals import RefusalError, absent, in_use
from .settings import SwitchSettings


@dataclass(frozen=True, slots=True)
class Service:
    """A service that was accepted.

    Attributes:
        hops: the cross-connections, in order.
        since: when it was accepted, seconds of the clock.
    """

    order: Order
    hops: tuple[Hop, ...]
    since: float

    @property
    def lines(self) -> set[tuple[str, int]]:
        """Lines that it takes, as (link, number)."""
        return {(hop.link, hop.line) for hop in self.hops if hop.link}

    def lit(self) -> set[tuple[str, str, str]]:
        """(link, switch from which it is entered, channel) of its light."""
        channel, found = self.order.channel, set()
        for hop, following in zip(self.hops, self.hops[1:], strict=False):
            found.add((hop.link, hop.switch, channel))
            if self.order.both_ways:
                found.add((hop.link, following.switch, channel))
        return found if channel else set()


class Services:
    """All services of one emulator.

    Args:
        layout: of the switches.
        switches: what moves their mirrors.
        settings: of the emulator.
        clock: seconds; only differences count.
        file: where services are kept over a restart.
    """

    def __init__(
        self, layout: Layout, switches: Switches, settings: SwitchSettings, *, clock: Callable[[], float], file: Path
    ) -> None:
        self._layout = layout
        self._switches = switches
        self._settings = settings
        self._clock = clock
        self._file = file
        self._services: dict[str, Service] = {}
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Takes up the services of the life before; what the plant does not have any more is connected anew."""
        for body in json.loads(self._file.read_text()) if self._file.exists() else []:
            order = orders({SERVICE: [body["order"]]}, self._layout)
            service = Service(order, tuple(Hop(**hop) for hop in body["hops"]), self._clock() - body["age"])
            try:
                await self._connect(service.hops)
            except RefusalError:
                continue  # its ports were given to somebody else meanwhile
            self._services[order.uuid] = service

    def shown(self) -> Shown:
        """Services and connections as T-API has them."""
        shown = Shown()
        for uuid, service in self._services.items():
            installed = self._is_installed(service)
            state = {"operational-state": "ENABLED", "lifecycle-state": "INSTALLED"}
            if not installed:
                state = {"operational-state": "DISABLED", "lifecycle-state": "PLANNED"}
            body = {"administrative-state": "UNLOCKED", **service.order.body, **state}
            if installed:
                name = id_of("connection", uuid)
                body["connection"] = [{"connection-uuid": name}]
                ends = [service.order.start, service.order.end]
                shown.ends += ends
                shown.connections.append(
                    {
                        "uuid": name,
                        "name": [{"value-name": "lines", "value": _lines(service)}],
                        "layer-protocol-name": "PHOTONIC_MEDIA",
                        "direction": service.order.body.get("connectivity-direction", "BIDIRECTIONAL"),
                        "connection-end-point": [end_point_of(port) for port in ends],
                        **state,
                    }
                )
            shown.services.append(body)
        return shown

    async def create(self, order: Order, *, replace: bool = False) -> bool:
        """Accepts a service and connects it; whether it is new.

        Args:
            order: what is asked for.
            replace: one of the same uuid makes room (PUT); else that is a refusal (POST).

        Raises:
            RefusalError: 409 with WAVELENGTH_OCCUPIED, SLA_CLASSICAL, PORT_IN_USE, NO_PATH or data-exists; then
                everything is as before.
        """
        async with self._changing:
            before = self._services.get(order.uuid)
            if before is not None and not replace:
                raise RefusalError(409, "data-exists", f"connectivity-service {order.uuid} exists already")
            if before is not None and before.order == order:
                return False
            if before is not None:
                await self._take_away(before)
            try:
                await self._accept(order)
            except RefusalError:
                if before is not None:
                    await self._connect(before.hops)
                    self._services[order.uuid] = before
                raise
            self._keep()
            return before is None

    async def delete(self, uuid: str) -> None:
        """Takes a service away. Raises `RefusalError`, 404."""
        async with self._changing:
            service = self._services.get(uuid)
            if service is None:
                raise absent(f"there is no connectivity-service {uuid}")
            await self._take_away(service)
            self._keep()

    # -- ------------------------------------------------------------------------------------------------

    async def _accept(self, order: Order) -> None:
        if self._settings.failure == "refuse":
            raise RefusalError(409, "operation-failed", "the switches take no new services (failure injected)")
        for other in self._services.values():
            for port in {order.start, order.end} & {other.order.start, other.order.end}:
                text = f"service interface point {port.sip} ({port.device}/{port.number}) is used by {other.order.uuid}"
                raise in_use(text, "PORT_IN_USE")
        hops = await self._way(order)
        await self._connect(hops)
        self._services[order.uuid] = Service(order, hops, self._clock())

    async def _way(self, order: Order) -> tuple[Hop, ...]:
        """A way on which the channel is free; links on which it is not are gone around, where that can be."""
        taken = {line for service in self._services.values() for line in service.lines}
        occupied = Counter(place for service in self._services.values() for place in service.lit())
        classical = await self._classical() if order.channel else {}
        pairs, refused = self._settings.pairs(), in_use("there is no free line to the other port", "NO_PATH")
        while (hops := self._layout.way(order.start, order.end, taken)) is not None:
            trouble = None
            for link, side, channel in sorted(Service(order, hops, 0).lit()):
                if channel in classical.get(link, ()):
                    text = f"{channel} on link {link} carries classical traffic, which is not touched"
                    trouble = link, in_use(text, "SLA_CLASSICAL")
                elif occupied[link, side, channel] >= pairs.get(link, 1):
                    text = f"{channel} on link {link} from {side} is in use by another service"
                    trouble = link, in_use(text, "WAVELENGTH_OCCUPIED")
            if trouble is None:
                return hops
            link, refused = trouble
            taken |= {(line.link, line.number) for line in self._layout.lines if line.link == link}
        raise refused

    async def _classical(self) -> dict[str, frozenset[str]]:
        try:
            return await self._switches.classical()
        except PlantError as error:
            raise _failed(error) from None

    async def _connect(self, hops: Collection[Hop]) -> None:
        done: list[Hop] = []
        try:
            for hop in hops:
                await self._switches.connect(hop)
                done.append(hop)
        except PlantError as error:
            for hop in reversed(done):
                await self._switches.open(hop)
            raise _failed(error) from None

    async def _take_away(self, service: Service) -> None:
        try:
            for hop in service.hops:
                await self._switches.open(hop)
        except PlantError as error:
            raise _failed(error) from None
        del self._services[service.order.uuid]

    def _is_installed(self, service: Service) -> bool:
        return self._settings.failure != "stuck" and self._clock() >= service.since + self._settings.setup_s

    def _keep(self) -> None:
        now = self._clock()
        bodies: list[dict[str, Any]] = [
            {
                "order": service.order.body,
                "hops": [
                    {name: getattr(hop, name) for name in ("switch", "one_port", "other_port", "link", "line")}
                    for hop in service.hops
                ],
                "age": now - service.since,
            }
            for service in self._services.values()
        ]
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(bodies))
        new.replace(self._file)


def _lines(service: Service) -> str:
    return ", ".join(f"{link}/{number}" for link, number in sorted(service.lines)) or "none"


def _failed(error: PlantError) -> RefusalError:
    if error.reason:
        return in_use(str(error), error.reason)
    return RefusalError(500, "operation-failed", f"the plant: {error}")
