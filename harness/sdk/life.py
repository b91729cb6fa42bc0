"""The life of a hosted process: serve, register, run until asked to end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import uvloop
from grpc_health.v1 import health_pb2, health_pb2_grpc

from harness.contract import bearer_metadata, read_error
from harness.sdk.server import contract_server, loopback_channel
from harness.sdk.service import DEFAULT_GRACE_S, ImplementationServicer
from harness.sdk.vendor import Vendor
from qkd.vendor.v1 import vendor_pb2, vendor_pb2_grpc

_log = logging.getLogger(__name__)
CONTRACT = "qkd.vendor.v1"
REGISTRATION_S = 20.0
_ATTEMPT_S = 5.0
_HANDLED = (signal.SIGTERM, signal.SIGINT)


class RegistrationError(Exception):
    """The harness did not take the registration."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What the harness told this process through its environment."""

    address: str
    token: str = field(repr=False)
    state: Path

    @classmethod
    def take(cls, environment: MutableMapping[str, str]) -> Launch:
        """Reads QKD_HARNESS_*, and removes the token so that no child process inherits it.

        Raises:
            LookupError: when one of them is missing.
        """
        missing = [name for name in _VARIABLES if not environment.get(name)]
        if missing:
            raise LookupError(", ".join(missing))
        return cls(
            environment["QKD_HARNESS_ADDRESS"],
            environment.pop("QKD_HARNESS_TOKEN"),
            Path(environment["QKD_HARNESS_STATE"]),
        )


_VARIABLES = ("QKD_HARNESS_ADDRESS", "QKD_HARNESS_TOKEN", "QKD_HARNESS_STATE")


def serve(vendor: Vendor) -> None:
    """Runs a hosted implementation until the harness asks it to end, SIGTERM, or the harness is gone.

    Reads QKD_HARNESS_ADDRESS, QKD_HARNESS_TOKEN and QKD_HARNESS_STATE; logs to stderr at the level that
    QKD_HARNESS_LOG names (default INFO).

    Raises:
        SystemExit: 2 when it was not launched by the harness, 3 when the harness does not take the
            registration.
    """
    try:
        launch = Launch.take(os.environ)
    except LookupError as error:
        program = Path(sys.argv[0]).name
        sys.stderr.write(f"{program} is launched by qkd-harness, which sets {error}; see qkd/vendor/v1/vendor.proto\n")
        sys.exit(2)
    _log_to_stderr(launch.token, os.environ)
    try:
        _run(run_vendor(vendor, launch, handle_signals=True))
    except RegistrationError as error:
        _log.error("%s", error)
        sys.exit(3)


def _run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


async def run_vendor(vendor: Vendor, launch: Launch, *, handle_signals: bool = False) -> None:
    """Serves `vendor`, registers it, and returns once it has ended.

    Raises:
        RegistrationError: when the harness refuses, or cannot be reached in `REGISTRATION_S` seconds.
    """
    loop = asyncio.get_running_loop()
    grace: asyncio.Future[float] = loop.create_future()

    def end(seconds: float) -> None:
        if not grace.done():
            grace.set_result(seconds)

    if handle_signals:
        for number in _HANDLED:
            loop.add_signal_handler(number, end, DEFAULT_GRACE_S)
    server = contract_server(ImplementationServicer(vendor, launch.state, end), token=launch.token)
    async with loopback_channel(launch.address) as channel:
        await server.start()
        watch = None
        try:
            await _unless(grace, _register(channel, server.address, launch.token))
            watch = asyncio.create_task(_await_harness_gone(channel))
            watch.add_done_callback(lambda _: end(DEFAULT_GRACE_S))
            seconds = await grace
        except asyncio.CancelledError:
            seconds = DEFAULT_GRACE_S
            await _end_vendor(vendor, seconds)
            raise
        else:
            await _end_vendor(vendor, seconds)
        finally:
            if watch is not None:
                watch.cancel()
            # A little for the answer to Shutdown itself; everything else has ended.
            await server.stop(0.2)


async def _unless(ending: asyncio.Future[float], work: Coroutine[Any, Any, None]) -> None:
    """Does `work`, and breaks it off when the process is to end."""
    task = asyncio.ensure_future(work)
    either: set[asyncio.Future[Any]] = {task, ending}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
    finally:
        task.cancel()


async def _end_vendor(vendor: Vendor, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await vendor.shutdown()
    except TimeoutError:
        _log.error("shutdown did not end within %g s", seconds)
    except Exception as error:  # noqa: BLE001 - the maker's code; its text may hold secrets, and we end anyway
        _log.error("shutdown failed with %s", type(error).__qualname__)


async def _register(channel: grpc.aio.Channel, address: str, token: str) -> None:
    request = vendor_pb2.RegisterRequest(address=address, pid=os.getpid(), contract=CONTRACT)
    stub = vendor_pb2_grpc.HarnessServiceStub(channel)
    deadline = asyncio.get_running_loop().time() + REGISTRATION_S
    while True:
        left = deadline - asyncio.get_running_loop().time()
        try:
            answer = await stub.Register(
                request,
                metadata=bearer_metadata(token),
                timeout=max(0.1, min(_ATTEMPT_S, left)),
                wait_for_ready=True,
            )
        except grpc.aio.AioRpcError as error:
            transient = error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
            if transient and left > _ATTEMPT_S:
                continue
            raise RegistrationError(f"the harness did not take the registration: {read_error(error)}") from None
        _log.info("registered with qkd-harness %s as %s", answer.harness_version, address)
        return


async def _await_harness_gone(channel: grpc.aio.Channel) -> None:
    """Returns when the harness ends or cannot be heard any more: nobody is left to end this process."""
    request = health_pb2.HealthCheckRequest(service=f"{CONTRACT}.HarnessService")
    stub: Any = health_pb2_grpc.HealthStub(channel)
    with suppress(grpc.aio.AioRpcError):
        async for status in stub.Watch(request):
            if status.status != health_pb2.HealthCheckResponse.SERVING:
                break
    _log.info("the harness is gone")


class _Scrubbing(logging.Formatter):
    """Keeps the launch token out of the log whatever anybody logs."""

    def __init__(self, token: str) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._token = token

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        return super().format(record).replace(self._token, "(redacted)")


def _log_to_stderr(token: str, environment: Mapping[str, str]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Scrubbing(token))
    level = environment.get("QKD_HARNESS_LOG", "INFO").upper()
    logging.basicConfig(level=level if level in logging.getLevelNamesMapping() else "INFO", handlers=[handler])
