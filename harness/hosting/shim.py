"""Stands between the harness and a maker's process, so that nothing of it outlives the harness.

A script of its own, started as ``python -I -S shim.py LIFELINE STATUS LOG LIMIT LITTER COMMAND…`` (it must be up
within milliseconds, hence few imports and none of the harness). It runs COMMAND in a session of its own,
adopts whatever that forks (child subreaper), and kills all of it when COMMAND ends, when it is told so, or
when the lifeline closes, which happens by itself when the harness dies in whatever way.

LIFELINE: descriptor of a pipe; reads "T" (SIGTERM to the group), "K" (kill everything), end of file (the
same). STATUS: descriptor of a pipe; writes the lines "started PID", "failed ERRNO", "exited N", "signalled
N", "done". LOG: file for stdout and stderr, of at most LIMIT octets; the one before it is kept as LOG.1. A
file that is not the first begins with a line that says how many octets were logged before it.
LITTER: folder to remove when the harness died without doing so itself; empty = none.
"""

import ctypes
import fcntl
import os
import select
import signal
import sys
from contextlib import suppress

_SET_PDEATHSIG = 1
_SET_CHILD_SUBREAPER = 36
_SET_PIPE_SIZE = 1031
_PIPE_OCTETS = 1 << 20
_PARENT_CHECK_MS = 500
_KILL_ROUNDS = 500
_KILL_ROUND_MS = 10
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_RESET = (*_IGNORED, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ)
_MARK = b" octets of log before this line]"


def prctl(option: int, value: int) -> None:
    """Linux only; elsewhere the process group is all there is to hold on to."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _logged_before(path: str) -> int:
    """Octets that a log holds, and that its first line says went before it."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs start-up time
            first = file.readline(64)
            size = os.fstat(file.fileno()).st_size
    except OSError:
        return 0
    if not first.endswith(_MARK + b"\n"):
        return size
    return int(first[1 : -len(_MARK) - 1]) + size - len(first)


class Log:
    """Two files of at most `limit` octets each, whatever is written."""

    def __init__(self, path: str, limit: int) -> None:
        self._path = path
        self._file = -1
        self._limit = limit
        self._total = 0
        self._size = 0
        if earlier := _logged_before(path):  # a process that was started anew goes on where it was
            self._total = earlier
            self._start_anew(earlier)
        else:
            self._open()

    def write(self, chunk: bytes) -> None:
        """Appends, forgetting what is too old; a full disk costs log, not the process."""
        self._total += len(chunk)
        with suppress(OSError):
            if self._size + len(chunk) > self._limit:
                chunk = chunk[-self._limit :]
                self._start_anew(self._total - len(chunk))
            self._size += os.write(self._file, chunk)

    def _start_anew(self, before: int) -> None:
        if self._file >= 0:
            os.close(self._file)
        os.replace(self._path, self._path + ".1")  # noqa: PTH105
        self._open()
        os.write(self._file, b"[%d%s\n" % (before, _MARK))

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._size = 0


