"""What a result does not say: the sentences that keep a reader from taking more from it than was shown."""

from __future__ import annotations

from collections import Counter

from harness.record import network, views, words
from qkd.run.v1 import run_record_pb2 as pb


def coverage(record: pb.RunRecord) -> Counter[str]:
    """Requirements by outcome, in the words and the order of the contract; outcomes that none has are left out."""
    return Counter(words.requirement_outcome(value) for value in sorted(e.outcome for e in record.requirements))


def limits(record: pb.RunRecord) -> tuple[str, ...]:
    """Sentences about what is not covered or rests on somebody's word, the weightiest first."""
    return tuple(
        sentence
        for sentence in (
            _not_reached(record),
            _disabled(record),
            _untestable(record),
            _not_applicable(record),
            _statement(record),
            _bindings(record),
            _warnings(record),
            _identity(record),
            _network(record),
        )
        if sentence
    )


def _cases(record: pb.RunRecord, selection: pb.Selection.ValueType) -> list[views.NotRun]:
    return [group for group in views.not_run(record) if group.selection == selection]


def _not_reached(record: pb.RunRecord) -> str:
    number = sum(len(group.cases) for group in _cases(record, pb.SELECTION_NOT_REACHED))
    return f"{_cases_were(number)} meant to run and did not; what {_they(number)} at is unknown." if number else ""


def _disabled(record: pb.RunRecord) -> str:
    groups = _cases(record, pb.SELECTION_DISABLED)
    if not groups:
        return ""
    number = sum(len(group.cases) for group in groups)
    reasons = "; ".join(group.reason or "no reason given" for group in groups[:3])
    more = f"; and {words.count(len(groups) - 3, 'reason')} more" if len(groups) > 3 else ""
    return f"{_cases_were(number)} switched off; what {_they(number)} at is unknown ({reasons}{more})."


def _untestable(record: pb.RunRecord) -> str:
    found = coverage(record)
    parts = []
    if found["not testable"]:
        parts.append(f"{found['not testable']} cannot be tested from outside")
    if found["not run"]:
        parts.append(f"{found['not run']} had no case that came to judge {'it' if found['not run'] == 1 else 'them'}")
    if not parts:
        return ""
    return f"Of {words.count(len(record.requirements), 'requirement')}, {' and '.join(parts)}."


def _not_applicable(record: pb.RunRecord) -> str:
    number = sum(len(group.cases) for group in _cases(record, pb.SELECTION_NOT_APPLICABLE))
    if not number:
        return ""
    verb = "does" if number == 1 else "do"
    return f"{words.count(number, 'case')} {verb} not apply, going by the implementation conformance statement."


def _statement(record: pb.RunRecord) -> str:
    on_word = {pb.ICS_ORIGIN_CLAIMED: "the maker’s word", pb.ICS_ORIGIN_ASSUMED: "an assumption"}
    found = Counter(on_word[claim.origin] for claim in record.target.ics if claim.origin in on_word)
    if not found:
        return ""
    first, *more = (f"{number} {'rests' if number == 1 else 'rest'} on {text}" for text, number in found.items())
    whole = words.count(len(record.target.ics), "value")
    return f"Of the {whole} of the implementation conformance statement, {' and '.join([first, *more])}."


def _bindings(record: pb.RunRecord) -> str:
    used = sorted({case.binding for case in record.cases if views.ran(case) and case.binding})
    if not used:
        return ""
    return f"Only the binding {used[0]} was looked at." if len(used) == 1 else f"Bindings looked at: {', '.join(used)}."


def _warnings(record: pb.RunRecord) -> str:
    if not record.summary.warnings:
        return ""
    return (
        f"{words.count(record.summary.warnings, 'warning')}: no non-conformity in the profile “{record.profile}”, "
        "yet another maker’s equipment may stumble over it."
    )


def _identity(record: pb.RunRecord) -> str:
    if not record.target.name or network.alone(record):
        return ""
    return "Name, maker and version are as the target states them; the harness cannot check them."


def _network(record: pb.RunRecord) -> str:
    if not record.HasField("network"):
        return ""
    return (
        "The network is emulated: its modules follow published models, calibrated to what is published of each link; "
        "how real modules do elsewhere is not shown."
    )


def _cases_were(number: int) -> str:
    return f"{words.count(number, 'case')} {'was' if number == 1 else 'were'}"


def _they(number: int) -> str:
    return "it looks" if number == 1 else "they look"
