"""The SSH host key of an agent: made once, kept in its folder."""

from __future__ import annotations

import os
from pathlib import Path

import asyncssh

_NAME = "ssh_host_ed25519_key"


def host_key(folder: Path) -> asyncssh.SSHKey:
    """The key; a new one if there is none yet.

    Raises:
        ValueError: the file holds something else.
        OSError: it cannot be read or written.
    """
    path = folder / _NAME
    try:
        held = path.read_bytes()
    except FileNotFoundError:
        return _new(path)
    try:
        return asyncssh.import_private_key(held)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        raise ValueError(f"{path} is no SSH key of this agent; move it away to have a new one made") from None


def public_line(key: asyncssh.SSHKey) -> str:
    """The public half as in known_hosts, without the host."""
    return " ".join(key.export_public_key("openssh").decode("ascii").split()[:2])


def _new(path: Path) -> asyncssh.SSHKey:
    key = asyncssh.generate_private_key("ssh-ed25519")
    draft = path.with_suffix(".next")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key.export_private_key("openssh"))
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    return key
