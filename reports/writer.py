"""What a report format has to offer. A new format is one module with a ``WRITER`` and one entry point."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, cast

from qkd.run.v1.run_record_pb2 import RunRecord

GROUP = "qkd_harness.writers"


class Writer(Protocol):
    """Turns a run record into one file. Third parties' writers join by the entry-point group ``qkd_harness.writers``.

    A writer takes what it says from the record alone, never from the machine that it runs on, so that a report can be
    made anew from a stored record at any time.
    """

    @property
    def name(self) -> str:
        """What a user calls the format, for instance ``junit``."""
        ...

    @property
    def file_name(self) -> str:
        """The file that is written, for instance ``junit.xml``."""
        ...

    def write(self, record: RunRecord, folder: Path) -> Path:
        """Write the report of ``record`` into ``folder``, which exists, and say where; an older one is replaced.

        Raises:
            OSError: the file cannot be written.
        """
        ...


def find_writers() -> dict[str, Writer]:
    """Writers by name, those of third parties too."""
    return {entry.name: cast(Writer, entry.load()) for entry in entry_points(group=GROUP)}
