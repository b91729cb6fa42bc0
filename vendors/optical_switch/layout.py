"""Switches, their ports, and ways through them. No I/O."""

from __future__ import annotations

import uuid
from collections import defaultdict, deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_NAMES = uuid.UUID("9a9a2a3e-4a0c-4f6b-9c55-0d7a4ddc1a11")  # name space of all ids here, made up


def id_of(*names: object) -> str:
    """A UUID that is always the same for the same names."""
    return str(uuid.uuid5(_NAMES, "/".join(map(str, names))))


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a switch; with `link` a line towards a link, else one that a module hangs on."""

    device: str
    number: int
    switch: str
    port: str
    link: str = ""
    line: int = 0

    @property
    def sip(self) -> str:
        """UUID of its service interface point."""
        return id_of("sip", self.device, self.number)

    @property
    def edge(self) -> str:
        """UUID of its node edge point."""
        return id_of("nep", self.switch, self.port)


@dataclass(frozen=True, slots=True)
class Hop:
    """A cross-connection of one switch, and the link (with its line) that it leads the light to; empty = the end."""

    switch: str
    one_port: str
    other_port: str
    link: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a link with its ports at two switches."""

    link: str
    number: int
    one: Port
    other: Port


class Layout:
    """What there is. Line n at one end of a link is line n at the other.

    Raises:
        ValueError: two ports have the same name.
    """

    def __init__(self, ports: Iterable[Port]) -> None:
        self.ports = tuple(ports)
        names = [(port.switch, port.port) for port in self.ports]
        places = [(port.device, port.number) for port in self.ports]
        if len(set(names)) < len(names) or len(set(places)) < len(places):
            raise ValueError("two ports of a switch have the same name or number")
        self.by_sip = {port.sip: port for port in self.ports if not port.link}
        self.switches = sorted({port.switch for port in self.ports})
        self.lines: list[Line] = []
        ends: dict[tuple[str, int], list[Port]] = defaultdict(list)
        for port in self.ports:
            if port.link:
                ends[port.link, port.line].append(port)
        for (link, number), some in sorted(ends.items()):
            if len(some) == 2 and some[0].switch != some[1].switch:
                self.lines.append(Line(link, number, *some))

    def way(self, start: Port, end: Port, taken: Collection[tuple[str, int]]) -> tuple[Hop, ...] | None:
        """Fewest links from one port to another, on the first free line of each; None: there is none.

        Args:
            start: where the light enters.
            end: where it leaves.
            taken: lines that are in use, as (link, number).
        """
        if start.switch == end.switch:
            return (Hop(start.switch, start.port, end.port),)
        came = self._spread(start.switch, end.switch, taken)
        if end.switch not in came:
            return None
        steps: list[tuple[Port, Port]] = []  # (leaving, entering), back from the end
        switch = end.switch
        while switch != start.switch:
            steps.append(came[switch])
            switch = came[switch][0].switch
        hops, entering = list[Hop](), start
        for leaving, entered in reversed(steps):
            hops.append(Hop(leaving.switch, entering.port, leaving.port, leaving.link, leaving.line))
            entering = entered
        return (*hops, Hop(end.switch, entering.port, end.port))

    def _spread(self, start: str, end: str, taken: Collection[tuple[str, int]]) -> dict[str, tuple[Port, Port]]:
        """Breadth first: by which ports each switch is reached."""
        came: dict[str, tuple[Port, Port]] = {}
        waiting = deque([start])
        while waiting and end not in came:
            here = waiting.popleft()
            for line in self.lines:
                if (line.link, line.number) in taken:
                    continue
                for leaving, entering in ((line.one, line.other), (line.other, line.one)):
                    if leaving.switch == here and entering.switch not in came and entering.switch != start:
                        came[entering.switch] = (leaving, entering)
                        waiting.append(entering.switch)
        return came
