"""Topologies: networks as data, read from TOML or generated, checked, drawn, and routed over."""

from harness.document import FileError
from harness.topology.graph import disjoint_paths, islands, key_graph, layout, routes
from harness.topology.load import load, parsed
from harness.topology.map import draw
from harness.topology.model import (
    O_BAND,
    Combining,
    Consumer,
    Domain,
    Generator,
    Handover,
    Hop,
    Link,
    Maker,
    Module,
    Pairing,
    Policy,
    Protocol,
    Role,
    Site,
    SiteKind,
    Switch,
    System,
)
from harness.topology.network import Topology
from harness.topology.scenario import GROUP, Scenario, ScenarioError, scenario_names

__all__ = [
    "GROUP",
    "O_BAND",
    "Combining",
    "Consumer",
    "Domain",
    "FileError",
    "Generator",
    "Handover",
    "Hop",
    "Link",
    "Maker",
    "Module",
    "Pairing",
    "Policy",
    "Protocol",
    "Role",
    "Scenario",
    "ScenarioError",
    "Site",
    "SiteKind",
    "Switch",
    "System",
    "Topology",
    "disjoint_paths",
    "draw",
    "islands",
    "key_graph",
    "layout",
    "load",
    "parsed",
    "routes",
    "scenario_names",
]
