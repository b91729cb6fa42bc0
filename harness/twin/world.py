"""From a topology to the fibre plant that its modules are plugged into."""

from __future__ import annotations

from collections.abc import Iterator

from harness.plant.plan import HubPlan, Path, PlantPlan, PortPlan, Span, SwitchPlan
from harness.topology import Role, System, Topology
from harness.twin.arrangement import Arrangement, building


def plant_of(topology: Topology, *, seed: int = 0) -> PlantPlan:
    """The plant with the ports of all modules, those of the active systems connected.

    Raises:
        ValueError: the plant cannot be so; says what contradicts what.
    """
    switches = {switch.site: switch.id for switch in topology.switches}
    patched = {module for system in topology.active_systems for module in system.modules}
    ports = tuple(
        PortPlan(
            port_id=module.port,
            site=module.site,
            switch="" if module.id in patched else switches.get(module.site, ""),
        )
        for module in topology.modules
    )
    # A sender that takes turns with several others has one fibre to their hub.
    paths = tuple(
        dict.fromkeys(path for system in topology.active_systems for path in _paths(topology, system, switches))
    )
    return _plan(topology, ports, paths, seed)


def controlled_plant_of(arrangement: Arrangement, *, connected: bool = False, seed: int = 0) -> PlantPlan:
    """The plant of a controlled network: switches have nothing connected yet.

    Args:
        arrangement: what hangs where.
        connected: as it is once a controller has connected all active systems, to know their paths beforehand.
        seed: see `PlantPlan`.
    """
    topology = arrangement.topology
    ports = tuple(
        PortPlan(
            port_id=module.port,
            site=building(module.site),
            switch=arrangement.hangs_on(module.id),
            link=arrangement.patched_link(module.id),
        )
        for module in topology.modules
    )
    systems = topology.active_systems if connected else arrangement.patched_through()
    switches = arrangement.switches
    paths = dict.fromkeys(path for system in systems for path in _paths(topology, system, switches, ends=True))
    return _plan(topology, ports, tuple(paths), seed)


def _plan(topology: Topology, ports: tuple[PortPlan, ...], paths: tuple[Path, ...], seed: int) -> PlantPlan:
    return PlantPlan(
        spans=tuple(
            Span(
                link_id=link.id,
                one_site=link.ends[0],
                other_site=link.ends[1],
                length_km=link.length_km,
                loss_c_db=link.loss_c_db,
                loss_o_db=link.loss_o_db,
                fibre_pairs=link.fibre_pairs,
                classical_channels=link.classical_channels,
                co_propagating=link.co_propagating,
            )
            for link in topology.links
        ),
        ports=ports,
        switches=tuple(SwitchPlan(switch_id=switch.id, site=switch.site) for switch in topology.switches),
        paths=paths,
        hubs=tuple(
            HubPlan(port_id=module.port, arms=max(2, _arms(topology, module.id)))
            for module in topology.modules
            if module.role is Role.HUB
        ),
        seed=seed,
    )


def _arms(topology: Topology, hub: str) -> int:
    systems = [system for system in topology.active_systems if system.receiver == hub]
    return len({sender for system in systems for sender in system.transmitters})


def _paths(topology: Topology, system: System, switches: dict[str, str], *, ends: bool = False) -> Iterator[Path]:
    """`ends`: the modules hang on the switches of their sites too."""
    for transmitter, arm in zip(system.transmitters, topology.arms(system), strict=True):
        sites = [hop.origin for hop in arm[0 if ends else 1 :]] + ([arm[-1].destination] if ends else [])
        yield Path(
            one_port=topology.module(transmitter).port,
            other_port=topology.module(system.receiver).port,
            links=tuple(hop.link.id for hop in arm),
            switches=tuple(switches[site] for site in sites if site in switches),
        )
