"""An implementation's claims (ICS) from a file."""

from __future__ import annotations

import tomllib
from pathlib import Path


class Ics(dict[str, dict[str, object]]):
    """Claims by suite: ``{"etsi014": {"multicast": True}}``."""

    @classmethod
    def load(cls, path: str | Path) -> Ics:
        """Reads a TOML file with one table a suite: ``[etsi014]``, or ``[ics.etsi014]`` as in a target file.

        Raises:
            OSError: when the file cannot be read.
            ValueError: when it is not TOML, or a top-level member is not a table.
        """
        try:
            read = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{path}: {error}") from None
        tables = read.get("ics", read)
        loose = [name for name, table in tables.items() if not isinstance(table, dict)]
        if loose:
            raise ValueError(f"{path}: {', '.join(loose)}: claims stand in one table a suite, for instance [etsi014]")
        return cls(tables)
