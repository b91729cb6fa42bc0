"""The harness's end of the shim: one supervised process."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

from harness.hosting.errors import HostingError
from harness.hosting.launch import LaunchSpec
from harness.hosting.log import LIMIT_OCTETS, LogTail, read_tail

_log = logging.getLogger(__name__)
_SHIM = Path(__file__).with_name("shim.py")
_START_S = 10.0
# Names a launch in the environment of everything that it forks; no secret. Needed when the shim itself is killed.
LAUNCH_MARK = "QKD_HARNESS_LAUNCH"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: a status, or a signal, or (both None) its supervisor was killed with it."""

    status: int | None = None
    signal: int | None = None

    def __str__(self) -> str:
        if self.signal is not None:
            with suppress(ValueError):
                return f"ended by signal {self.signal} ({signal.Signals(self.signal).name})"
            return f"ended by signal {self.signal}"
        return "its supervisor was killed" if self.status is None else f"ended with exit status {self.status}"


class Supervised:
    """A maker's process under the shim. Make one with `start`; always `end` it.

    Attributes:
        pid: process ID of COMMAND; also its process group and session.
        started: resolved when COMMAND runs (0) or could not be run (errno).
        ended: resolved when COMMAND has ended.
        gone: resolved when nothing of it, forks included, is left.
    """

    def __init__(
        self, shim: subprocess.Popen[bytes], lifeline: int, status: int, log: Path, environment: Mapping[str, str]
    ) -> None:
        loop = asyncio.get_running_loop()
        self.pid = 0
        self.ended: asyncio.Future[Exit] = loop.create_future()
        self.gone: asyncio.Future[None] = loop.create_future()
        self.started: asyncio.Future[int] = loop.create_future()
        self._shim = shim
        self._lifeline = lifeline
        self._status = status
        self._said = b""
        self._done = False
        self._log = log
        self._launch = environment[LAUNCH_MARK]
        os.set_blocking(status, False)
        loop.add_reader(status, self._listen)

    @classmethod
    async def start(
        cls, spec: LaunchSpec, environment: Mapping[str, str], log: Path, *, litter: Path | None = None
    ) -> Supervised:
        """Starts the command of `spec`; `litter` is a folder to remove should this process die.

        Raises:
            HostingError: when the command cannot be started.
        """
        made = _spawn(spec, environment, log, litter)
        try:
            async with asyncio.timeout(_START_S):
                failure = await asyncio.shield(made.started)
        except BaseException as error:
            await made.end(kill_s=_START_S)
            if isinstance(error, TimeoutError):
                raise HostingError(f"{spec.name}: could not be started", waited_s=_START_S) from None
            raise
        if failure:
            await made.end(kill_s=_START_S)
            raise HostingError(
                f"{spec.name}: could not be started: {os.strerror(failure)}: {spec.command[0]}",
                advice=_START_ADVICE.get(failure, "start the command by hand, in the same working directory"),
            )
        return made

    def tail(self, secrets: Iterable[str]) -> LogTail:
        """The tail of what it has logged."""
        return read_tail(self._log, secrets)

    def describe(self) -> str:
        """What is known of the process, for people."""
        return str(self.ended.result()) if self.ended.done() else f"still running, pid {self.pid}"

    def terminate(self) -> None:
        """Sends SIGTERM to its process group."""
        self._order(b"T")

    def kill(self) -> None:
        """Kills it and everything that it forked."""
        self._order(b"K")

    async def end(self, kill_s: float) -> None:
        """Kills what is left of it and returns when all of it is gone. Never raises; safe to call again."""
        self.kill()
        await asyncio.wait({self.gone}, timeout=kill_s)
        if not self.gone.done():  # a shim that is stopped or stuck: `_listen` sweeps up once it is dead
            self._shim.kill()
            await asyncio.wait({self.gone}, timeout=kill_s)
        if not self.gone.done():
            _log.warning("process %d could not be killed within %g s", self.pid, 2 * kill_s)
        self._close_lifeline()
        self._stop_listening()
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._shim.wait, kill_s)

    def _order(self, letter: bytes) -> None:
        if self._lifeline >= 0:
            with suppress(BrokenPipeError):
                os.write(self._lifeline, letter)

    def _close_lifeline(self) -> None:
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _stop_listening(self) -> None:
        if self._status >= 0:
            asyncio.get_running_loop().remove_reader(self._status)
            os.close(self._status)
            self._status = -1

    def _listen(self) -> None:
        """Takes what the shim says; the end of it means that the shim itself is gone."""
        try:
            said = os.read(self._status, 4096)
        except BlockingIOError:
            return
        *lines, self._said = (self._said + said).split(b"\n")
        for line in lines:
            self._take(line.decode())
        if not said:
            self._stop_listening()
            if self.started.done() and not self._done:  # the shim was killed: sweep up after it
                _kill_all_with(self._launch)
            _settle(self.started, errno.ECHILD)
            _settle(self.ended, Exit())
            _settle(self.gone, None)

    def _take(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "started":
            self.pid = int(rest)
            _settle(self.started, 0)
        elif word == "failed":
            _settle(self.started, int(rest))
        elif word == "done":
            self._done = True
        elif word == "exited":
            _settle(self.ended, Exit(status=int(rest)))
        elif word == "signalled":
            _settle(self.ended, Exit(signal=int(rest)))


_START_ADVICE = {
    errno.ENOENT: "check the command: the program is looked up on PATH, or from the working directory when "
    "it has a slash; for a script, check the interpreter in its first line",
    errno.EACCES: "make the program executable (chmod +x), or name its interpreter in the command",
    errno.ENOEXEC: "give the script a first line that names its interpreter (#!)",
}


def _settle(future: asyncio.Future[_T], value: _T) -> None:
    if not future.done():
        future.set_result(value)


def _spawn(spec: LaunchSpec, environment: Mapping[str, str], log: Path, litter: Path | None) -> Supervised:
    lifeline, lifeline_end = os.pipe()
    status_end, status = os.pipe()
    arguments = [str(lifeline), str(status), str(log), str(LIMIT_OCTETS), str(litter or "")]
    try:
        shim = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_SHIM), *arguments, *spec.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=spec.cwd,
            env=dict(environment),
            pass_fds=(lifeline, status),
            start_new_session=True,
        )
    except OSError as error:
        os.close(lifeline_end)
        os.close(status_end)
        raise HostingError(
            f"{spec.name}: could not be started: {error.strerror}: {error.filename}",
            advice="check the working directory of the launch",
        ) from None
    finally:
        os.close(lifeline)
        os.close(status)
    # Reaped even when whoever ends it is cancelled meanwhile.
    threading.Thread(target=shim.wait, name=f"reaper of {shim.pid}", daemon=True).start()
    return Supervised(shim, lifeline_end, status_end, log, environment)


def _kill_all_with(launch: str) -> None:
    """Kills every process that bears the mark of this launch in its environment."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(LAUNCH_MARK) == launch:
                process.kill()
