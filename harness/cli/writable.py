"""Folders that a user names for what is written."""

from __future__ import annotations

from pathlib import Path

from harness.cli.exits import UserError


def writable(folder: Path, option: str) -> None:
    """Makes a folder and sees that files can be written there, before anything takes time.

    Raises:
        UserError: they cannot; names the option that gave the folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as wrong:
        raise UserError(f"{option} {folder}: cannot be written: {(wrong.strerror or '').lower()}") from None
