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

# With what a browser must not run, should it ever take the map for a part of the page.
SVG = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script><circle r="1"/></svg>'
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


def networked() -> pb.RunRecord:
    """A conformant campaign and a network that is whole: one link with published figures, a fault, an account."""
    record = conformant()
    record.suites.append("network")
    network = record.network
    network.scenario, network.title, network.map_svg = "duo", "Two sites and a relay", SVG
    network.ready_s, network.took_s, network.sites, network.processes, network.peak_rss_mib = 21.3, 94.0, 3, 11, 1523
    network.pairs = network.pairs_equal = 2
    network.keys_compared = 12_345
    link = network.links.add(
        system="link-1/acme",
        maker="acme",
        path=["link-1"],
        channel="C-37",
        state="running",
        intervals=40,
        observed_s=40,
    )
    link.table1_skr_bps, link.average_skr_bps, link.skr_deviation_percent = 52_500, 53_025, 1.0
    link.table1_qber, link.average_qber, link.qber_deviation_percent = 0.014, 0.0147, 5.0
    network.links.add(system="link-2/acme", maker="acme", path=["link-2", "link-3"], channel="O", state="degraded")
    account = network.accounts.add(link="kme-a--kme-b", balanced=True, lost_bits=512)
    for end in ("kme-a", "kme-b"):
        account.kmes.add(kme_id=end, received_bits=1000, in_stock_bits=500, delivered_bits=256, relay_bits=244)
    account.modules.add(module_id="a/acme-1", distilled_bits=1200, handed_over_bits=1000, in_store_bits=200)
    network.accounts_settled = True
    fault = network.faults.add(kind="relay kill -9", target="kme-b", applied=True, seen="started anew", balanced=True)
    fault.keys_compared, fault.lost_bits, fault.longest_gap_s = 321, 512, 2.5
    fault.again_s, fault.whole_s = 3.5, 6.25
    for name in ("ready", "keys.sae-a.sae-b", "account", "fault.relay-kill-9"):
        case = record.cases.add(
            id=f"network.{name}", suite="network", purpose="As it says.", verdict=pb.VERDICT_PASS, duration_s=1.5
        )
        case.selection = pb.SELECTION_SELECTED
        case.findings.add(held=True, grade=pb.GRADE_FAIL, expected="so", got="so", exchange=-1)
    summarise(record, trouble=False)
    return record


def broken_network() -> pb.RunRecord:
    """The same of a network on which everything went wrong that can."""
    record = networked()
    network = record.network
    network.ClearField("ready_s")
    network.pairs_equal, network.mismatches, network.accounts_settled = 1, 7, False
    network.missing.append("b/acme-1 is ALIGNING")
    link = network.links[0]
    link.average_skr_bps, link.skr_deviation_percent = 0.0, -100.0
    network.accounts[0].balanced = False
    network.accounts[0].problems.append("kme-a received 1000 bits and has booked 999")
    fault = network.faults[0]
    fault.keys_wrong, fault.noticed, fault.balanced = 3, False, False
    fault.ClearField("again_s")
    network.faults.add(kind="clock step", target="kme-a")
    for case in record.cases:
        if case.suite == "network":
            case.verdict, case.verdict_reason = pb.VERDICT_FAIL, "it is not so"
            case.findings[0].held, case.findings[0].got = False, "it is not so"
    summarise(record, trouble=False)
    return record


def network_alone() -> pb.RunRecord:
    """A network on trial without a campaign."""
    record = networked()
    kept = [case for case in record.cases if case.suite == "network"]
    for field in ("cases", "requirements", "target", "budget", "profile", "suites"):
        record.ClearField(field)
    record.cases.extend(kept)
    record.suites.append("network")
    record.target.name, record.target.role = "duo", "network"
    summarise(record, trouble=False)
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
    record.network.CopyFrom(broken_network().network)
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


ALL = (
    realistic, faulty, conformant, every_value, hostile, empty, nothing_ran, trouble, networked, broken_network,
    network_alone,
)  # fmt: skip
