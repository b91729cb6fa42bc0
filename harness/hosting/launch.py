"""What to launch, and how long to wait for it."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class LaunchSpec:
    """How to start a maker's process.

    Attributes:
        command: program and arguments; "{python}" stands for the running interpreter. Never put a secret
            here: every user of the machine can read it.
        name: what to call it in messages; default the program's file name.
        cwd: working directory; default that of the harness.
        env: variables besides those of the harness's own environment. Hidden from the repr: they may be
            secret.
        folder: where its state and its log are kept afterwards; default a private temporary folder,
            removed at the end.
    """

    command: tuple[str, ...]
    name: str = ""
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: Path | None = None

    def __post_init__(self) -> None:
        if not self.command:
            raise ValueError("a command has at least the program")
        command = tuple(part.replace("{python}", sys.executable) for part in self.command)
        object.__setattr__(self, "command", command)
        object.__setattr__(self, "name", self.name or Path(self.command[0]).name)

    def program(self) -> Path | None:
        """The program file, resolved as the system would; None when there is no such file."""
        program = Path(self.command[0])
        if len(program.parts) > 1:
            found = (self.cwd or Path()) / program
            return found.resolve() if found.is_file() else None
        search = self.env.get("PATH")
        which = shutil.which(self.command[0], path=search)
        return Path(which).resolve() if which else None


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long the harness waits, seconds.

    Attributes:
        registration_s: from the start of the process to its registration.
        provision_s: for one ProvisionKme, ConnectKme or ReleaseKme.
        call_s: for any other call.
        shutdown_s: for the process to end after Shutdown.
        terminate_s: for it to end after SIGTERM.
        kill_s: for it to vanish after SIGKILL.
    """

    registration_s: float = 20.0
    provision_s: float = 20.0
    call_s: float = 5.0
    shutdown_s: float = 5.0
    terminate_s: float = 2.0
    kill_s: float = 5.0


@dataclass(frozen=True, slots=True)
class ProgramDigest:
    """A file that was run, and its SHA-256 in hexadecimal."""

    path: Path
    sha256: str


def digests(spec: LaunchSpec) -> tuple[ProgramDigest, ...]:
    """SHA-256 of the program file, and of every argument that names a file (a script, a configuration)."""
    program = spec.program()
    files = [] if program is None else [program]
    for argument in spec.command[1:]:
        path = (spec.cwd or Path()) / argument
        if "\0" not in argument and len(argument) < 4096 and _is_file(path):
            files.append(path.resolve())
    return tuple(ProgramDigest(path, _sha256(path)) for path in dict.fromkeys(files) if _readable(path))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # for instance a name that is too long
        return False


def _readable(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:  # executable but not readable
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
