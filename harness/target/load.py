"""From a file on disk to a target that can be used, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path

from harness.campaign.ics import IcsValue
from harness.document.problem import FileError, Problem, Weight, in_order
from harness.document.shape import shaped
from harness.document.toml import Document, read_document
from harness.target.model import Etsi014, TargetFile
from harness.target.rules import broken_claims, broken_rules

_SUITES = "qkd_harness.suites"
_VENDORS = "qkd_harness.vendors"


@dataclass(frozen=True)
class Target:
    """A target file that holds.

    Attributes:
        path: the file.
        digest: SHA-256 of its octets, hexadecimal.
        file: what it says.
        remarks: warnings and notes about it; nothing that stops a campaign.
        document: the file with its positions; None when the target was not read from one.
    """

    path: Path
    digest: str
    file: TargetFile
    remarks: tuple[Problem, ...] = ()
    document: Document | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The name of what is tested; that of the file when it names none."""
        return self.file.iut.name if self.file.iut else self.path.stem

    @property
    def hosted(self) -> bool:
        """Whether the harness starts the implementation itself."""
        return self.file.launch is not None

    @property
    def etsi014(self) -> Etsi014:
        """``[ixit.etsi014]``."""
        return self.file.ixit.etsi014

    @property
    def claims(self) -> Mapping[str, Mapping[str, IcsValue]]:
        """The claims of the maker, by suite."""
        return self.file.ics

    def check_claims(self, suite: str, known: Mapping[str, tuple[type, str]]) -> None:
        """Insist that ``suite`` knows every claim that is made to it; ``known`` says type and meaning by name.

        Raises:
            FileError: a claim is unknown or of another type. It would change nothing, and nobody would notice.
        """
        problems = broken_claims(self.document, suite, known) if self.document else []
        if problems:
            raise FileError(problems)

    @property
    def draining(self) -> bool:
        """Whether the key pool may be emptied; where the file says nothing: of a hosted implementation only."""
        said = self.etsi014.draining
        return self.hosted if said is None else said

    @property
    def disturbing(self) -> bool:
        """Whether other users may be disturbed; where the file says nothing: of a hosted implementation only."""
        said = self.etsi014.disturbing
        return self.hosted if said is None else said


def load_target(path: Path, *, now: datetime | None = None) -> Target:
    """Read and check a target file. ``now`` (with a time zone; default the present) decides what has expired.

    Raises:
        FileError: it cannot be used; holds every problem, warnings and notes too.
    """
    document = read_document(path)
    shape = shaped(document, TargetFile)
    problems = list(shape.problems)
    present = now or datetime.now(UTC)
    suites, vendors = _installed(_SUITES), _installed(_VENDORS)
    problems += broken_rules(document, present, suites, vendors, shape.meant)
    if shape.model is None or any(problem.weight is Weight.ERROR for problem in problems):
        raise FileError(problems)
    return Target(path, document.digest, shape.model, in_order(problems), document)


def _installed(group: str) -> list[str]:
    return sorted({entry.name for entry in entry_points(group=group)})
