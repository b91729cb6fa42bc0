"""The report as one HTML page: read in a browser, on paper or in an archive, with nothing loaded from anywhere."""

from __future__ import annotations

from pathlib import Path

from qkd.run.v1.run_record_pb2 import RunRecord
from reports.html.page import render


class Html:
    """Writes ``report.html``."""

    name = "html"
    file_name = "report.html"

    def write(self, record: RunRecord, folder: Path) -> Path:
        """See `reports.writer.Writer`."""
        path = folder / self.file_name
        path.write_text(render(record), encoding="utf-8", newline="\n")
        return path


WRITER = Html()
