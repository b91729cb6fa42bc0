"""Hosting in this very process, over the same gRPC contract on loopback. For tests."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio

from harness.hosting.connection import connect
from harness.hosting.host import Ending, Host
from harness.hosting.implementation import Failure
from harness.hosting.launch import Bounds
from harness.hosting.log import LogTail
from harness.hosting.registration import Registration
from harness.sdk.life import Launch, run_vendor
from harness.sdk.vendor import Vendor


@asynccontextmanager
async def host_in_process(make: Callable[[], Vendor], *, bounds: Bounds | None = None) -> AsyncIterator[InProcessHost]:
    """Hosts the `Vendor` that `make` gives (called again at every restart) in this process.

    Raises:
        HostingError: when it does not register or breaks the hosting contract.
    """
    state = Path(tempfile.mkdtemp(prefix="qkd-harness-"))
    host = InProcessHost(make, bounds or Bounds(), state)
    try:
        await host.start()
        yield host
    finally:
        with anyio.CancelScope(shield=True):
            await host.stop()
        shutil.rmtree(state, ignore_errors=True)


class InProcessHost(Host):
    """A `Vendor` object in this process. Made by `host_in_process`."""

    def __init__(self, make: Callable[[], Vendor], bounds: Bounds, state: Path) -> None:
        super().__init__("in-process", bounds)
        self._make = make
        self._state = state
        self._task: asyncio.Task[None] | None = None
        self._registration: Registration | None = None
        self._stack = AsyncExitStack()

    def log_tail(self) -> LogTail:
        """Empty: it logs where this process logs."""
        return LogTail("")

    def state_line(self) -> str:
        """Empty: it has no process of its own."""
        return ""

    async def failed(self) -> Failure:
        """Returns once the vendor has ended, or broken the contract, by itself."""
        if self._task is None or self._registration is None:
            return Failure("is not running", ended=False)
        task, fault = self._task, self._registration.fault
        either: set[asyncio.Future[Any]] = {task, fault}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if fault.done():
            return Failure(fault.result(), ended=False)
        error = None if task.cancelled() else task.exception()
        what = "ended" if error is None else f"ended with {type(error).__qualname__}"
        return Failure(what, ended=True)

    async def start(self) -> None:
        """Starts the vendor and waits until it is registered, probed and described."""
        vendor = self._make()
        self.name = vendor.name
        self.ending = None
        registration = await self._stack.enter_async_context(Registration())
        self._registration = registration
        self._secrets.add(registration.token)
        launch = Launch(registration.address, registration.token, self._state)
        self._task = asyncio.create_task(run_vendor(vendor, launch))
        try:
            self._connection = await connect(registration, self, self.bounds)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._clear_away()
            raise

    async def stop(self) -> Ending:
        """Asks the vendor to end, then cancels it."""
        if self.ending is None:
            self.ending = await self._end_in_stages()
            await self._clear_away()
        return self.ending

    async def kill(self) -> None:
        """Cancels the vendor, which still runs its `shutdown`: nothing in this process can be killed."""
        self.ending = Ending("killed")
        await self._clear_away()

    async def restart(self, *, graceful: bool = False) -> None:
        """See `Host.restart`, and `kill` for what it means here."""
        await (self.stop() if graceful else self.kill())
        await self.start()

    async def _end_in_stages(self) -> Ending:
        if self._task is None or self._connection is None or self._task.done():
            return Ending("gone")
        with suppress(Exception):
            await self._connection.implementation.shutdown()
        await asyncio.wait({self._task}, timeout=self.bounds.shutdown_s)
        return Ending("asked") if self._task.done() else Ending("killed", "did not end when asked to")

    async def _clear_away(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._stack.aclose()
