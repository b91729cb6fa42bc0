"""Questions that every reader of a run record asks. Pure functions: a record goes in, nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.record import words
from qkd.run.v1 import run_record_pb2 as pb

# Exit codes of the command line; 2 is the user's input and never comes from a record.
CONFORMANT, NOT_SHOWN, HARNESS_ERROR = 0, 1, 3
# The suite whose cases are about the network that was raised, not about an implementation.
NETWORK = "network"


@dataclass(frozen=True)
class Deviation:
    """One judgement that did not hold, with what is needed to read it.

    ``requirement`` holds nothing but its id when the record does not describe it. ``finding`` has the id "" when a
    case failed without saying against what; its ``got`` then is the reason of the verdict.
    """

    case: pb.Case
    finding: pb.Finding
    requirement: pb.Requirement

    @property
    def exchange(self) -> pb.Exchange | None:
        """The exchange that decided, if one did."""
        index = self.finding.exchange
        return self.case.exchanges[index] if 0 <= index < len(self.case.exchanges) else None


@dataclass(frozen=True)
class Group:
    """All deviations from one requirement, in the order seen."""

    requirement: pb.Requirement
    deviations: tuple[Deviation, ...]

    @property
    def by_case(self) -> tuple[tuple[pb.Case, tuple[Deviation, ...]], ...]:
        """The deviations under the case that saw them."""
        cases: dict[tuple[str, str], list[Deviation]] = {}
        for deviation in self.deviations:
            cases.setdefault((deviation.case.suite, deviation.case.id), []).append(deviation)
        return tuple((members[0].case, tuple(members)) for members in cases.values())


@dataclass(frozen=True)
class NotRun:
    """Cases that did not run for the same reason. ``selection`` is never "selected"."""

    selection: pb.Selection.ValueType
    reason: str
    cases: tuple[pb.Case, ...]


@dataclass(frozen=True)
class Seen:
    """What was seen, in the same words, by some cases."""

    held: bool
    expected: str
    got: str
    cases: tuple[pb.Case, ...]


@dataclass(frozen=True)
class OpenPoint:
    """A requirement that the text of the standard does not settle, and how this implementation behaves there."""

    requirement: pb.Requirement
    seen: tuple[Seen, ...]


@dataclass(frozen=True)
class Remark:
    """Free text that a case noted on the way."""

    case: pb.Case
    text: str


def exit_code(record: pb.RunRecord) -> int:
    """0 conformant, 1 a non-conformity or nothing decided, 3 the harness failed or never came to an outcome."""
    match record.summary.outcome:
        case pb.OUTCOME_CONFORMANT:
            return CONFORMANT
        case pb.OUTCOME_NOT_CONFORMANT | pb.OUTCOME_INCONCLUSIVE:
            return NOT_SHOWN
        case _:
            return HARNESS_ERROR


def ran(case: pb.Case) -> bool:
    """Whether the case came to a verdict."""
    return case.verdict != pb.VERDICT_UNSPECIFIED


def failures(record: pb.RunRecord) -> tuple[Deviation, ...]:
    """Everything graded fail that did not hold, and every failed case, in the order of the record."""
    found: list[Deviation] = []
    for case in record.cases:
        mine = [finding for finding in case.findings if not finding.held and finding.grade == pb.GRADE_FAIL]
        if not mine and case.verdict == pb.VERDICT_FAIL:
            mine = [pb.Finding(got=case.verdict_reason, grade=pb.GRADE_FAIL, exchange=-1)]
        found.extend(_deviations(record, case, mine))
    return tuple(found)


def warnings(record: pb.RunRecord) -> tuple[Deviation, ...]:
    """Everything graded warning that did not hold."""
    return _not_held(record, pb.GRADE_WARNING)


def observations(record: pb.RunRecord) -> tuple[Deviation, ...]:
    """Everything graded observation that did not hold."""
    return _not_held(record, pb.GRADE_OBSERVATION)


def by_requirement(deviations: Iterable[Deviation]) -> tuple[Group, ...]:
    """Deviations gathered under their requirement, the one seen first leading."""
    groups: dict[tuple[str, str], list[Deviation]] = {}
    for deviation in deviations:
        groups.setdefault((deviation.requirement.suite, deviation.requirement.id), []).append(deviation)
    return tuple(Group(members[0].requirement, tuple(members)) for members in groups.values())


def undecided(record: pb.RunRecord) -> tuple[pb.Case, ...]:
    """Cases that ran and cannot say: inconclusive, or the harness's own fault."""
    return tuple(c for c in record.cases if c.verdict in {pb.VERDICT_INCONCLUSIVE, pb.VERDICT_ERROR})


