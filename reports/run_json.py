"""The run record itself, as protobuf JSON: what every other report is made from."""

from __future__ import annotations

from pathlib import Path

from harness.record import save
from qkd.run.v1.run_record_pb2 import RunRecord


class RunJson:
    """Writes ``run.json``; `harness.record.load` reads it again without loss."""

    name = "json"
    file_name = "run.json"

    def write(self, record: RunRecord, folder: Path) -> Path:
        """See `reports.writer.Writer`."""
        path = folder / self.file_name
        save(record, path)
        return path


WRITER = RunJson()
