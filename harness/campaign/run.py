"""One campaign from a reached implementation to a run record."""

from __future__ import annotations

import hashlib
import platform
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.campaign.campaign import Campaign, Options
from harness.campaign.events import Event, Listener, SuiteFinished, Surveyed
from harness.campaign.ics import IcsValue
from harness.campaign.plan import Allowance
from harness.campaign.recorder import Recorder
from harness.campaign.suite import Suite
from harness.wire.evidence import EvidenceLog
from harness.wire.purse import Purse
from qkd.run.v1 import run_record_pb2 as pb

_LIBRARIES = ("cryptography", "grpcio", "hypothesis", "numpy", "protobuf", "pytest")


@dataclass(frozen=True)
class Subject:
    """What is tested and how it is allowed to be tested.

    ``claims`` holds the ICS claims by suite. ``replay`` is the command that runs the campaign again, without
    ``--select``.
    """

    target: pb.Target
    claims: Mapping[str, Mapping[str, IcsValue]] = field(default_factory=dict)
    allowance: Allowance = field(default_factory=Allowance)
    replay: str = ""


def run_campaign(
    subject: Subject,
    reached: Any,
    suites: Sequence[Suite],
    options: Options,
    listeners: Sequence[Listener] = (),
) -> pb.RunRecord:
    """Survey, plan and run ``suites`` on ``reached``, which is what their `Suite.bench` gives.

    Ctrl-C ends it early, with what had run by then in the record.

    Raises:
        SuiteUnreachable: the implementation does not answer well enough to start.
    """
    record = pb.RunRecord(schema="qkd.run.v1", run_id=str(uuid.uuid4()), profile=options.profile)
    record.started.FromDatetime(datetime.now(UTC))
    record.target.CopyFrom(subject.target)
    _fill_harness(record.harness, suites)
    recorder = Recorder(record, options.profile, subject.replay)
    record.replay = subject.replay
    everyone: tuple[Listener, ...] = (recorder, *listeners)

    def emit(event: Event) -> None:
        for listener in everyone:
            listener(event)

    trouble = False
    for suite in suites:
        try:
            trouble |= _run_suite(suite, subject, reached, options, emit)
        except KeyboardInterrupt:
            record.notes.append("interrupted: what had not run by then is not reached")
            break
    recorder.close(trouble=trouble)
    record.finished.FromDatetime(datetime.now(UTC))
    record.summary.duration_s = (record.finished.ToNanoseconds() - record.started.ToNanoseconds()) / 1e9
    return record


def _run_suite(suite: Suite, subject: Subject, reached: Any, options: Options, emit: Listener) -> bool:
    evidence = EvidenceLog(Purse(subject.allowance.key_budget))
    survey = suite.survey(reached, subject.claims.get(suite.name, {}), options, evidence)
    register = suite.register()
    emit(Surveyed(suite.name, register, survey.ics, survey.notes))
    allowance = Allowance(
        subject.allowance.facilities | survey.facilities,
        subject.allowance.key_budget,
        subject.allowance.draining,
        subject.allowance.disturbing,
    )
    campaign = Campaign(suite.name, register, survey.ics, reached, allowance, options, emit, evidence)
    trouble = ""
    try:
        suite.execute(campaign)
    except KeyboardInterrupt:
        emit(SuiteFinished(suite.name, campaign.purse.drawn, campaign.waited_s, ""))
        raise
    except Exception as wrong:  # noqa: BLE001 - whatever it is, it is ours, and the record has to say so
        trouble = evidence.scrub(f"{type(wrong).__name__}: {wrong}")
    emit(SuiteFinished(suite.name, campaign.purse.drawn, campaign.waited_s, trouble))
    return bool(trouble)


def _fill_harness(harness: pb.Harness, suites: Sequence[Suite]) -> None:
    harness.version = version("qkd-harness")
    harness.python = platform.python_version()
    harness.platform = platform.platform()
    harness.suite_digest = digest_of(*(folder for suite in suites for folder in suite.sources))
    for name in _LIBRARIES:
        harness.libraries[name] = version(name)


def digest_of(*folders: Path) -> str:
    """SHA-256 over the names and contents of the Python and TOML files below ``folders``, hexadecimal."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in {".py", ".toml"}:
                digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
