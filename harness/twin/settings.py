"""How a network is raised; what the implementations are told besides their connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from harness.topology import Module, Pairing, System, Topology
from qkd.optical.v1.plant_pb2 import PathState

# Two 256-bit keys; on the thinnest link of MadQCI one such block with its pad and its MACs is a second's work.
RELAY_BLOCK_OCTETS = 64
LINK_BLOCK_OCTETS = 64
HIGH_WATER_OCTETS = 64 * 1024
# Two cores have to fill every link of a large network before its last pair is ready: less in store, fewer ticks.
LARGE_SITES = 20
LARGE_HIGH_WATER_OCTETS = 8 * 1024
LARGE_RELAYED_HIGH_WATER_OCTETS = 2 * RELAY_BLOCK_OCTETS
_TICK_S, _LARGE_TICK_S = 1.0, 3.0
# A dozen hops, and a hundred KMEs to be asked on two cores: what is given up too soon is all burned and begun again.
_LARGE_FORWARDER = {"hold_s": "15.0", "block_timeout_s": "60.0", "first_pause_s": "0.2", "longest_pause_s": "8.0"}
RELAYED_HIGH_WATER_OCTETS = 512
_FEW_SITES = 3
_MOST_PROCESSES = 8


@dataclass(frozen=True)
class TwinSettings:
    """How a network is raised.

    Attributes:
        speed: seconds of the plant's time in a second of the clock; None = time passes only when it is told to.
        tick_s: length of a tick, seconds of the plant's time; 0 = one, or three with more than 20 sites.
        sites_per_process: how many KMEs, or forwarding modules, share a process; 0 = three, or more in a large network
            so that there are eight processes of each kind.
        seed: of everything that is left to chance but the keys.
        kme: settings for all KMEs, over those below.
        forwarder: settings for all forwarding modules, likewise.
        module: settings for all modules, likewise.
        controlled: SDN agents and a controller make all links, by ETSI GS QKD 015 and Transport API; else routes and
            pairings are static.
        controller: settings for the controller.
        agent: settings for all agents.
        links_s: how long links may take to come up, seconds.
        clocks: folder of files, one for each KME, that hold how far its wall clock is off; None = clocks are right.
    """

    speed: float | None = 10.0
    tick_s: float = 0.0
    sites_per_process: int = 0
    seed: int = 0
    kme: Mapping[str, str] = field(default_factory=dict)
    forwarder: Mapping[str, str] = field(default_factory=dict)
    module: Mapping[str, str] = field(default_factory=dict)
    controlled: bool = False
    controller: Mapping[str, str] = field(default_factory=dict)
    agent: Mapping[str, str] = field(default_factory=dict)
    links_s: float = 60.0
    clocks: Path | None = None

    def sites_in_a_process(self, sites: int) -> int:
        """How many of so many sites share a process."""
        return self.sites_per_process or max(_FEW_SITES, -(-sites // _MOST_PROCESSES))

    def tick_for(self, sites: int) -> float:
        """Length of a tick in a network of so many sites, seconds of the plant's time."""
        return self.tick_s or (_LARGE_TICK_S if sites > LARGE_SITES else _TICK_S)

    def clock_of(self, kme_id: str) -> Path:
        """The file that says how far the wall clock of a KME is off."""
        if self.clocks is None:
            raise ValueError("the network has no folder for clocks")
        return self.clocks / f"{sha256(kme_id.encode()).hexdigest()[:16]}.offset"

    def for_kme(self, kme_id: str, relay_saes: tuple[str, ...]) -> dict[str, str]:
        """Of a KME; `relay_saes` are the forwarding modules' SAE IDs."""
        large = len(relay_saes) > LARGE_SITES
        high_water = LARGE_HIGH_WATER_OCTETS if large else HIGH_WATER_OCTETS
        relayed = LARGE_RELAYED_HIGH_WATER_OCTETS if large else RELAYED_HIGH_WATER_OCTETS
        clock = {} if self.clocks is None else {"clock_offset_file": str(self.clock_of(kme_id))}
        return {
            **clock,
            "link_block_octets": str(LINK_BLOCK_OCTETS),
            "relay_saes": ",".join(relay_saes),
            "max_key_size": "65536",
            "high_water_octets": str(high_water),
            "relayed_high_water_octets": str(relayed),
            **self.kme,
        }

    def for_forwarder(self, sites: int) -> dict[str, str]:
        """Of a forwarding module, in a network of so many sites."""
        return {
            "relay_block_octets": str(RELAY_BLOCK_OCTETS),
            # Dozens of processes share the machine. Keys of an answer that comes too late are lost, and so are those
            # of a block that is given up half way.
            "kme_timeout_s": "30.0",
            "hold_s": "4.0",
            "block_timeout_s": "10.0",
            **(_LARGE_FORWARDER if sites > LARGE_SITES else {}),
            **self.forwarder,
        }

    def for_module(
        self, topology: Topology, module: Module, system: System | None, paths: Sequence[PathState] = ()
    ) -> dict[str, str]:
        """Of a QKD module. `paths` as they are undisturbed, from each transmitter of the system.

        What is published of the system and how the path was then: so that emulated modules give the published
        average there, and whatever physics says elsewhere.
        """
        told: dict[str, str] = {}
        if system is not None:
            others = [name for name in system.modules if name != module.id]
            if topology.maker(module.maker).pairing is Pairing.FIXED and len(others) == 1:
                told["sold_with"] = others[0]
            if system.table1_skr_bps is not None and paths:
                told["measured_skr_bps"] = repr(system.table1_skr_bps)
                told["nominal_bps"] = repr(system.table1_skr_bps)
                told["measured_paths"] = ";".join(map(_text, paths))
                if system.table1_qber is not None:
                    told["measured_qber"] = repr(system.table1_qber)
        return {**told, **self.module}


def _text(path: PathState) -> str:
    """Loss (dB), length (km), noise photons (1/s/nm), error probability, joined by commas."""
    figures = (path.loss_db, path.length_km, path.noise_photons_per_s_nm, path.error_probability)
    return ",".join(map(repr, figures))
