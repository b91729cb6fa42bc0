"""What an agent remembers, in one file that is always whole."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_FORMAT = 1


class StateFile:
    """A JSON object on disk. Written anew each time: a process killed at any moment leaves the old one or the new one.

    Args:
        folder: the instance's state folder.
        name: of the file.
    """

    def __init__(self, folder: Path, name: str = "datastore.json") -> None:
        self._path = folder / name
        self._next = folder / f"{name}.next"

    def load(self) -> dict[str, Any] | None:
        """What was saved last; None = nothing was yet.

        Raises:
            ValueError: the file is not one of these.
        """
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return None
        held: Any = None
        try:
            held = json.loads(text)
            known = held.pop("format") == _FORMAT
        except (ValueError, KeyError, TypeError, AttributeError):
            known = False
        if not known:
            raise ValueError(f"{self._path} is no datastore of this agent; move it away to begin anew")
        return dict(held)

    def save(self, held: dict[str, Any]) -> None:
        """Replaces what was saved; it is on disk when this returns.

        Raises:
            OSError: it cannot be written; what was saved before is still there.
        """
        text = json.dumps({"format": _FORMAT, **held}, separators=(",", ":")).encode()
        with self._next.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        self._next.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
