"""``qkd-harness explain``: what an id in a report means."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.campaign.case import CaseSpec
    from harness.campaign.register import Requirement
    from harness.campaign.suite import Suite
    from harness.cli.catalogue import Specimen


@click.command()
@click.argument("name", metavar="ID")
@click.option(
    "--faults/--no-faults",
    default=True,
    show_default=True,
    help="Ask the installed collections.",
)
def explain(*, name: str, faults: bool) -> None:
    """Explain a requirement or a test case: text, clause, how it is weighed, what verifies it, what it catches."""
    from harness.campaign.case import CaseSpec
    from harness.cli.console import out, plain

    suite, found = find(name)
    if isinstance(found, CaseSpec):
        lines = [*_case(suite, found)]
        verified = found.verifies
    else:
        lines = [*_requirement(suite, found)]
        verified = (found.id,)
    if faults:
        lines += _faults(suite, verified)
    for line in lines:
        out().print(plain(line))


def find(name: str) -> tuple[Suite, CaseSpec | Requirement]:
    """The case or the requirement of this id; a binding behind ``@`` is left aside.

    Raises:
        UserError: there is none.
    """
    from harness.cli.exits import UserError
    from harness.cli.suites import suites_named
    from harness.document.problem import closest

    known: list[str] = []
    for suite in suites_named(None).values():
        register = suite.register()
        if name in register:
            return suite, register[name]
        for spec in suite.specs():
            if spec.id == name.partition("@")[0]:
                return suite, spec
        known += [*register, *(spec.id for spec in suite.specs())]
    near = closest(name, known)
    raise UserError(f"no requirement and no case {name!r}" + (f"; did you mean {near}?" if near else ""))


def _requirement(suite: Suite, entry: Requirement) -> Iterator[str]:
    from harness.campaign.register import Profile

    yield f"{entry.id}   clause {entry.clause}, {entry.strictness}, {entry.standing}, role {entry.role} ({suite.title})"
    yield from _wrapped(entry.text)
    yield "a deviation is: " + ", ".join(f"{entry.grade(profile)} in {profile}" for profile in Profile)
    if entry.why:
        yield from _wrapped(f"because: {entry.why}")
    cases = [spec for spec in suite.specs() if entry.id in spec.verifies]
    for spec in cases:
        yield f"verified by {spec.id}"
        yield from _wrapped(spec.purpose)
    if not cases:
        yield f"verified by no case: {entry.reason or 'and nothing says why (open)'}"


def _case(suite: Suite, spec: CaseSpec) -> Iterator[str]:
    yield f"{spec.id}   over {' and '.join(spec.bindings)} ({suite.title})"
    yield from _wrapped(spec.purpose)
    register = suite.register()
    for name in spec.verifies:
        entry = register.get(name)
        yield f"verifies {name}" + (
            f"   clause {entry.clause}, {entry.strictness}" if entry else "   NOT IN THE REGISTER"
        )
        if entry:
            yield from _wrapped(entry.text)
    if spec.needs:
        yield f"needs from the target: {', '.join(sorted(spec.needs))}"
    if spec.drains:
        yield "empties the key pool: runs only where draining is allowed"
    if spec.disturbs:
        yield "could disturb other users: runs only where disturbing is allowed"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 110, initial_indent="    ", subsequent_indent="    ")


def _faults(suite: Suite, verified: tuple[str, ...]) -> Iterator[str]:
    from harness.cli.exits import UserError
    from harness.cli.selfcheck import gather

    try:
        specimens = gather(suite)
    except UserError as wrong:
        yield f"faults: not known: {str(wrong).splitlines()[0]}"
        return
    for specimen in specimens:
        if _catches(specimen, verified):
            yield f"catches the fault {specimen.name}: {specimen.about}"


def _catches(specimen: Specimen, verified: tuple[str, ...]) -> bool:
    return specimen.faulty and bool(specimen.caught_by) and any(specimen.right(name) for name in verified)
