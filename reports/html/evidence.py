"""What the page shows of the evidence of a case. The run record has all of it; a page has to stay readable."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from harness.record import views
from qkd.run.v1 import run_record_pb2 as pb
from reports.html import kinds

# Exchanges shown for a case that passed, and for any other; those that decided a finding are always shown.
PASSED_LIMIT, OTHER_LIMIT = 8, 40


@dataclass(frozen=True)
class ShownExchange:
    """An exchange with its number in the case, counted from 1."""

    number: int
    exchange: pb.Exchange


@dataclass(frozen=True)
class ShownCase:
    """A case as the page shows it.

    ``anchor`` is unique on the page. ``state`` is one word with the look ``kind``. ``warnings`` counts the findings
    below a failure that did not hold. ``has_evidence``: there is something to show, be it of a case that was cut short.
    ``left_out`` counts exchanges that only the run record has.
    """

    case: pb.Case
    anchor: str
    state: str
    kind: str
    ran: bool
    has_evidence: bool
    warnings: int
    exchanges: tuple[ShownExchange, ...]
    left_out: int


def shown_cases(record: pb.RunRecord) -> tuple[ShownCase, ...]:
    """All cases in the order of the record."""
    return tuple(_shown(case) for case in record.cases)


def anchor(kind: str, suite: str, name: str) -> str:
    """A fragment id: only letters, digits, ``.`` and ``-``, different for different names."""
    return f"{kind}-{_plain(suite)}-{_plain(name)}"


def _plain(name: str) -> str:
    # "_" introduces an escape, so that two names never share an anchor
    if len(name) > 200:
        return hashlib.sha256(name.encode(errors="replace")).hexdigest()
    return re.sub(r"[^A-Za-z0-9.-]", lambda found: f"_{ord(found[0]):x}_", name)


def _shown(case: pb.Case) -> ShownCase:
    deciding = {finding.exchange for finding in case.findings if not finding.held or len(case.findings) == 1}
    limit = PASSED_LIMIT if case.verdict == pb.VERDICT_PASS else OTHER_LIMIT
    kept = [
        ShownExchange(index + 1, exchange)
        for index, exchange in enumerate(case.exchanges)
        if index < limit or index in deciding
    ]
    return ShownCase(
        case=case,
        anchor=anchor("case", case.suite, case.id),
        state=kinds.state(case),
        kind=kinds.case(case),
        ran=views.ran(case),
        has_evidence=views.ran(case) or bool(case.findings or case.exchanges or case.observations),
        warnings=sum(not finding.held and finding.grade == pb.GRADE_WARNING for finding in case.findings),
        exchanges=tuple(kept),
        left_out=len(case.exchanges) - len(kept),
    )
