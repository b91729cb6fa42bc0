"""What a user sees while a campaign runs: a bar on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import TYPE_CHECKING, Self

from harness.campaign.check import Verdict
from harness.campaign.events import CaseFinished, CaseStarted, Event, Planned, SuiteFinished, Surveyed, Waiting
from harness.campaign.plan import Plan, Selection
from harness.cli.console import err, plain

if TYPE_CHECKING:
    from rich.progress import TaskID

_EVERY = 25  # cases between two plain lines
_STYLE = {Verdict.FAIL: "bold red", Verdict.ERROR: "bold magenta", Verdict.INCONCLUSIVE: "yellow"}


class Progress:
    """A listener that shows how far a campaign is. ``quiet``: only the plan is told (something else prints)."""

    def __init__(self, *, quiet: bool = False) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        self._console = err()
        self._quiet = quiet
        self._live = self._console.is_terminal and not quiet
        columns = (
            TextColumn("{task.description}"),
            BarColumn(24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[at]}"),
        )
        self._bar = Bar(*columns, console=self._console, transient=True)
        self._task: TaskID | None = None
        self._drawn = self._count = self._total = 0

    def __enter__(self) -> Self:
        if self._live:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case Surveyed():
                for note in event.notes:
                    self._say(f"note: {note}")
            case Planned():
                self._planned(event)
            case CaseStarted():
                if self._task is not None:
                    at = f"{event.case.id}  ({self._drawn} keys drawn)"
                    self._bar.update(self._task, completed=event.position - 1, at=plain(at))
            case Waiting():
                self._say(f"waiting (at most {event.bound_s:.0f} s): {event.text}")
            case CaseFinished():
                self._finished(event)
            case SuiteFinished():
                if self._task is not None:
                    self._bar.remove_task(self._task)
                    self._task = None

    def _planned(self, event: Planned) -> None:
        self._say(stated(event.suite, event.plan))
        self._total, self._count = len(event.plan.selected), 0
        if self._live:
            self._task = self._bar.add_task(event.suite, total=self._total, at="")

    def _finished(self, event: CaseFinished) -> None:
        self._drawn += event.keys_drawn
        self._count += 1
        if self._quiet:
            return
        if event.verdict in _STYLE:
            self._say(f"{event.verdict.name:<12} {event.case.id}: {event.reason}", _STYLE[event.verdict])
        if not self._live and (self._count % _EVERY == 0 or self._count == self._total):
            self._say(f"{self._count} of {self._total} cases run, {self._drawn} keys drawn")

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(plain(text), style=style or None)


def stated(suite: str, plan: Plan) -> str:
    """What a campaign is going to do, said before the first key is drawn."""
    budget = "no budget was given" if plan.key_budget is None else f"budget {plan.key_budget}"
    risk = f", at most {plan.draws + plan.at_risk} if it hands out keys that it should refuse" if plan.at_risk else ""
    text = f"{suite}: {len(plan.selected)} cases; will draw {plan.draws} keys{risk} ({budget})"
    reasons = Counter(entry.reason for entry in plan.cases if entry.selection is not Selection.SELECTED)
    left_out = sum(reasons.values())
    if left_out:
        text += f"; {left_out} will not run: "
        text += "; ".join(f"{count} × {reason}" for reason, count in reasons.most_common())
    return text