class Shim:
    """Watches one command until nothing of it is left."""

    def __init__(self, lifeline: int, status: int, log: Log) -> None:
        self._parent = os.getppid()
        self._lifeline = lifeline
        self._status = status
        self._log = log
        self._child = 0
        self._output = -1
        self._wake = -1
        self._killing = False
        self.orphaned = False

    def run(self, command: list[str]) -> None:
        """Returns when COMMAND and everything that it forked is gone."""
        prctl(_SET_CHILD_SUBREAPER, 1)
        self._wake = _wake_on_child_end()
        if not self._start(command):
            return
        poll = select.poll()
        for descriptor in (self._output, self._lifeline, self._wake):
            poll.register(descriptor, select.POLLIN)
        while not self._killing and not self._main_ended():
            ready = {descriptor for descriptor, _ in poll.poll(_PARENT_CHECK_MS)}
            if self._output in ready and not self._copy_output():
                poll.unregister(self._output)  # closed its output and runs on
            if self._lifeline in ready:
                self._obey()
            if os.getppid() != self._parent:  # a fork of the harness may hold the lifeline open
                self._killing = self.orphaned = True
            _drain(self._wake)
        self._kill_all()
        self._copy_rest()
        self._say("done")

    def _start(self, command: list[str]) -> bool:
        self._output, output = os.pipe()
        os.set_blocking(self._output, False)
        with suppress(OSError):  # a smaller pipe works as well
            fcntl.fcntl(output, _SET_PIPE_SIZE, _PIPE_OCTETS)
        failed, failing = os.pipe()
        shim = os.getpid()
        self._child = os.fork()
        if self._child == 0:
            _become(command, output, failing, shim)
        os.close(output)
        os.close(failing)
        error = os.read(failed, 32)
        os.close(failed)
        if error:
            os.waitpid(self._child, 0)
            self._say("failed " + error.decode())
            return False
        self._say(f"started {self._child}")
        return True

    def _copy_output(self) -> bool:
        """Moves what is there into the log; False at the end of the output. Raises when nothing is there."""
        chunk = os.read(self._output, _PIPE_OCTETS)
        if chunk:
            self._log.write(chunk)
        return bool(chunk)

    def _copy_rest(self) -> None:
        """Moves what COMMAND has left in the pipe; bounded, for a fork of it may still be writing."""
        with suppress(BlockingIOError):
            for _ in range(_PIPE_OCTETS // select.PIPE_BUF):
                if not self._copy_output():
                    break

    def _obey(self) -> None:
        orders = os.read(self._lifeline, 64)
        if not orders or b"K" in orders:
            self._killing = True
            self.orphaned = not orders
        elif b"T" in orders:
            self._signal_group(signal.SIGTERM)

    def _signal_group(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):  # all of it has ended
            os.killpg(self._child, number)

    def _main_ended(self) -> bool:
        """Whether COMMAND has ended.

        It stays a zombie until its group is dead, so that its number is not reused.
        """
        return os.waitid(os.P_PID, self._child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _kill_all(self) -> None:
        self._killing = True
        self._signal_group(signal.SIGKILL)
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        for _ in range(_KILL_ROUNDS):
            if not self._reap():
                return
            # Direct children only: nobody else can reap those, so their numbers are theirs. Their own
            # children come to this process as they die.
            for pid in _children():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            poll.poll(_KILL_ROUND_MS)
            _drain(self._wake)

    def _reap(self) -> bool:
        """Collects what has ended; False when no child is left."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self._child:
                    self._copy_rest()  # so that whoever hears of the end finds all of the log
                    code = os.waitstatus_to_exitcode(status)
                    self._say(f"exited {code}" if code >= 0 else f"signalled {-code}")
        except ChildProcessError:
            return False

    def _say(self, line: str) -> None:
        with suppress(BrokenPipeError):  # the harness is gone
            os.write(self._status, line.encode() + b"\n")


def _become(command: list[str], output: int, failing: int, shim: int) -> None:
    """Turns this fork into COMMAND."""
    try:
        os.setsid()
        prctl(_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != shim:
            os._exit(127)  # the shim died before the line above
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        signal.set_wakeup_fd(-1)
        for number in _RESET:  # what is ignored here would stay ignored there
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)  # noqa: S606 - the command is what the user asked to host
    except OSError as error:
        os.write(failing, str(error.errno).encode())
    finally:
        os._exit(127)


def _wake_on_child_end() -> int:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader


def _drain(descriptor: int) -> None:
    with suppress(BlockingIOError):
        os.read(descriptor, 4096)


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:  # noqa: PTH123
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def main(arguments: list[str]) -> None:
    """See the module's docstring."""
    lifeline, status = int(arguments[0]), int(arguments[1])
    os.set_inheritable(lifeline, False)
    os.set_inheritable(status, False)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)  # the lifeline alone ends this process
    shim = Shim(lifeline, status, Log(arguments[2], int(arguments[3])))
    shim.run(arguments[5:])
    if shim.orphaned and arguments[4]:
        import shutil  # noqa: PLC0415 - seldom needed, and costs start-up time

        shutil.rmtree(arguments[4], ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
