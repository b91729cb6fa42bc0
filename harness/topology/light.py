"""What must hold for the light: who can make keys with whom, over which fibres, at which channels.

The model of a fibre: a pair has one fibre for each way; light takes the one that leads its way. At each channel a
fibre carries one signal. Classical channels of a link are in use on all of its fibres.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from harness.document import Document, Problem, Trail, listed
from harness.topology.model import Hop, Link, Pairing, Protocol, Role, System
from harness.topology.network import Topology


class Light:
    """Follows the light of every system of a topology. ``problems`` gives what cannot be, each at its place."""

    def __init__(self, document: Document, topology: Topology) -> None:
        self._document = document
        self._topology = topology

    def problems(self) -> Iterator[Problem]:
        """Everything that cannot be."""
        yield from self._borders()
        sound: list[tuple[int, System]] = []
        for number, system in enumerate(self._topology.systems):
            # each step makes sense only when the one before holds
            found = list(self._pairing(number, system)) or list(self._path(number, system))
            found = found or [*self._bypass(number, system), *self._classical(number, system)]
            yield from found
            if not found:
                sound.append((number, system))
        yield from self._sold_together(sound)
        active = [(number, system) for number, system in sound if system.active]
        yield from self._busy(active)
        yield from self._same_channel(active)

    def _borders(self) -> Iterator[Problem]:
        for number, link in enumerate(self._topology.links):
            one, other = (self._topology.site(end).domain for end in link.ends)
            if link.border and one == other:
                wrong = f"{link.id!r} is no border: both its ends belong to {one!r}"
                yield self._document.problem(("link", number, "border"), wrong, todo="remove 'border'")
            elif not link.border and one and other and one != other:
                wrong = f"{link.id!r} joins {one!r} and {other!r}, and does not say so"
                yield self._document.problem(("link", number, "ends"), wrong, todo="say border = true")

    def _pairing(self, number: int, system: System) -> Iterator[Problem]:
        trail: Trail = ("system", number)
        receiver = self._topology.module(system.receiver)
        mdi = system.protocol is Protocol.MDI
        wanted = Role.HUB if mdi else Role.RECEIVER
        if receiver.role is not wanted:
            wrong = f"{receiver.id!r} is a {receiver.role}, a {wanted} is wanted"
            yield self._document.problem((*trail, "receiver"), wrong, todo="name another module, or mend its role")
        if mdi != (len(system.transmitters) == 2):
            wrong = f"{system.protocol} takes {'two transmitters and a hub' if mdi else 'one transmitter'}"
            todo = "name the second as 'other_transmitter'" if mdi else "remove 'other_transmitter'"
            yield self._document.problem((*trail, "other_transmitter"), wrong, todo=todo)
        members = ("transmitter", "other_transmitter")
        for member, name in zip(members, system.transmitters, strict=False):
            module = self._topology.module(name)
            if module.role is not Role.TRANSMITTER:
                wrong = f"{name!r} is a {module.role}, a transmitter is wanted"
                todo = "name another module, or mend its role"
                yield self._document.problem((*trail, member), wrong, todo=todo)
            if module.maker != receiver.maker:
                wrong = f"{name!r} is of {module.maker!r}, {receiver.id!r} of {receiver.maker!r}"
                todo = "modules of different makers make no keys with each other"
                yield self._document.problem((*trail, member), wrong, todo=todo)

    def _path(self, number: int, system: System) -> Iterator[Problem]:
        trail: Trail = ("system", number, "path")
        site, passed = system.ends[0], [system.ends[0]]
        for place, name in enumerate(system.path):
            link = self._topology.link(name)
            if site not in link.ends:
                wrong = f"the path is broken: {name!r} does not touch {site!r}"
                todo = f"it joins {listed(link.ends)}; links at {site!r}: {listed(self._links_at(site)) or 'none'}"
                yield self._document.problem((*trail, place), wrong, todo=todo)
                return
            site = link.other_end(site)
            if site in passed:
                yield self._document.problem((*trail, place), f"the path comes back to {site!r}", todo="take it out")
                return
            passed.append(site)
        if site != system.ends[1]:
            wrong = f"the path ends at {site!r}, and the key is wanted at {system.ends[1]!r}"
            yield self._document.problem(trail, wrong, todo="complete the path, or name other modules")
        hub = self._topology.place(system, system.receiver)
        if system.protocol is Protocol.MDI and hub not in passed[1:-1]:
            wrong = f"the path does not lead through the hub at {hub!r}"
            yield self._document.problem(trail, wrong, todo="go from one transmitter to the hub, and on to the other")

    def _links_at(self, site: str) -> list[str]:
        return [link.id for link in self._topology.links if site in link.ends]

    def _bypass(self, number: int, system: System) -> Iterator[Problem]:
        trail: Trail = ("system", number)
        if system.active and system.rehoused:
            wrong = "an active system has its modules where their ids say"
            yield self._document.problem((*trail, "receiver_at"), wrong, todo="remove 'active', or name a module there")
        for arm in self._topology.arms(system):
            for before, after in pairwise(arm):
                links = {before.link.id, after.link.id}
                here = [switch for switch in self._topology.switches if switch.site == after.origin]
                if not any(links <= set(switch.ports) for switch in here):
                    wrong = f"nothing at {after.origin!r} hands light on from {before.link.id!r} to {after.link.id!r}"
                    place = system.path.index(after.link.id)
                    todo = f'add a switch there: {{ id = "{after.origin}/switch", site = "{after.origin}" }}'
                    yield self._document.problem((*trail, "path", place), wrong, todo=todo)

    def _classical(self, number: int, system: System) -> Iterator[Problem]:
        for name in system.path:
            if system.channel in self._topology.link(name).classical_channels:
                wrong = f"{system.channel} carries classical traffic on {name!r}, which is never touched"
                free = self._free(self._topology.link(name))
                todo = f"take another channel, such as {free}"
                yield self._document.problem(("system", number, "channel"), wrong, todo=todo)

    def _free(self, link: Link) -> str:
        taken = {*link.classical_channels}
        taken |= {system.channel for system in self._topology.systems if link.id in system.path}
        return next(name for name in (f"C-{number}" for number in range(37, 73)) if name not in taken)

    def _sold_together(self, systems: list[tuple[int, System]]) -> Iterator[Problem]:
        partner: dict[str, System] = {}
        for number, system in systems:
            if self._topology.maker(system.maker).pairing is Pairing.FREE:
                continue
            for name in system.modules:
                first = partner.setdefault(name, system)
                if set(first.modules) != set(system.modules):
                    wrong = f"{name!r} was sold with the other end of {first.id!r}, and makes keys with no other"
                    todo = f'only makers with pairing = "free" pair at will; {system.maker!r} has fixed pairs'
                    yield self._document.problem(("system", number), wrong, todo=todo)

    def _busy(self, systems: list[tuple[int, System]]) -> Iterator[Problem]:
        busy: dict[str, System] = {}
        for number, system in systems:
            for name in system.modules:
                first = busy.setdefault(name, system)
                # senders take turns at the switch of their hub
                turns = system.protocol is Protocol.MDI and first.receiver == system.receiver
                if first is not system and not turns:
                    wrong = f"{name!r} is at work in {first.id!r} already"
                    todo = "a module is in one active system: remove 'active' from one of the two"
                    yield self._document.problem(("system", number, "active"), wrong, todo=todo)

    def _same_channel(self, systems: list[tuple[int, System]]) -> Iterator[Problem]:
        lit: dict[tuple[str, str, str], dict[str, str]] = {}
        for number, system in systems:
            for transmitter, arm in zip(system.transmitters, self._topology.arms(system), strict=True):
                for hop in arm:
                    yield from self._one_fibre(lit, number, system, transmitter, hop)

    def _one_fibre(
        self, lit: dict[tuple[str, str, str], dict[str, str]], number: int, system: System, transmitter: str, hop: Hop
    ) -> Iterator[Problem]:
        there = lit.setdefault((hop.link.id, hop.origin, system.channel), {})
        there.setdefault(transmitter, system.id)
        others = [name for name in there.values() if name != system.id]
        if len(there) > hop.link.fibre_pairs and others:
            way = f"from {hop.origin!r} to {hop.destination!r}"
            wrong = f"{system.channel} is taken on every fibre of {hop.link.id!r} {way}, by {listed(others)}"
            todo = f"take another channel, such as {self._free(hop.link)}, or leave one of them inactive"
            yield self._document.problem(("system", number, "channel"), wrong, todo=todo)
