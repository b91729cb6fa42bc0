"""From a topology to the fibre plant that its modules are plugged into."""

from __future__ import annotations

from collections.abc import Iterator

from harness.plant.plan import HubPlan, Path, PlantPlan, PortPlan, Span, SwitchPlan
from harness.topology import Role, System, Topology


def plant_of(topology: Topology, *, seed: int = 0) -> PlantPlan:
    """The plant with the ports of all modules, those of the active systems connected.

    Raises:
        ValueError: the plant cannot be so; says what contradicts what.
    """
    switches = {switch.site: switch.id for switch in topology.switches}
    patched = {module for system in topology.active_systems for module in system.modules}
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
        ports=tuple(
            PortPlan(
                port_id=module.port,
                site=module.site,
                switch="" if module.id in patched else switches.get(module.site, ""),
            )
            for module in topology.modules
        ),
        switches=tuple(SwitchPlan(switch_id=switch.id, site=switch.site) for switch in topology.switches),
        # A sender that takes turns with several others has one fibre to their hub.
        paths=tuple(
            dict.fromkeys(path for system in topology.active_systems for path in _paths(topology, system, switches))
        ),
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


def _paths(topology: Topology, system: System, switches: dict[str, str]) -> Iterator[Path]:
    for transmitter, arm in zip(system.transmitters, topology.arms(system), strict=True):
        between = [hop.origin for hop in arm[1:]]
        yield Path(
            one_port=topology.module(transmitter).port,
            other_port=topology.module(system.receiver).port,
            links=tuple(hop.link.id for hop in arm),
            switches=tuple(switches[site] for site in between if site in switches),
        )
