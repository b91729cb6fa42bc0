"""Modules that are carried somewhere else for a link that no switch can make as everything stands. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import product

from harness.topology import Pairing, Role, System, Topology
from harness.twin.arrangement import Arrangement, second_node

_MARK = "@"


def with_stand_ins(topology: Topology) -> Topology:
    """The topology with a stand-in for every module that has to be elsewhere for one of its systems.

    Systems that join the sender and the receiver of one site, which no topology says, are added.

    A stand-in ("norte/hwdu-rx@concepcion") is the same module at another site, patched to another fibre, or in
    another node of its site, as people would carry it there. It has a port and an instance of its own; the two must
    not run at the same time.
    """
    modules = {module.id: module for module in topology.modules}
    arrangement, systems = Arrangement(topology), []
    for system in topology.systems:
        renamed = {}
        for name in system.modules if arrangement.hindrance(system) else ():
            if place := arrangement.place_needed(system, name):
                site = (system.rehoused or {}).get(name, modules[name].site)
                renamed[name] = f"{name}{_MARK}{place}"
                modules[renamed[name]] = replace(modules[name], id=renamed[name], site=site)
        systems.append(
            replace(
                system,
                transmitters=tuple(renamed.get(name, name) for name in system.transmitters),
                receiver=renamed.get(system.receiver, system.receiver),
                rehoused=None if renamed else system.rehoused,
            )
        )
    return _back_to_back(replace(topology, modules=tuple(modules.values()), systems=tuple(systems)))


def original(module_id: str) -> str:
    """The module that a stand-in stands for; any other is its own."""
    return module_id.partition(_MARK)[0]


def moved(system: System) -> tuple[str, ...]:
    """Its modules that are stand-ins."""
    return tuple(name for name in system.modules if _MARK in name)


def in_groups(systems: Iterable[System]) -> list[list[System]]:
    """Systems that can be made at the same time: they share no module, and no channel on a link."""
    groups: list[list[System]] = []
    for system in systems:
        fitting = (group for group in groups if not any(_meet(system, other) for other in group))
        group = next(fitting, None)
        if group is None:
            groups.append(group := [])
        group.append(system)
    return groups


def _meet(one: System, other: System) -> bool:
    modules = {original(name) for name in one.modules} & {original(name) for name in other.modules}
    return bool(modules) or (one.channel == other.channel and bool(set(one.path) & set(other.path)))


def _back_to_back(topology: Topology) -> Topology:
    """Of makers whose modules pair at will: sender and receiver of one site, on each channel that several systems use.

    The receiver is given to a second node in the same building: a link joins two nodes, and two KMEs share its keys.
    """
    sites, modules, systems = list(topology.sites), list(topology.modules), list(topology.systems)
    free = {maker.id for maker in topology.makers if maker.pairing is Pairing.FREE}
    for switch in topology.switches:
        here = (module for module in topology.modules if module.site == switch.site and _MARK not in module.id)
        own = [module for module in here if module.maker in free]
        site, second = topology.site(switch.site), second_node(switch.site)
        for sender, receiver in product(own, own):
            roles = sender.role, receiver.role
            channels = _used(topology, sender.maker)
            if sender.maker != receiver.maker or roles != (Role.TRANSMITTER, Role.RECEIVER) or not channels:
                continue
            beside = replace(receiver, id=f"{receiver.id}{_MARK}{second}", site=second)
            if beside not in modules:
                modules.append(beside)
            if all(one.id != second for one in sites):
                sae, name = f"sae-{second}", f"{site.name}, second node"
                sites.append(replace(site, id=second, name=name, kme=f"kme-{second}", saes=(sae,), production=False))
            systems += [
                System(
                    id=f"{switch.site}/{sender.maker}-back-to-back-{channel.replace('-', '').lower()}",
                    maker=sender.maker,
                    model=sender.model,
                    protocol=sender.protocol,
                    transmitters=(sender.id,),
                    receiver=beside.id,
                    path=(),
                    ends=(switch.site, second),
                    channel=channel,
                    active=False,
                )
                for channel in channels
            ]
    return replace(topology, sites=tuple(sites), modules=tuple(modules), systems=tuple(systems))


def _used(topology: Topology, maker: str) -> list[str]:
    channels = Counter(system.channel for system in topology.systems if system.maker == maker)
    return sorted(channel for channel, systems in channels.items() if systems > 1)
