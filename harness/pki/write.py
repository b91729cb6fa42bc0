"""PEM files, for libraries that take certificates from files alone."""

from __future__ import annotations

import os
from pathlib import Path

from harness.pki.authority import Issued


def write(issued: Issued, folder: Path, stem: str) -> tuple[Path, Path]:
    """Writes ``stem.pem`` and ``stem.key`` (0600 from the first octet on) into `folder`; gives both paths.

    Raises:
        ValueError: when `stem` would lead out of `folder`.
        OSError: when the folder cannot be written.
    """
    if not stem or "/" in stem or "\0" in stem:
        raise ValueError(f"not a file name: {stem!r}")
    certificate, key = folder / f"{stem}.pem", folder / f"{stem}.key"
    certificate.write_bytes(issued.certificate_pem)
    write_private(key, issued.private_key_pem)
    return certificate, key


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that its owner alone can read; an older one is replaced, so its mode is not kept."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
