"""The suites that a command is about."""

from __future__ import annotations

from harness.campaign.suite import Suite, find_suites
from harness.cli.exits import UserError
from harness.document.problem import closest


def suites_named(name: str | None) -> dict[str, Suite]:
    """The suite of this name, or all of them.

    Raises:
        UserError: there is none of this name, or none at all.
    """
    suites = find_suites()
    if not suites:
        raise UserError("no suite is installed")
    if name is None:
        return suites
    if name not in suites:
        near = closest(name, suites)
        meant = f"; did you mean {near!r}?" if near else ""
        raise UserError(f"no suite named {name!r} is installed{meant}; installed: {', '.join(sorted(suites))}")
    return {name: suites[name]}