def not_run(record: pb.RunRecord) -> tuple[NotRun, ...]:
    """Cases without a verdict by selection and reason; those that were meant to run come first."""
    groups: dict[tuple[pb.Selection.ValueType, str], list[pb.Case]] = {}
    for case in record.cases:
        if not ran(case):
            groups.setdefault((_why(case), case.selection_reason), []).append(case)
    order = [pb.SELECTION_NOT_REACHED, pb.SELECTION_DISABLED, pb.SELECTION_NOT_APPLICABLE]
    ranked = sorted(groups.items(), key=lambda entry: order.index(entry[0][0]))
    return tuple(NotRun(selection, reason, tuple(cases)) for (selection, reason), cases in ranked)


def open_points(record: pb.RunRecord) -> tuple[OpenPoint, ...]:
    """How the implementation behaves where the standard leaves room, whether or not it does as we read it.

    These are the requirements that the text does not settle, and those that it leaves to the maker (*may*).
    """
    by_key: dict[tuple[str, str], dict[tuple[bool, str, str], list[pb.Case]]] = {}
    for case in record.cases:
        for finding in case.findings:
            seen = by_key.setdefault((case.suite, finding.requirement_id), {})
            cases = seen.setdefault((finding.held, finding.expected, finding.got), [])
            if not cases or cases[-1].id != case.id:
                cases.append(case)
    points = []
    known = requirement_of(record)
    for key in dict.fromkeys([*known, *by_key]):
        requirement = known.get(key) or pb.Requirement(suite=key[0], id=key[1])
        if key in by_key and (requirement.standing != "confirmed" or requirement.strictness == "may"):
            seen_here = tuple(Seen(*what, tuple(cases)) for what, cases in by_key[key].items())
            points.append(OpenPoint(requirement, seen_here))
    return tuple(points)


def remarks(record: pb.RunRecord) -> tuple[Remark, ...]:
    """What cases noted without judging."""
    return tuple(Remark(case, text) for case in record.cases for text in case.observations)


def tally(record: pb.RunRecord) -> str:
    """The numbers in one line: ``118 of 121 cases ran: 116 pass, 1 fail, 1 warning; 3 not run (3 disabled)``."""
    summary = record.summary
    judged = [(summary.passed, "pass"), (summary.failed, "fail"), (summary.inconclusive, "inconclusive"),
              (summary.errors, "error")]  # fmt: skip
    counts = [f"{number} {word}" for number, word in judged if number or word in {"pass", "fail"}]
    if summary.warnings:
        counts.append(words.count(summary.warnings, "warning"))
    line = f"{summary.ran} of {words.count(len(record.cases), 'case')} ran: {', '.join(counts)}"
    groups = not_run(record)
    if not groups:
        return line
    missing = sum(len(group.cases) for group in groups)
    return f"{line}; {missing} not run ({', '.join(_grouped(groups))})"


