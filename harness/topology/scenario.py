"""Scenarios: topologies that are found by name, through the entry-point group ``qkd_harness.scenarios``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from harness.document.problem import closest, listed

GROUP = "qkd_harness.scenarios"


class ScenarioError(ValueError):
    """There is no such scenario, or it does not take these arguments; the text says what to write."""


@dataclass(frozen=True)
class Scenario:
    """A topology with a name: of a file, or made from arguments that stand behind the name and ":".

    Attributes:
        name: on the command line.
        path: its TOML file; None for one that is made.
        make: makes the TOML text from the arguments; raises `ScenarioError`.
        default: arguments where none are given; also those that lists show.
    """

    name: str
    path: Path | None = None
    make: Callable[[str], str] | None = None
    default: str = ""

    def text(self, arguments: str) -> str:
        """The topology as TOML.

        Raises:
            ScenarioError: it takes no arguments, or others.
        """
        if self.make is not None:
            return self.make(arguments or self.default)
        if arguments:
            raise ScenarioError(f"the scenario {self.name!r} takes no arguments: leave out ':{arguments}'")
        if self.path is None:
            raise ScenarioError(f"the scenario {self.name!r} has neither a file nor a maker of one")
        return self.path.read_text(encoding="utf-8")

    @property
    def shown(self) -> str:
        """The name with its default arguments: what `harness.topology.load` takes."""
        return f"{self.name}:{self.default}" if self.default else self.name


def scenario_names() -> tuple[str, ...]:
    """The names of all scenarios that are installed, each as `harness.topology.load` takes it."""
    return tuple(sorted(scenario.shown for scenario in _scenarios().values()))


def find_scenario(name: str) -> tuple[Scenario, str]:
    """The scenario that ``name`` begins with, and the arguments behind ":".

    Raises:
        ScenarioError: there is none of this name.
    """
    word, _, arguments = name.partition(":")
    known = _scenarios()
    if word not in known:
        near = closest(word, known)
        meant = f"; did you mean {near!r}?" if near else ""
        installed = listed(sorted(known)) or "none"
        raise ScenarioError(f"no scenario {word!r}{meant}; installed: {installed}; a file is named with its .toml")
    return known[word], arguments


def _scenarios() -> dict[str, Scenario]:
    found: dict[str, Scenario] = {}
    for point in entry_points(group=GROUP):
        try:
            scenario = point.load()
        except (ImportError, AttributeError) as wrong:
            raise ScenarioError(f"the scenario {point.name!r} ({GROUP}) cannot be loaded: {wrong}") from wrong
        if not isinstance(scenario, Scenario):
            raise ScenarioError(f"the entry point {point.name!r} ({GROUP}) is not a Scenario")
        found[point.name] = scenario
    return found
