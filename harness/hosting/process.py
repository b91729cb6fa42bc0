"""Hosting as a process of its own: launched, supervised, ended; nothing of it is left behind."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import grpc

from harness.hosting.connection import connect
from harness.hosting.errors import HostingError
from harness.hosting.host import Ending, Host
from harness.hosting.implementation import Failure
from harness.hosting.launch import Bounds, LaunchSpec, ProgramDigest, digests
from harness.hosting.log import LogTail
from harness.hosting.registration import Registration
from harness.hosting.supervised import LAUNCH_MARK, Supervised

_log = logging.getLogger(__name__)
_LOOPBACK = "127.0.0.1,localhost,::1"


@asynccontextmanager
async def launch(
    spec: LaunchSpec, *, bounds: Bounds | None = None, strict_end: bool = False
) -> AsyncIterator[ProcessHost]:
    """Launches a maker's process; on the way out it is asked to end, then made to.

    Args:
        spec: what to launch.
        bounds: how long to wait for it.
        strict_end: raise when the body succeeded but the process did not end as it should. Otherwise that is
            logged, and stands in `Host.ending`.

    Raises:
        HostingError: when it cannot be started, does not register, or breaks the hosting contract.
    """
    with _folder(spec) as folder:
        host = ProcessHost(spec, bounds or Bounds(), folder)
        try:
            await host.start()
            yield host
        finally:
            with anyio.CancelScope(shield=True):
                ending = await host.stop()
        if strict_end and ending.complaint:
            raise host.error(ending.complaint, advice="end the process when ImplementationService.Shutdown asks")


class ProcessHost(Host):
    """A maker's process. Made by `launch`.

    Args:
        spec: what to launch.
        bounds: how long to wait for it.
        folder: holds its state folder and its log.
    """

    def __init__(self, spec: LaunchSpec, bounds: Bounds, folder: Path) -> None:
        super().__init__(spec.name, bounds)
        self.spec = spec
        self.log_path = folder / "process.log"
        self._state = folder / "state"
        self._process: Supervised | None = None
        self._registration: Registration | None = None
        self._stack = AsyncExitStack()
        self._digests: tuple[ProgramDigest, ...] = ()

    @property
    def pid(self) -> int | None:
        """Process ID of what was launched."""
        return self._process.pid if self._process else None

    @property
    def digests(self) -> tuple[ProgramDigest, ...]:
        """SHA-256 of the program, and of the files among its arguments."""
        return self._digests

    def log_tail(self) -> LogTail:
        """The last of stdout and stderr."""
        return self._process.tail(self._secrets) if self._process else LogTail("")

    def state_line(self) -> str:
        """See `Host.state_line`."""
        return self._process.describe() if self._process else ""

    async def failed(self) -> Failure:
        """Returns once the process has ended, or broken the contract, by itself."""
        if self._process is None or self._registration is None:
            return Failure("is not running", ended=False)
        ended, fault = self._process.ended, self._registration.fault
        either: set[asyncio.Future[Any]] = {ended, fault}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if fault.done():
            return Failure(fault.result(), ended=False)
        return Failure(str(ended.result()), ended=True)

    async def start(self) -> None:
        """Starts the process and waits until it is registered, probed and described.

        Raises:
            HostingError: see `launch`.
        """
        self._digests = await asyncio.to_thread(digests, self.spec)
        self._state.mkdir(mode=0o700, exist_ok=True)
        self.ending = None
        registration = await self._stack.enter_async_context(Registration())
        self._registration = registration
        self._secrets.add(registration.token)
        try:
            environment = self._environment(registration)
            litter = None if self.spec.folder else self.log_path.parent
            self._process = await Supervised.start(self.spec, environment, self.log_path, litter=litter)
            self._connection = await connect(registration, self, self.bounds)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._clear_away()
            raise

    async def stop(self) -> Ending:
        """Asks the process to end, then sends SIGTERM, then kills whatever is left. Never raises."""
        if self.ending is None:
            try:
                self.ending = await self._end_in_stages()
            finally:
                await self._clear_away()
            if self.ending.complaint:
                _log.warning("%s: %s", self.name, self.ending.complaint)
        return self.ending

    async def kill(self) -> None:
        """Kills the process and everything that it forked (SIGKILL), and waits until all of it is gone."""
        self.ending = Ending("killed")
        await self._clear_away()

    async def restart(self, *, graceful: bool = False) -> None:
        """See `Host.restart`."""
        await (self.stop() if graceful else self.kill())
        await self.start()

    async def _end_in_stages(self) -> Ending:
        process, bounds = self._process, self.bounds
        if process is None or self._connection is None:
            return Ending("gone")
        if process.ended.done():
            return Ending("gone", f"was gone before it was asked to end: {process.ended.result()}")
        complaint = f"was asked to end (Shutdown) and had not after {bounds.shutdown_s:g} s"
        try:
            await self._connection.implementation.shutdown()
        except grpc.aio.AioRpcError as error:
            complaint = f"refused Shutdown with {error.code().name}"
        else:
            if await _within(process, bounds.shutdown_s):
                return Ending("asked")
        if process.ended.done():
            return Ending("asked")
        process.terminate()
        if await _within(process, bounds.terminate_s):
            return Ending("terminated", f"{complaint}; it ended at SIGTERM")
        complaint += f"; SIGTERM did not end it within {bounds.terminate_s:g} s; it was killed"
        return Ending("killed", complaint)

    async def _clear_away(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
        if self._process is not None:
            await self._process.end(self.bounds.kill_s)
        await self._stack.aclose()

    def _environment(self, registration: Registration) -> Mapping[str, str]:
        environment = {**os.environ, **self.spec.env}
        for name in ("no_proxy", "NO_PROXY"):  # a stock gRPC client would look for loopback behind a proxy
            environment[name] = ",".join(filter(None, (environment.get(name), _LOOPBACK)))
        environment.setdefault("GRPC_VERBOSITY", "ERROR")  # its news of closed connections would fill the log
        environment[LAUNCH_MARK] = secrets.token_hex(8)
        environment["QKD_HARNESS_ADDRESS"] = registration.address
        environment["QKD_HARNESS_TOKEN"] = registration.token
        environment["QKD_HARNESS_STATE"] = str(self._state)
        return environment


async def _within(process: Supervised, seconds: float) -> bool:
    await asyncio.wait({process.ended}, timeout=seconds)
    return process.ended.done()


@contextmanager
def _folder(spec: LaunchSpec) -> Iterator[Path]:
    """The folder of this launch: the one that `spec` names, or a private one that is removed afterwards."""
    if spec.folder is not None:
        try:
            spec.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise HostingError(f"{spec.name}: {error.filename}: {error.strerror}") from None
        yield spec.folder.resolve()
        return
    made = Path(tempfile.mkdtemp(prefix="qkd-harness-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
