"""From a run record to the page: what the templates need beyond the record itself."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.record import limits, network, transcript, values, views, visible, words
from qkd.run.v1 import run_record_pb2 as pb
from reports.html import kinds, raised
from reports.html.evidence import anchor, shown_cases

# Characters at which a body, and any other text of the record, is cut; the record itself has the whole.
BODY_LIMIT, TEXT_LIMIT = 4000, 1000


@dataclass(frozen=True)
class Segment:
    """A part of the bar that shows what became of all cases; ``x`` and ``width`` are percentages of the bar."""

    word: str
    number: int
    kind: str
    x: float
    width: float


@dataclass(frozen=True)
class Filter:
    """A word by which the rows of a table can be narrowed, and how many rows have it."""

    word: str
    kind: str
    number: int


def render(record: pb.RunRecord) -> str:
    """The whole page. Every text of the record is escaped and its deceptive characters are made visible."""
    style, script = _asset("style.css"), _asset("filter.js")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            record=record,
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            policy=_policy(style, script, images="data:" if record.network.map_svg else "'none'"),
            **_context(record),
        )
    )


def _context(record: pb.RunRecord) -> dict[str, Any]:
    evidence = shown_cases(record)
    return {
        "outcome": words.outcome(record.summary.outcome),
        "outcome_kind": kinds.outcome(record.summary.outcome),
        "meaning": views.meaning(record),
        "limits": limits.limits(record),
        "segments": segments(record),
        "coverage": tuple(limits.coverage(record).items()),
        "failures": views.by_requirement(views.failures(record)),
        "warnings": views.by_requirement(views.warnings(record)),
        "undecided": views.undecided(record),
        "open_points": views.open_points(record),
        "remarks": views.remarks(record),
        "not_run": views.not_run(record),
        "requirement_filters": _filters(
            [(words.requirement_outcome(e.outcome), kinds.requirement(e)) for e in record.requirements]
        ),
        "case_filters": _filters([(entry.state, entry.kind) for entry in evidence]),
        "evidence": evidence,
        "shown": {entry.anchor: entry for entry in evidence},
        "known_requirements": {anchor("req", entry.suite, entry.id) for entry in record.requirements},
        "by_id": {entry.case.id: entry for entry in evidence},
        "baseline_used": bool(record.baseline_findings) or any(case.disposition for case in record.cases),
        "ixit": values.leaves(record.target.ixit),
        "facts": _facts(record),
        "makers": _makers(record),
        **raised.context(record),
    }


def segments(record: pb.RunRecord) -> tuple[Segment, ...]:
    """All cases by what became of them, the worst first; together the segments fill the bar."""
    counts: dict[tuple[str, str], int] = {}
    for case in record.cases:
        key = (kinds.state(case), kinds.case(case))
        counts[key] = counts.get(key, 0) + 1
    ranked = sorted(counts.items(), key=lambda entry: _ORDER.index(entry[0][0]) if entry[0][0] in _ORDER else 0)
    # one failure among two thousand cases has to be seen
    widths = [max(1.2, 100 * number / len(record.cases)) for _, number in ranked]
    made, x = [], 0.0
    for ((word, kind), number), width in zip(ranked, widths, strict=True):
        share = 100 * width / sum(widths)
        made.append(Segment(word, number, kind, round(x, 3), round(share, 3)))
        x += share
    return tuple(made)


_ORDER = ("fail", "error", "inconclusive", "not reached", "pass", "disabled", "not applicable")


def _filters(rows: list[tuple[str, str]]) -> tuple[Filter, ...]:
    # one look a word: "deviates" has two
    looks = dict(reversed(rows))
    numbers = Counter(word for word, _ in rows)
    return tuple(Filter(word, looks[word], number) for word, number in numbers.items())


def _facts(record: pb.RunRecord) -> tuple[tuple[str, str], ...]:
    target = record.target
    rows = [
        ("Implementation", " ".join(text for text in (target.name, target.version) if text)),
        ("Maker", target.vendor),
        ("Role", target.role.upper() if target.role == "kme" else target.role),
        ("Variant", target.variant),
        ("Reached by", _HOSTING.get(target.hosting, target.hosting)),
        ("Suites", ", ".join(record.suites)),
        ("Profile", record.profile),
        ("Started", _when(record, "started")),
        ("Took", seconds(record.summary.duration_s) if record.summary.duration_s else ""),
    ]
    return tuple(row for row in rows if row[1])


_HOSTING = {
    "attach": "attach (it was already running)",
    "process": "process (the harness launched it)",
    "in-process": "in-process (inside the harness; tests only)",
}


def _makers(record: pb.RunRecord) -> tuple[tuple[str, str], ...]:
    harness, target = record.harness, record.target
    rows = [
        ("Run", record.run_id),
        ("Started", _when(record, "started")),
        ("Finished", _when(record, "finished")),
        ("Harness", harness.version),
        ("Python", harness.python),
        ("Platform", harness.platform),
        ("Tests and register (SHA-256)", harness.suite_digest),
        ("Target file (SHA-256)", target.target_file_digest),
        ("Launched file (SHA-256)", target.launch_digest),
        *((f"Library {name}", version) for name, version in sorted(harness.libraries.items())),
    ]
    return tuple(row for row in rows if row[1])


def _when(record: pb.RunRecord, field: Literal["started", "finished"]) -> str:
    return f"{getattr(record, field).ToDatetime():%Y-%m-%d %H:%M:%S} UTC" if record.HasField(field) else ""


def number(value: int) -> str:
    """``1 234 567``, with spaces that do not break."""
    return f"{value:,}".replace(",", "\u00a0")


def seconds(duration: float) -> str:
    """``4 ms``, ``14.2 s``, ``3 min 20 s``."""
    if duration < 1:
        return f"{duration * 1000:.0f} ms"
    if duration < 120:
        return f"{duration:.1f} s"
    return f"{duration // 60:.0f} min {duration % 60:.0f} s"


@cache
def _asset(name: str) -> str:
    return files("reports.html").joinpath("templates", name).read_text(encoding="utf-8")


def _policy(style: str, script: str, *, images: str) -> str:
    """A content security policy under which the page's own style, script and map work and nothing else does."""
    rest = "base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; img-src {images}; style-src {_hash(style)}; script-src {_hash(script)}; {rest}"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _shown(value: object) -> object:
    """Jinja's last step before escaping: whatever text a template prints passes here."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible.cut(visible.visible(value), TEXT_LIMIT)
    return value


def _body(text: str) -> Markup:
    return escape(visible.cut(visible.visible(text), BODY_LIMIT))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports.html"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "anchor": anchor,
        "body_text": _body,
        "words": words,
        "kinds": kinds,
        "sent": transcript.sent,
        "received": transcript.received,
        "claim_text": values.text_of,
        "seconds": seconds,
        "number": number,
        "far_off": network.FAR_OFF_PERCENT,
        "sentence": views.sentence,
        "claimed": pb.ICS_ORIGIN_CLAIMED,
    }
    return environment
