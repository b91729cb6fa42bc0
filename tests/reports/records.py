"""Run records made up for tests: a believable one, one with every value of every enumeration, hostile, huge, empty."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from harness.campaign.recorder import requirement_outcome, summarise
from harness.record import load
from qkd.run.v1 import run_record_pb2 as pb

Make = Callable[[], pb.RunRecord]

HOSTILE = (
    "<script>alert(1)</script>",
    "]]> <!-- --> &amp; &#0; \" ' ` {{ 7*7 }} {% raw %}",
    "\x00\x01\x08\x0b\x1b[31mred\x1b[0m\x7f\x85\x9f\ufffe\uffff\ufeff",
    "javascript:alert(1)//\u202egnp.exe\u202c \u2066inner\u2069 \u200b",
    "مفتاح שלום 鍵 🔑👩‍🚀 ñ é",
    "x" * 30_000,
    "two\r\nlines\ttab\rreturn",
    "</style></title></pre></details><img src=https://evil.example/x onerror=alert(1)>",
)

BELIEVABLE = Path(__file__).with_name("believable.json")


def faulty() -> pb.RunRecord:
    """A believable campaign with something of everything, a fault of the harness among it."""
    record = load(BELIEVABLE)
    finish(record)
    return record


def realistic() -> pb.RunRecord:
    """The same without the fault of the harness: not conformant."""
    record = load(BELIEVABLE)
    keep(record, lambda case: case.verdict != pb.VERDICT_ERROR)
    return record


def keep(record: pb.RunRecord, wanted: Callable[[pb.Case], bool]) -> None:
    """Leave only the wanted cases, and work out the rest anew."""
    kept = [case for case in record.cases if wanted(case)]
    del record.cases[:]
    record.cases.extend(kept)
    finish(record)


def finish(record: pb.RunRecord, *, trouble: bool = False) -> None:
    """Work out the requirements' outcomes and the summary as a campaign does."""
    for entry in record.requirements:
        cases = [case for case in record.cases if entry.id in case.requirement_ids]
        entry.case_ids[:] = [case.id for case in cases]
        outcome: Any = requirement_outcome(entry.id, cases, testable=not entry.reason)
        entry.outcome = outcome
    summarise(record, trouble=trouble)
    record.summary.duration_s = 14.2


def conformant() -> pb.RunRecord:
    """Everything passes and is selected."""
    record = realistic()
    keep(record, lambda case: case.verdict == pb.VERDICT_PASS and all(f.held for f in case.findings))
    del record.baseline_findings[:]
    return record


def every_value() -> pb.RunRecord:
    """Every value of every enumeration, combined freely (also as no campaign would)."""
    record = pb.RunRecord(schema="qkd.run.v1", suites=["etsi014", "second"], profile="strict")
    enums = (pb.Selection, pb.Verdict, pb.Grade, pb.Disposition)
    for number, values in enumerate(itertools.product(*(enum.values() for enum in enums))):
        selection, verdict, grade, disposition = values
        case = record.cases.add(
            id=f"e.every.c{number}",
            suite="etsi014",
            binding="https",
            purpose=f"Case {number}.",
            selection=selection,
            verdict=verdict,
            disposition=disposition,
        )
        case.findings.add(requirement_id="R1", held=bool(number % 2), grade=grade, expected="a", got="b", exchange=5)
    for number, outcome in enumerate(pb.RequirementOutcome.values()):
        record.requirements.add(
            id=f"R{number}",
            suite="etsi014",
            clause="1",
            strictness="shall",
            standing="open",
            outcome=outcome,
            grade=pb.GRADE_FAIL,
            text="text",
        )
    for number, origin in enumerate(pb.IcsOrigin.values()):
        record.target.ics.add(suite="etsi014", name=f"claim{number}", origin=origin)
    for disposition in pb.Disposition.values():
        record.baseline_findings.add(case_id="e.every.c1", disposition=disposition, text="text")
    summarise(record, trouble=False)
    return record


def hostile() -> pb.RunRecord:
    """The believable record with every text replaced in turn by something that breaks careless writers."""
    record = realistic()
    texts = itertools.cycle(HOSTILE)
    _poison(record, texts)
    record.schema = "qkd.run.v1"
    for number, case in enumerate(record.cases):  # ids stay unique, as they are in a record
        case.id += f".{number}"
    for number, entry in enumerate(record.requirements):
        entry.id += f".{number}"
    return record


def _poison(message: Message, texts: Iterator[str]) -> None:
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name["value"].type == field.TYPE_STRING:
                for key in list(value):
                    value[key] = next(texts)
                value[next(texts)] = next(texts)
        elif field.type == field.TYPE_MESSAGE:
            for entry in value if field.is_repeated else [value]:
                if entry.DESCRIPTOR.full_name != "google.protobuf.Timestamp":
                    _poison(entry, texts)
        elif field.type == field.TYPE_STRING and field.is_repeated:
            value[:] = [next(texts) for _ in value]
        elif field.type == field.TYPE_STRING and field.name not in {"suite", "requirement_id"}:
            setattr(message, field.name, next(texts))


def huge(number: int = 2000) -> pb.RunRecord:
    """``number`` cases with five exchanges each, and a requirement for every tenth."""
    record = realistic()
    shapes = list(record.cases)
    del record.cases[:]
    for index in range(number):
        case = record.cases.add()
        case.CopyFrom(shapes[index % len(shapes)])
        case.id = f"014.area{index % 40}.case-{index}"
        case.requirement_ids[:] = [f"R{index // 10}"]
        for finding in case.findings:
            finding.requirement_id = f"R{index // 10}"
        if case.exchanges:
            first = case.exchanges[0]
            case.exchanges.extend([first] * (5 - len(case.exchanges)))
    del record.requirements[:]
    for index in range(number // 10):
        record.requirements.add(
            id=f"R{index}",
            suite="etsi014",
            clause="5.1",
            strictness="shall",
            standing="confirmed",
            text=f"does as number {index} says",
            grade=pb.GRADE_FAIL,
        )
    finish(record)
    return record


def empty() -> pb.RunRecord:
    """A record in which nothing was filled."""
    return pb.RunRecord(schema="qkd.run.v1")


def nothing_ran() -> pb.RunRecord:
    """A campaign whose selection named no case."""
    record = realistic()
    for case in record.cases:
        case.selection, case.selection_reason = pb.SELECTION_DISABLED, "not named by --select"
        case.verdict = pb.VERDICT_UNSPECIFIED
        del case.findings[:], case.exchanges[:]
        case.verdict_reason = ""
    finish(record)
    return record


def trouble() -> pb.RunRecord:
    """Every case passed, yet the harness failed outside of them."""
    record = conformant()
    record.notes.append("harness error in etsi014: OSError: no space left on device")
    finish(record, trouble=True)
    return record


ALL = (realistic, faulty, conformant, every_value, hostile, empty, nothing_ran, trouble)
