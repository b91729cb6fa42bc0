"""From a scenario's name or a file to a topology that holds, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.document import Document, FileError, Problem, Trail, listed, parse_document, read_document, shaped
from harness.topology.build import built
from harness.topology.file import TopologyFile
from harness.topology.graph import islands
from harness.topology.light import Light
from harness.topology.network import Topology
from harness.topology.references import References
from harness.topology.scenario import ScenarioError, find_scenario, scenario_names


def load(name: str | Path) -> Topology:
    """A topology: of a scenario ("madqci", "euroqci-synthetic:30,3"), else of the file ``name``.

    Raises:
        ScenarioError: there is neither; or a scenario does not take these arguments.
        FileError: the file cannot be used; holds everything that is wrong, each with line and remedy.
    """
    if isinstance(name, Path) or "/" in name or name.endswith(".toml"):
        return checked(read_document(Path(name)))
    scenario, arguments = find_scenario(name)
    text = scenario.text(arguments)
    return checked(parse_document(text.encode(), scenario.path or Path(f"{name}.toml")))


def parsed(text: str, name: str = "topology.toml") -> Topology:
    """The topology of a text; ``name`` is what it is called in messages.

    Raises:
        FileError: as `load`.
    """
    return checked(parse_document(text.encode(), Path(name)))


def checked(document: Document) -> Topology:
    """The topology of a document.

    What is wrong is told in four steps, since each needs the one before: the shape of the file, its names, the
    light of its systems, and who shares keys then.

    Raises:
        FileError: as `load`.
    """
    shape = shaped(document, TopologyFile)
    if shape.model is None:
        raise FileError(shape.problems)
    _stop(References(document, shape.model).problems())
    topology = built(shape.model)
    _stop(Light(document, topology).problems())
    _stop(_unreachable(document, topology))
    return topology


def _stop(problems: Iterator[Problem]) -> None:
    found = list(problems)
    if found:
        raise FileError(found)


def _unreachable(document: Document, topology: Topology) -> Iterator[Problem]:
    """Sites that never share a key with the rest: no active system leads there."""
    production = {site.id for site in topology.production_sites}
    parts = islands(topology)
    main = max(parts, key=lambda part: len(part & production), default=set())
    for number, site in enumerate(topology.sites):
        part = next((part for part in parts if site.id in part), set())
        cut_off = site.id not in main if site.production else len(part) == 1
        if not site.kme or not cut_off:
            continue
        trail: Trail = ("site", number, "id")
        idle = sorted(system.id for system in topology.systems if site.id in system.ends and not system.active)
        todo = f"make one active: {listed(idle)}" if idle else "give it a system, or say production = false"
        reached = (
            f"it reaches {listed(sorted(part - {site.id}))} only" if len(part) > 1 else "no active system ends there"
        )
        yield document.problem(trail, f"{site.id!r} shares no key with the rest: {reached}", todo=todo)


__all__ = ["ScenarioError", "checked", "load", "parsed", "scenario_names"]
