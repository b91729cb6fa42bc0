"""Scenarios as commands show them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from harness.cli.exits import UserError
from harness.topology import FileError, ScenarioError, Topology, draw, load, scenario_names

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


def topologies(names: Sequence[str]) -> dict[str, Topology]:
    """The topologies of these scenarios or files; without names, of all scenarios that are installed.

    Raises:
        UserError: one of them is not there or cannot be used; names everything that is wrong with them all.
    """
    found: dict[str, Topology] = {}
    wrongs: list[str] = []
    try:
        wanted = names or scenario_names()
    except ScenarioError as wrong:
        raise UserError(str(wrong)) from None
    for name in wanted:
        try:
            found[name] = load(name)
        except (ScenarioError, FileError) as wrong:
            wrongs.append(str(wrong))
    if wrongs:
        raise UserError("\n".join(wrongs))
    return found


def described(name: str, topology: Topology) -> dict[str, object]:
    """One row of the list. The last four members are for people."""
    makers = [maker.name for maker in topology.makers]
    makers += [one.name for one in topology.generators]
    sites, active = topology.production_sites, topology.active_systems
    links = topology.production_links
    return {
        "name": name,
        "title": topology.title,
        "sites": len(sites),
        "domains": [domain.name for domain in topology.domains],
        "links": len(links),
        "modules": len(topology.modules),
        "makers": makers,
        "active_systems": len(active),
        "idle_systems": len(topology.systems) - len(active),
        "switches": len(topology.switches),
        "generators": len(topology.generators),
        "source": topology.source,
        "notes": list(topology.notes),
        "size": _many(len(sites), "site"),
        "domains and links": f"{_many(len(topology.domains), 'domain')}, {_many(len(links), 'link')}",
        "equipment": f"{_many(len(topology.modules), 'module')}, {_many(len(active), 'active system')}",
        "by": ", ".join(makers),
    }


def drawn(name: str, topology: Topology, folder: Path) -> Path:
    """Draws a topology into a folder, which is made; gives the file.

    Raises:
        UserError: it cannot be written there.
    """
    stem = name.removesuffix(".toml") if name.endswith(".toml") else name
    path = folder / f"{_UNFIT.sub('-', Path(stem).name).strip('-') or topology.name}.svg"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(draw(topology), encoding="utf-8")
    except OSError as wrong:
        raise UserError(f"{path}: cannot be written: {(wrong.strerror or 'unknown reason').lower()}") from None
    return path


def _many(count: int, kind: str) -> str:
    return f"{count} {kind}" if count == 1 else f"{count} {kind}s"
