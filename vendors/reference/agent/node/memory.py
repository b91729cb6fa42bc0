"""What the agent remembers of its node over restarts: nothing secret, and nothing that the parts could say."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from .modules import Pair


class Memory:
    """A small file, written whole.

    Attributes:
        interfaces: qkdi_ids that the node had.
        pairs: how modules were configured, by module ID.
        created: when applications were first set, seconds since 1970, by app_id.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        read: dict[str, Any] = {}
        with suppress(OSError, ValueError):
            read = json.loads(path.read_text(encoding="utf-8"))
        self.interfaces: list[int] = list(read.get("interfaces", ()))
        self.pairs: dict[str, Pair] = {name: Pair(*pair) for name, pair in read.get("pairs", {}).items()}
        self.created: dict[str, float] = dict(read.get("created", {}))

    def save(self) -> None:
        """Writes it down; a crash leaves the last one or this one."""
        draft = self._path.with_suffix(".draft")
        with draft.open("w", encoding="utf-8") as file:
            json.dump({"interfaces": self.interfaces, "pairs": self.pairs, "created": self.created}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._path)
