"""A whole QKD network as data, and what follows from it at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from harness.topology.model import (
    Combining,
    Consumer,
    Domain,
    Generator,
    Hop,
    Link,
    Maker,
    Module,
    Policy,
    Site,
    SiteKind,
    Switch,
    System,
)

_T = TypeVar("_T", Site, Maker, System)


@dataclass(frozen=True)
class Topology:
    """A whole network. Made by `harness.topology.load`, which sees to it that everything refers to something."""

    name: str
    title: str
    domains: tuple[Domain, ...]
    sites: tuple[Site, ...]
    links: tuple[Link, ...]
    makers: tuple[Maker, ...]
    modules: tuple[Module, ...]
    systems: tuple[System, ...]
    switches: tuple[Switch, ...] = ()
    generators: tuple[Generator, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    policies: tuple[Policy, ...] = ()
    source: str = ""
    notes: tuple[str, ...] = ()

    @cached_property
    def _links(self) -> dict[str, Link]:
        return {link.id: link for link in self.links}

    @cached_property
    def _modules(self) -> dict[str, Module]:
        return {module.id: module for module in self.modules}

    def site(self, name: str) -> Site:
        """The site of this id. Raises KeyError, as the other finders do, when there is none."""
        return _found(self.sites, name)

    def link(self, name: str) -> Link:
        """The link of this id."""
        return self._links[name]

    def module(self, name: str) -> Module:
        """The module of this id."""
        return self._modules[name]

    def maker(self, name: str) -> Maker:
        """The maker of this id."""
        return _found(self.makers, name)

    def system(self, name: str) -> System:
        """The system of this id."""
        return _found(self.systems, name)

    @property
    def production_sites(self) -> tuple[Site, ...]:
        """Sites in production that have keys: what the network serves."""
        return tuple(site for site in self.sites if site.production and site.kind is not SiteKind.CENTRAL)

    @property
    def production_links(self) -> tuple[Link, ...]:
        """Links whose ends are both in production."""
        apart = {site.id for site in self.sites if not site.production}
        return tuple(link for link in self.links if not apart & set(link.ends))

    @property
    def active_systems(self) -> tuple[System, ...]:
        """Systems that are raised unless somebody says otherwise."""
        return tuple(system for system in self.systems if system.active)

    def pairs(self) -> Iterator[tuple[Site, Site]]:
        """Every two production nodes; relays and central sites serve no applications."""
        nodes = [site for site in self.production_sites if site.kind is SiteKind.NODE]
        for number, one in enumerate(nodes):
            for other in nodes[number + 1 :]:
                yield one, other

    def systems_between(self, one: str, other: str) -> tuple[System, ...]:
        """Active systems that make keys for these two sites."""
        return tuple(system for system in self.active_systems if set(system.ends) == {one, other})

    def combining_between(self, one: str, other: str) -> Combining:
        """What becomes of several sources between two sites: of their policy, else of the link that joins them."""
        for policy in self.policies:
            if set(policy.ends) == {one, other}:
                return policy.combining
        for link in self.links:
            if set(link.ends) == {one, other}:
                return link.combining
        return Combining.ANY

    def place(self, system: System, module: str) -> str:
        """The site where ``module`` stands for ``system``."""
        return (system.rehoused or {}).get(module) or self.module(module).site

    def arms(self, system: System) -> tuple[tuple[Hop, ...], ...]:
        """The way of the light, from each transmitter to the receiver or hub."""
        receiver = self.place(system, system.receiver)
        ways = []
        for number, transmitter in enumerate(system.transmitters):
            site = self.place(system, transmitter)
            hops: list[Hop] = []
            for name in system.path if number == 0 else reversed(system.path):
                if site == receiver:
                    break
                link = self.link(name)
                hops.append(Hop(link, site, link.other_end(site)))
                site = hops[-1].destination
            ways.append(tuple(hops))
        return tuple(ways)

    def loss_db(self, system: System) -> tuple[float, ...]:
        """The loss of each arm of ``system`` at its channel, dB, with that of the switches on the way."""
        through = {switch.site: switch.loss_db for switch in self.switches}
        return tuple(
            sum(hop.link.loss_db(system.channel) for hop in arm) + sum(through.get(hop.origin, 0.0) for hop in arm[1:])
            for arm in self.arms(system)
        )

    def share(self, system: System) -> float:
        """The part of the time that ``system`` has its hub: less than 1 where active MDI systems take turns."""
        return 1 / max(1, sum(other.receiver == system.receiver for other in self.active_systems))


def _found(things: tuple[_T, ...], name: str) -> _T:
    for thing in things:
        if thing.id == name:
            return thing
    raise KeyError(name)