def meaning(record: pb.RunRecord) -> str:
    """One sentence that says what the outcome means to somebody who has not read the rest."""
    summary = record.summary
    match summary.outcome:
        case pb.OUTCOME_CONFORMANT:
            kept = f"All {words.count(summary.passed, 'test case')} that {_were(summary.passed)} selected"
            weighed = f", weighed by the profile “{record.profile}”" if record.profile else ""
            return f"{kept} passed{weighed}."
        case pb.OUTCOME_NOT_CONFORMANT:
            return _broken(record)
        case pb.OUTCOME_INCONCLUSIVE:
            if not summary.ran:
                return "No test case ran, so nothing is shown about the implementation."
            gaps = [(summary.inconclusive, "could not decide"), (summary.not_reached, "did not get to run")]
            why = " and ".join(f"{words.count(number, 'case')} {text}" for number, text in gaps if number)
            return f"Nothing broken was seen, but {why or 'no case passed'}: conformance is not shown."
        case pb.OUTCOME_HARNESS_ERROR:
            where = f"in {words.count(summary.errors, 'case')}" if summary.errors else "outside of any case"
            also = f" {words.count(summary.failed, 'case')} failed all the same." if summary.failed else ""
            return f"The harness itself failed {where}, so there is no verdict about the implementation.{also}"
        case _:
            return "The campaign never came to an outcome, so nothing is shown about the implementation."


def _broken(record: pb.RunRecord) -> str:
    broken = len({(it.requirement.suite, it.requirement.id) for it in failures(record) if it.case.suite != NETWORK})
    amiss = sum(case.suite == NETWORK and case.verdict == pb.VERDICT_FAIL for case in record.cases)
    seen = record.summary.failed - amiss
    told = []
    if seen or not amiss:
        where = f"{seen} of the {words.count(record.summary.ran, 'test case')} that ran"
        told.append(f"{words.count(broken, 'requirement')} {_is(broken)} broken, seen in {where}.")
    if amiss:
        name = record.network.scenario or "that was raised"
        told.append(f"The network {name} is not whole: {words.count(amiss, 'case')} failed.")
    return " ".join(told)


def sentence(case: pb.Case) -> str:
    """What became of a case and why, in one sentence without a full stop."""
    if not ran(case):
        state, reason = words.selection(_why(case)), case.selection_reason
    else:
        # a case that the budget cut short has both
        state = words.verdict(case.verdict)
        reason = "; cut short: ".join(text for text in (case.verdict_reason, case.selection_reason) if text)
    return f"{state}: {reason}" if reason else state


def requirement_of(record: pb.RunRecord) -> dict[tuple[str, str], pb.Requirement]:
    """Requirements by suite and id."""
    return {(requirement.suite, requirement.id): requirement for requirement in record.requirements}


def _not_held(record: pb.RunRecord, grade: pb.Grade.ValueType) -> tuple[Deviation, ...]:
    found: list[Deviation] = []
    for case in record.cases:
        mine = [finding for finding in case.findings if not finding.held and finding.grade == grade]
        found.extend(_deviations(record, case, mine))
    return tuple(found)


def _deviations(record: pb.RunRecord, case: pb.Case, findings: Iterable[pb.Finding]) -> Iterator[Deviation]:
    known: dict[tuple[str, str], pb.Requirement] | None = None
    for finding in findings:
        known = requirement_of(record) if known is None else known
        bare = pb.Requirement(id=finding.requirement_id, suite=case.suite)
        yield Deviation(case, finding, known.get((case.suite, finding.requirement_id), bare))


def _why(case: pb.Case) -> pb.Selection.ValueType:
    # Without a verdict, anything but a decision against running means that it was meant to run.
    decided = {pb.SELECTION_NOT_APPLICABLE, pb.SELECTION_DISABLED}
    return case.selection if case.selection in decided else pb.SELECTION_NOT_REACHED


def _grouped(groups: tuple[NotRun, ...]) -> list[str]:
    counts: dict[str, int] = {}
    for group in groups:
        word = words.selection(group.selection)
        counts[word] = counts.get(word, 0) + len(group.cases)
    only = groups[0].reason if len(groups) == 1 else ""
    return [f"{number} {word}{': ' + only if only else ''}" for word, number in counts.items()]


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
