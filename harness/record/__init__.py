"""The run record on disk: read, write, and the one question that everybody asks of it."""

from __future__ import annotations

from pathlib import Path

from google.protobuf.json_format import MessageToJson, Parse, ParseError

from qkd.run.v1 import run_record_pb2 as pb

SCHEMA = "qkd.run.v1"


class RecordError(ValueError):
    """A file is not a run record; the text says which file and why."""


def to_json(record: pb.RunRecord) -> str:
    """Protobuf JSON with the field names of the contract, ending in a line feed."""
    return MessageToJson(record, preserving_proto_field_name=True) + "\n"


def save(record: pb.RunRecord, path: Path) -> None:
    """Write ``record`` as protobuf JSON."""
    path.write_text(to_json(record), encoding="utf-8")


def load(path: Path) -> pb.RunRecord:
    """Read a run record.

    Raises:
        RecordError: the file cannot be read, is not protobuf JSON of a run record, or has another schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
        record = Parse(text, pb.RunRecord(), ignore_unknown_fields=False)
    except (OSError, UnicodeDecodeError, ParseError) as wrong:
        raise RecordError(f"{path}: not a run record: {wrong}") from wrong
    if record.schema != SCHEMA:
        raise RecordError(f"{path}: schema is {record.schema!r}, this harness reads {SCHEMA!r}")
    return record
