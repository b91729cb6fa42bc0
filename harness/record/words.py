"""The words of a run record: one name for each fact, the same in every report."""

from __future__ import annotations

from typing import Any

from qkd.run.v1 import run_record_pb2 as pb


def verdict(value: pb.Verdict.ValueType) -> str:
    """``pass``, ``inconclusive``, ``fail``, ``error``; ``none`` for a case that did not run."""
    return "none" if value == pb.VERDICT_UNSPECIFIED else _word(pb.Verdict, "VERDICT", value)


def selection(value: pb.Selection.ValueType) -> str:
    """``selected``, ``not applicable``, ``disabled``, ``not reached``."""
    return _word(pb.Selection, "SELECTION", value)


def grade(value: pb.Grade.ValueType) -> str:
    """``fail``, ``warning``, ``observation``."""
    return _word(pb.Grade, "GRADE", value)


def disposition(value: pb.Disposition.ValueType) -> str:
    """``expected``, ``unexpected``, ``stale``, ``flaky``; empty when there was no baseline."""
    return "" if value == pb.DISPOSITION_UNSPECIFIED else _word(pb.Disposition, "DISPOSITION", value)


def origin(value: pb.IcsOrigin.ValueType) -> str:
    """``claimed``, ``discovered``, ``assumed``."""
    return _word(pb.IcsOrigin, "ICS_ORIGIN", value)


def requirement_outcome(value: pb.RequirementOutcome.ValueType) -> str:
    """``met``, ``broken``, ``deviates``, ``inconclusive``, ``not run``, ``not applicable``, ``not testable``."""
    return _word(pb.RequirementOutcome, "REQUIREMENT_OUTCOME", value)


def outcome(value: pb.Outcome.ValueType) -> str:
    """``CONFORMANT``, ``NOT CONFORMANT``, ``INCONCLUSIVE``, ``HARNESS ERROR``; ``NO OUTCOME`` for half a record."""
    return "NO OUTCOME" if value == pb.OUTCOME_UNSPECIFIED else _word(pb.Outcome, "OUTCOME", value).upper()


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 case``, ``2 cases``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def _word(enum: Any, prefix: str, value: int) -> str:
    try:
        name: str = enum.Name(value)
    except ValueError:  # written by a later schema: enumerations are open
        return f"unknown ({value})"
    return name.removeprefix(prefix + "_").lower().replace("_", " ")
