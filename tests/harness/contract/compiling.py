"""Compiling contracts as a maker does."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from grpc_tools import protoc  # type: ignore[import-untyped]

PROTOS = Path(__file__).parents[3] / "protos"


def compile_with_protoc_alone(source: Path, into: Path) -> None:
    """What a maker does: these files and Google's own, nothing else on the path."""
    google = importlib.resources.files("grpc_tools") / "_proto"
    files = [str(file) for file in sorted(source.rglob("*.proto"))]
    arguments = ["protoc", f"-I{source}", f"-I{google}", "--include_imports", f"--descriptor_set_out={into}"]
    assert protoc.main([*arguments, *files]) == 0
