"""``qkd-harness coverage``: whether every requirement is verified by a case, or says why none does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.campaign.suite import Suite


@dataclass(frozen=True)
class Coverage:
    """How a register and the cases of a suite fit together.

    Attributes:
        cases: the ids of the cases that verify a requirement, by requirement id, in the order of the register.
        reasons: why no case does, by requirement id.
        unknown: cases that name a requirement which is not in the register: ``(case, requirement)``.
    """

    cases: dict[str, tuple[str, ...]]
    reasons: dict[str, str]
    unknown: tuple[tuple[str, str], ...]

    @property
    def tested(self) -> tuple[str, ...]:
        """Requirements that some case verifies."""
        return tuple(name for name, cases in self.cases.items() if cases)

    @property
    def reasoned(self) -> tuple[str, ...]:
        """Requirements that no case verifies, and that say why."""
        return tuple(name for name, cases in self.cases.items() if not cases and self.reasons[name])

    @property
    def open(self) -> tuple[str, ...]:
        """Requirements with neither."""
        return tuple(name for name, cases in self.cases.items() if not cases and not self.reasons[name])

    @property
    def holds(self) -> bool:
        """Nothing is open, and no case names what is not there."""
        return not self.open and not self.unknown


def coverage_of(suite: Suite) -> Coverage:
    """The coverage of one suite."""
    register, specs = suite.register(), suite.specs()
    cases = {name: tuple(spec.id for spec in specs if name in spec.verifies) for name in register}
    unknown = tuple((spec.id, name) for spec in specs for name in spec.verifies if name not in register)
    return Coverage(cases, {name: entry.reason for name, entry in register.items()}, unknown)


@click.command()
@click.option("--suite", "suite_name", metavar="NAME", help="Only this suite.")
@click.option("--json", "as_json", is_flag=True, help="Counts as one JSON object on stdout.")
def coverage(*, suite_name: str | None, as_json: bool) -> int:
    """Say which requirements the cases verify. Exit code 1 when one is open: no case, and no reason why.

    A case that names a requirement which is not in the register makes it fail too.
    """
    from harness.cli.console import print_json
    from harness.cli.suites import suites_named

    found = {name: coverage_of(suite) for name, suite in suites_named(suite_name).items()}
    if as_json:
        print_json({name: _counts(one) for name, one in found.items()})
    for name, one in found.items():
        _tell(name, one, as_json=as_json)
    return 0 if all(one.holds for one in found.values()) else 1


def _counts(found: Coverage) -> dict[str, int]:
    return {
        "requirements": len(found.cases),
        "tested": len(found.tested),
        "reasoned": len(found.reasoned),
        "open": len(found.open),
    }


def _tell(suite: str, found: Coverage, *, as_json: bool) -> None:
    from harness.cli.console import err, out, plain

    console = err() if as_json else out()
    width = max((len(requirement) for requirement in found.cases), default=0)
    for requirement, cases in () if as_json else found.cases.items():
        if cases:
            console.print(plain(f"tested    {requirement:<{width}}  {', '.join(cases)}"))
        elif found.reasons[requirement]:
            console.print(plain(f"reasoned  {requirement:<{width}}  {found.reasons[requirement]}"))
    wrong = [f"OPEN      {name:<{width}}  no case verifies it, and nothing says why" for name in found.open]
    wrong += [f"UNKNOWN   {name}  is named by {case} and not in the register" for case, name in found.unknown]
    for line in wrong:
        console.print(plain(line), style="bold red")
    counts = _counts(found)
    text = ", ".join(f"{counts[word]} {word}" for word in ("tested", "reasoned", "open"))
    console.print(plain(f"{suite}: {counts['requirements']} requirements: {text}"))
